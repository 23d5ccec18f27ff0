"""What is kept in this process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

LIMIT_BYTES = 32 * 1024 * 1024

_ENTRY_BYTES = 320
"""What an entry takes besides its value: the key, the dictionary's place, the tuple. Measured in CPython 3.11."""


class MemoryCache:
    """A `Cache`: the longest unused go first. For one event loop, or one thread, at a time.

    `look` and `keep` are `get` and `put` for those who cannot wait; both take the same time however full it is.
    """

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        """:param clock: seconds that only grow."""
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes, with what the entries themselves take."""
        return self._bytes

    def look(self, key: bytes) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry[1]:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def keep(self, key: bytes, value: bytes, *, seconds: float) -> None:
        self._drop(key)
        if seconds <= 0 or len(value) + _ENTRY_BYTES > self._limit_bytes:
            return
        self._entries[key] = (value, self._clock() + seconds)
        self._bytes += len(value) + _ENTRY_BYTES
        while self._bytes > self._limit_bytes:
            _, (oldest, _) = self._entries.popitem(last=False)
            self._bytes -= len(oldest) + _ENTRY_BYTES

    async def get(self, key: bytes) -> bytes | None:
        return self.look(key)

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        self.keep(key, value, seconds=seconds)

    async def close(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[0]) + _ENTRY_BYTES
