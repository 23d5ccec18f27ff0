"""Other processes for the work that holds the interpreter's lock: parsing, looking at a tree, embedding in bulk."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_IDLE_SECONDS = 20.0
"""Then the processes go and give their memory back; they start again in a third of a second."""
_NICENESS = 10
"""The editor and the tests go first."""


class Workers:
    """Starts processes when they are needed and lets them go when they are not."""

    def __init__(self, count: int, *, stay: bool = False, niceness: int = _NICENESS) -> None:
        """:param stay: whether they are kept for the next time: for work that somebody waits for."""
        self._count, self._stay, self._niceness = count, stay, niceness
        self._pool: ProcessPoolExecutor | None = None
        self._busy = 0
        self._letting_go: asyncio.TimerHandle | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in another process.

        :raises BrokenProcessPool: when that process died twice over it: a parser that crashed, or too little memory.
        """
        return await self.within(None, work, *args, **kwargs)

    async def within(self, seconds: float | None, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same within a time, at whose end the process is killed: native code listens to nothing else.

        :raises BrokenProcessPool: as `run`.
        :raises TimeoutError: it took longer.
        """
        for attempt in (1, 2):
            pool = self._started()
            try:
                async with asyncio.timeout(seconds):
                    return await self._once(pool, work, *args, **kwargs)
            except TimeoutError:
                self._drop(pool)
                raise
            except BrokenProcessPool:
                self._drop(pool)  # a neighbour's crash takes all work of a pool with it: once more
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawn, not fork: this process has threads of onnxruntime and qdrant-edge.
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=get_context("spawn"), initializer=_begin, initargs=(self._niceness,)
            )
        return self._pool

    async def _once(self, pool: ProcessPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None
        self._busy += 1
        try:
            return await asyncio.wrap_future(pool.submit(work, *args, **kwargs))
        finally:
            self._busy -= 1
            if not self._busy and not self._stay:
                self._letting_go = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self.close)

    def close(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None
        if self._pool is not None:
            self._drop(self._pool)

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
        for process in list((pool._processes or {}).values()):  # pyright: ignore[reportPrivateUsage]
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


def _begin(niceness: int) -> None:
    threading.Thread(target=_go_with_the_parent, daemon=True).start()
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    # Syntax trees and chunks make garbage in cycles hardly ever; looking for it takes a tenth of the time.
    gc.set_threshold(100_000, 50, 50)


def _go_with_the_parent() -> None:
    """A parent that is killed tells nobody, and its workers would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
