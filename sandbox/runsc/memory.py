"""The memory limit where no control group keeps it: look at what the sandbox uses, and say when it is too much.

All memory of the guest, files in memory included, is one anonymous file of the sentry; the kernel says how large
it is. A burst between two looks can go past the limit, so the guest's address space is limited as well.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from sandbox.runsc.processes import processes

_LOOK_EVERY = 0.05
"""Seconds. The guest can touch about 100 MB meanwhile; a look takes some microseconds."""

_GUEST_MEMORY = "memfd:runsc-memory"
_BLOCK = 512  # bytes: the unit of st_blocks, whatever the file system's block is

ADDRESS_SPACE = 4
"""Virtual memory that each process may have, in limits of real memory: threads and allocators reserve freely."""


class MemoryGauge:
    """Measures one sandbox, which need not have started yet."""

    def __init__(self, root: Path, name: str, limit: int) -> None:
        self.peak: int | None = None
        """Bytes, as far as it was seen."""
        self._root = root
        self._name = name
        self._limit = limit

    async def exceeded(self) -> None:
        """Returns when the sandbox uses more than the limit; otherwise never."""
        file: Path | None = None
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if file is None:
                file = await asyncio.to_thread(self._find)
            elif (used := _size(file)) is not None:
                self.peak = max(used, self.peak or 0)
                if used > self._limit:
                    return

    def _find(self) -> Path | None:
        for process in processes(self._root, self._name):
            if process.arguments[0] == b"runsc-sandbox":
                with suppress(OSError):
                    for file in (process.folder / "fd").iterdir():
                        if _GUEST_MEMORY in os.readlink(file):  # noqa: PTH115 - not a path
                            return file
        return None


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_blocks * _BLOCK
    except OSError:
        return None
