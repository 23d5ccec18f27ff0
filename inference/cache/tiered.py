"""What is kept in this process, in front of what is kept elsewhere."""

from __future__ import annotations

import asyncio

from inference.cache.memory import MemoryCache
from inference.ports import Cache

_NEAR_SECONDS = 600.0
"""How long what was found elsewhere is kept here, where nobody knows how long it was still to be kept there."""


class TieredCache:
    """A `Cache`. Those who look for the same at the same time ask the far one once.

    :param near: closed with this, as `far` is.
    """

    def __init__(self, near: MemoryCache, far: Cache, *, near_seconds: float = _NEAR_SECONDS) -> None:
        self._near = near
        self._far = far
        self._near_seconds = near_seconds
        self._asking: dict[bytes, asyncio.Task[bytes | None]] = {}

    async def get(self, key: bytes) -> bytes | None:
        if (value := self._near.look(key)) is not None:
            return value
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._far.get(key))
            task.add_done_callback(lambda done: self._answered(key, done))
        # Shielded: others may be waiting for the same when one of them is cancelled.
        value = await asyncio.shield(task)
        nearer = self._near.look(key)  # what was written meanwhile is newer
        return value if nearer is None else nearer

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        self._near.keep(key, value, seconds=min(seconds, self._near_seconds))
        # What is being read is older than this, and may come later.
        self._asking.pop(key, None)
        await self._far.put(key, value, seconds=seconds)

    async def close(self) -> None:
        if self._asking:
            await asyncio.wait(self._asking.values())
        await self._near.close()
        await self._far.close()

    def _answered(self, key: bytes, task: asyncio.Task[bytes | None]) -> None:
        if self._asking.get(key) is not task:
            return
        del self._asking[key]
        if not task.cancelled() and (value := task.result()) is not None:
            self._near.keep(key, value, seconds=self._near_seconds)
