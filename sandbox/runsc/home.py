"""What a runner keeps on disk, and how the next one clears away what a dead one left.

    STATE/PID-TOKEN.lock    locked by the owner for as long as it lives; the kernel lets go when it dies
    STATE/PID-TOKEN/        runsc/ (its state), N/ (one folder for each run)
    cgroups assay/TOKEN-N   one for each run, where there are control groups

A lock says that the owner lives more surely than a process id does: ids are used again, and mean nothing in
another container that shares the folder.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sandbox.runsc.cgroup import Cgroups
from sandbox.runsc.processes import end_processes

_LOCK = ".lock"
_POINTS = "points"
"""File in a run's folder: the mount points made in mounted folders, to be removed after it."""


class Home:
    """One runner's own folder. Made with `Home.open`."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.lock = lock

    @classmethod
    def open(cls, state: Path) -> Home:
        """A new folder in `state`, held by a lock. Raises OSError."""
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            folder = state / f"{os.getpid()}-{secrets.token_hex(4)}"
            path = folder.with_name(folder.name + _LOCK)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_same(lock, path):  # else somebody reaped it between the two lines
                break
            os.close(lock)
        (folder / "runsc").mkdir(parents=True, mode=0o700)
        return cls(folder, lock)

    @property
    def token(self) -> str:
        """Begins the name of everything outside the folder that belongs to it."""
        return self.folder.name.partition("-")[2]

    @property
    def runsc(self) -> Path:
        """runsc's own state (`--root`)."""
        return self.folder / "runsc"

    def close(self) -> None:
        """Remove the folder. Nothing may run in it any more."""
        remove_tree(self.folder)
        self.folder.with_name(self.folder.name + _LOCK).unlink(missing_ok=True)
        os.close(self.lock)


def note_points(run: Path, points: list[Path]) -> None:
    """Remember what is about to be made outside the run's folder."""
    if points:
        (run / _POINTS).write_bytes(b"\0".join(map(os.fsencode, points)))


def remove_run(run: Path) -> None:
    """Remove a run's folder and the mount points that were made for it, as far as they are still empty."""
    with suppress(FileNotFoundError):
        for point in reversed((run / _POINTS).read_bytes().split(b"\0")):
            _remove_empty(Path(os.fsdecode(point)))
    remove_tree(run)


def remove_state(root: Path, container: str) -> None:
    """Remove what runsc keeps of a container that did not end by itself: its processes, then their record.

    `runsc delete --force` would, but takes seconds to find out that they are gone.
    """
    left = [entry for entry in root.glob("*") if container in entry.name]
    if left:
        end_processes(root, container)
        for entry in left:
            entry.unlink(missing_ok=True)


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours. Leaves it alone while anything is mounted below: it would be emptied too."""
    if not any(point == folder or folder in point.parents for point in _mount_points()):
        shutil.rmtree(folder, ignore_errors=True)


def reap(state: Path, cgroups: Cgroups | None) -> list[str]:
    """End and remove what dead owners left; the names of their folders. Living owners are left alone."""
    reaped: list[str] = []
    for path in sorted(state.glob(f"*{_LOCK}")):
        with suppress(OSError):
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: the owner lives
                if _is_same(lock, path):
                    home = Home(path.with_name(path.name.removesuffix(_LOCK)), lock)
                    _end(home, cgroups)
                    path.unlink()
                    reaped.append(home.folder.name)
            finally:
                os.close(lock)
    if cgroups:
        cgroups.sweep()
    return reaped


def _end(home: Home, cgroups: Cgroups | None) -> None:
    end_processes(home.runsc)
    for group in cgroups.named(home.token) if cgroups else ():
        group.remove()
    for run in home.folder.glob("*/"):
        if run != home.runsc:
            remove_run(run)
    remove_tree(home.folder)


def _mount_points() -> Iterator[Path]:
    with Path("/proc/self/mountinfo").open("rb") as lines:
        for line in lines:
            plain = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), line.split()[4])
            yield Path(os.fsdecode(plain))


def _remove_empty(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            path.rmdir()
        elif path.stat().st_size == 0:
            path.unlink()


def _is_same(lock: int, path: Path) -> bool:
    """Whether the name still leads to the file that is open."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
