"""Which files git tracks, read from its index: an ignored file that was added all the same is part of the project.

git itself is not started: what it does in a repository can be configured by that repository.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_MAX_BYTES = 256 << 20  # an index of about two million files
_STAT = 40  # bytes before the object id in each entry: times, device, inode, mode, owner, size
_EXTENDED, _STAGE = 0x4000, 0x3000  # bits of an entry's flags
_SKIP_WORKTREE = 0x4000  # of its further flags


class Tracked:
    """The tracked paths of one repository, read when first asked. Without a readable index nothing is."""

    def __init__(self, git: Path | None) -> None:
        """:param git: the repository's `.git`, a folder or the file that stands for one; None outside."""
        self._git = git

    def holds(self, path: bytes) -> bool:
        """Whether a file, or any file below a folder, is tracked; the path is relative to the repository's top."""
        return path in self._paths

    @cached_property
    def _paths(self) -> frozenset[bytes]:
        if self._git is None:
            return frozenset()
        try:
            folder = git_folder(self._git)
            index = folder / "index"
            if index.stat().st_size > _MAX_BYTES:
                return frozenset()
            files = parse_index(index.read_bytes(), object_id_size(folder))
        except (OSError, ValueError, struct.error, IndexError):
            return frozenset()
        paths = set(files)
        for file in files:
            while (end := file.rfind(b"/")) != -1 and (file := file[:end]) not in paths:
                paths.add(file)
        return frozenset(paths)


def parse_index(content: bytes, id_size: int = 20) -> list[bytes]:
    """The paths in a git index of version 2, 3 or 4 (gitformat-index(5)), in its order.

    :raises ValueError: when it is none.
    """
    return [entry.path for entry in parse_entries(content, id_size)]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as git's index has it."""

    path: bytes
    """Relative to the repository's top."""
    id: str
    """Of the stored content, hex."""
    mode: int
    mtime_ns: int
    """Of the file when it was last compared; nanoseconds since 1970."""
    size: int
    """As above; bytes, modulo 2**32."""
    is_whole: bool
    """No side of a conflict, and not left out of the working tree on purpose."""


def parse_entries(content: bytes, id_size: int = 20) -> Iterator[Entry]:
    """As `parse_index`, with what is known of each file."""
    signature, version, count = struct.unpack_from(">4sII", content)
    if signature != b"DIRC" or version not in (2, 3, 4):
        raise ValueError("not a git index")
    at, path = 12, b""
    for _ in range(count):
        start = at
        _, _, seconds, nanoseconds, _, _, mode, _, _, size = struct.unpack_from(">10I", content, at)
        at += _STAT
        name = content[at : at + id_size].hex()
        at += id_size
        (flags,) = struct.unpack_from(">H", content, at)
        at += 2
        skipped = False
        if flags & _EXTENDED:
            (more,) = struct.unpack_from(">H", content, at)
            skipped = bool(more & _SKIP_WORKTREE)
            at += 2
        kept = 0
        if version == 4:  # the path is told by what differs from the one before it
            dropped, at = _offset(content, at)
            kept = len(path) - dropped
        end = content.index(b"\0", at)
        path = path[:kept] + content[at:end]
        yield Entry(path, name, mode, seconds * 10**9 + nanoseconds, size, not (skipped or flags & _STAGE))
        at = end + 1
        if version != 4:  # entries are padded with NULs to a multiple of eight bytes
            at = start + (end - start + 8) // 8 * 8


def _offset(content: bytes, at: int) -> tuple[int, int]:
    value = content[at] & 0x7F
    while content[at] & 0x80:
        at += 1
        value = (value + 1) << 7 | content[at] & 0x7F
    return value, at + 1


def git_folder(git: Path) -> Path:
    """Where a repository's own files are, for a `.git` that may be a file."""
    if git.is_dir():
        return git
    text = git.read_text("utf-8", errors="surrogateescape")[:4096]  # a worktree or a submodule
    return git.parent / text.removeprefix("gitdir:").strip()


def object_id_size(folder: Path) -> int:
    """Bytes of an id in this repository: of SHA-1, or of SHA-256."""
    config = folder / "config"
    text = config.read_text("utf-8", errors="replace").lower() if config.is_file() else ""
    return 32 if "objectformat = sha256" in text else 20
