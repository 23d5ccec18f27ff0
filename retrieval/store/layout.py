"""Where an embedded store lies on the disk, and how one copy of it takes the place of another.

    FOLDER/current          the name of the generation in use; replaced in one step
    FOLDER/g-000001/shard/  the engine's own files, sparse: they look much larger than they are
    FOLDER/g-000001/store.json

A folder that `current` does not name is what a crash left of an optimisation, and is removed when the store opens.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.errors import IndexBusy, StoreCorrupt

FORMAT = 1
"""Of what is stored; another number cannot be read and means that the index is built anew."""

_CURRENT = "current"
_GENERATION = "g-"
_NAME = re.compile(r"g-(\d{6,})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the engine does not say about a shard."""

    embedders: dict[str, int] = field(default_factory=dict[str, int])
    """Id to dimension."""
    unsettled: frozenset[str] = frozenset()
    """Embedders that are being added or dropped: the shard may or may not have their vectors."""
    unindexed: int = 0
    """How many vectors had no place in a graph when it was last optimised: too few for one."""


@contextlib.contextmanager
def owned(folder: Path) -> Generator[None]:
    """Keep every other process out of a folder. The kernel lets go of it when this one ends, however it ends.

    :raises IndexBusy: when another process is in it.
    """
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise IndexBusy("Another process has this workspace's index open.") from error
        yield


def next_generation(folder: Path) -> str:
    """A name that no generation in the folder has."""
    taken = [_number(entry.name) for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    return f"{_GENERATION}{max(taken, default=0) + 1:06d}"


def current(folder: Path) -> str | None:
    """The name of the generation in use; None for a folder in which there is no store yet.

    :raises StoreCorrupt: when the pointer is damaged or names nothing.
    """
    try:
        name = (folder / _CURRENT).read_text("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreCorrupt("The index's pointer to its files cannot be read; it must be rebuilt.") from error
    if not _NAME.fullmatch(name):
        raise StoreCorrupt("The index's pointer to its files is damaged; it must be rebuilt.")
    if not (folder / name).is_dir():
        raise StoreCorrupt("The index's files are missing; it must be rebuilt.")
    return name


def switch(folder: Path, name: str) -> None:
    """Make this generation the one in use. After a crash it is either the old one or the new one."""
    _write(folder / _CURRENT, name + "\n")


def sweep(folder: Path, keep: str | None) -> None:
    """Remove all generations but this one."""
    for entry in folder.iterdir():
        if entry.name.startswith(_GENERATION) and entry.name != keep and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)


def read_description(home: Path) -> Description:
    """
    :param home: a generation's folder.
    :raises StoreCorrupt: when it cannot be read or is of another format.
    """
    try:
        found = json.loads((home / "store.json").read_text("utf-8"))
        if found["format"] != FORMAT:
            raise StoreCorrupt("The index was written in another format; it must be rebuilt.")
        return Description(
            embedders={str(name): int(dimension) for name, dimension in found["embedders"].items()},
            unsettled=frozenset(str(name) for name in found["unsettled"]),
            unindexed=int(found["unindexed"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreCorrupt("The index's description cannot be read; it must be rebuilt.") from error


def write_description(home: Path, description: Description) -> None:
    _write(
        home / "store.json",
        json.dumps(
            {
                "format": FORMAT,
                "embedders": description.embedders,
                "unsettled": sorted(description.unsettled),
                "unindexed": description.unindexed,
            }
        ),
    )


def allocated(folder: Path) -> int:
    """Bytes of disk that a folder's files take, holes not counted."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a folder of regular files, leaving holes as holes: a shard of 150 apparent MB has 0.1 MB of data."""
    target.mkdir()
    for entry in sorted(source.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            copy_sparse(entry, target / entry.name)
        elif entry.is_file():
            _copy_file(entry, target / entry.name)


def _number(name: str) -> int:
    return int(name.removeprefix(_GENERATION))


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("xb") as written:
        size = os.fstat(read.fileno()).st_size
        os.truncate(written.fileno(), size)
        at = 0
        while at < size:
            try:
                at = os.lseek(read.fileno(), at, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole until the end
                return
            end = os.lseek(read.fileno(), at, os.SEEK_HOLE)
            while at < end:
                copied = _copy_range(read.fileno(), written.fileno(), end - at, at)
                if not copied:
                    return
                at += copied


def _copy_range(source: int, target: int, length: int, at: int) -> int:
    with contextlib.suppress(AttributeError, OSError):  # not on this system, or not between these file systems
        return os.copy_file_range(source, target, length, at, at)
    data = os.pread(source, min(length, 1 << 20), at)
    return os.pwrite(target, data, at)


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, so that what a crash leaves is either the old content or the new."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
