"""What is kept in this process, in front of what is kept elsewhere."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable

from inference.cache.memory import MemoryCache
from inference.ports import Cache

_NEAR_SECONDS = 600.0
"""How long something is kept here at most, so that what others write instead is seen some day."""

_EXPIRES = struct.Struct(">d")
"""Before each value of the far one: when it is over, in seconds since 1970. Without that, what is found shortly before
its end would begin a new life here."""


class TieredCache:
    """A `Cache`. Those who look for the same at the same time ask the far one once.

    :param near: closed with this, as `far` is.
    :param clock: seconds since 1970, as others who use the far one count them too.
    """

    def __init__(
        self,
        near: MemoryCache,
        far: Cache,
        *,
        near_seconds: float = _NEAR_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._near = near
        self._far = far
        self._near_seconds = near_seconds
        self._clock = clock
        self._asking: dict[bytes, asyncio.Task[tuple[bytes, float] | None]] = {}

    async def get(self, key: bytes) -> bytes | None:
        if (value := self._near.look(key)) is not None:
            return value
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._look_far(key))
            task.add_done_callback(lambda done: self._answered(key, done))
        # Shielded: others may be waiting for the same when one of them is cancelled.
        found = await asyncio.shield(task)
        nearer = self._near.look(key)  # what was written meanwhile is newer
        return nearer if nearer is not None or found is None else found[0]

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        self._near.keep(key, value, seconds=min(seconds, self._near_seconds))
        # What is being read is older than this, and may come later.
        self._asking.pop(key, None)
        await self._far.put(key, _EXPIRES.pack(self._clock() + seconds) + value, seconds=seconds)

    async def close(self) -> None:
        if self._asking:
            await asyncio.wait(self._asking.values())
        await self._near.close()
        await self._far.close()

    async def _look_far(self, key: bytes) -> tuple[bytes, float] | None:
        """A value, and how many seconds it has left."""
        data = await self._far.get(key)
        if data is None or len(data) < _EXPIRES.size:
            return None
        left: float = _EXPIRES.unpack_from(data)[0] - self._clock()
        return (data[_EXPIRES.size :], left) if left > 0 else None  # not for NaN either

    def _answered(self, key: bytes, task: asyncio.Task[tuple[bytes, float] | None]) -> None:
        if self._asking.get(key) is not task:
            return
        del self._asking[key]
        if not task.cancelled() and (found := task.result()) is not None:
            self._near.keep(key, found[0], seconds=min(found[1], self._near_seconds))
