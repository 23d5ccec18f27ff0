"""runsc's processes on the host: found by the state folder and the container that their command lines name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    folder: Path
    """In /proc."""
    arguments: tuple[bytes, ...]

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(self.folder.name), signal.SIGKILL)


def processes(root: Path, container: str | None = None) -> Iterator[Process]:
    """Those that keep their state in `root`, and of these perhaps only one container's."""
    marks = {os.fsencode(f"--root={root}")} | ({os.fsencode(container)} if container else set[bytes]())
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = tuple((folder / "cmdline").read_bytes().split(b"\0"))
            if b"runsc" in arguments[0] and marks <= set(arguments):
                yield Process(folder, arguments)


def end_processes(root: Path, container: str | None = None, *, within: float = 2.0) -> bool:
    """Kill them all. Blocks until they are gone, at most `within` seconds; whether they are."""
    deadline = time.monotonic() + within
    while left := list(processes(root, container)):
        if time.monotonic() > deadline:
            return False
        for process in left:
            process.kill()
        time.sleep(0.005)
    return True
