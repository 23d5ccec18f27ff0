"""At most one running request for each document: a newer one cancels the older, and the older one is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Superseded(Exception):
    """A newer request for the same document came."""


class LatestOnly(Generic[T]):
    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    @property
    def running(self) -> int:
        return len(self._running)

    def cancel(self, key: str) -> None:
        """Nobody waits for what runs for this document."""
        if (running := self._running.get(key)) is not None:
            running.cancel()

    async def run(self, key: str, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives, once it and its clean-up are over.

        :raises Superseded: a newer request came while this one ran.
        :raises asyncio.CancelledError: the caller was cancelled; the work was, too.
        """
        if (older := self._running.get(key)) is not None:
            older.cancel()
        task = self._running[key] = asyncio.create_task(work, name="completion")
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # looked at, so that nobody complains of it
            raise
        finally:
            if self._running.get(key) is task:
                del self._running[key]
        if task.cancelled():
            raise Superseded
        return task.result()
