"""Time that passes at once: a loop whose clock jumps to the next thing that is planned."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class Jump(selectors.SelectSelector):
    """Instead of waiting it is later."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for somebody, and nothing is planned"
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def virtually(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test on such a loop. It fails when a task is left behind."""

    @functools.wraps(test)
    def run(*args: Any, **options: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(checked(test(*args, **options)))

    return run


async def checked(test: Coroutine[Any, Any, None]) -> None:
    await test
    assert asyncio.all_tasks() == {asyncio.current_task()}


def now() -> float:
    """For what takes a clock."""
    return asyncio.get_running_loop().time()
