"""List the files of a workspace that a purpose may use, and say what was left out and why."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from workspace.policy import READ_LIMIT, SANDBOX_TOTAL, Entry, Purpose, Reason, is_text, refusal
from workspace.root import relative_path
from workspace.rules import FolderRules, outer_rules
from workspace.secrets import holds_secret, may_be_harmless

MAX_FILES = 50_000
"""Files listed. More than that is a workspace opened too high up; what is beyond is reported."""
MAX_ENTRIES = 500_000
"""Directory entries looked at, so that a folder of a million ignored files costs seconds and not minutes."""
_SNIFFED = 8000  # bytes; git looks at as many to tell text from binary
_INSPECTED = 64 << 10  # bytes of a file whose name alone does not tell whether it is secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    path: str
    """Relative to the root; a folder ends with a slash and stands for all that is in it."""
    reason: Reason
    size: int = 0
    """Bytes, of a file."""


Signature = tuple[int, int, int, int]
"""Size, time of modification and of status change (nanoseconds), inode: another one means that a file may differ."""


def signature(status: os.stat_result) -> Signature:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    files: tuple[str, ...]
    """Relative to the root, sorted. A symlink to a listed file is listed, too, under its own name."""
    links: Mapping[str, str]
    """The symlinks to listed files and to folders of the workspace: path to target, both relative to the root.
    What lies in a linked folder is listed once, under its real name."""
    skipped: tuple[Skipped, ...]
    """Sorted by path."""
    signatures: Mapping[str, Signature]
    """Of the listed files that are no symlinks."""


def walk(
    root: Path,
    purpose: Purpose = Purpose.READ,
    *,
    max_files: int = MAX_FILES,
    known: Mapping[str, Signature] = MappingProxyType({}),
) -> Walk:
    """The files under a root that may be used for a purpose.

    Breadth first and ignored folders last, so that what matters most is listed when a limit is reached. Follows
    no symlink out of the root, opens no device, pipe or socket, and raises nothing for what it finds.

    :param root: absolute and resolved.
    :param known: files that were listed before, with what they were then: those that still are get by without a
        look inside.
    """
    return _Walker(root, purpose, known).run(max_files)


def why_not(root: Path, path: str, purpose: Purpose = Purpose.READ) -> Reason | None:
    """Why one file may not be used for a purpose; None when it may. The same decision as `walk` makes.

    A file that does not exist yet is judged by its name and place.

    :param root: absolute and resolved.
    :param path: relative to the root, or absolute and inside it.
    :raises OutsideWorkspace: when it leads out of the root.
    """
    given = relative_path(root, path)
    # A symlink must pass under its own name and under that of the file behind it.
    target = (root / given).resolve().relative_to(root).as_posix()
    for name in dict.fromkeys((given, target)):
        if (reason := _why_not(root, name, purpose)) is not None:
            return reason
    return None


def _why_not(root: Path, path: str, purpose: Purpose) -> Reason | None:
    rules = outer_rules(root)
    parts = PurePosixPath(path).parts
    place, ignored = "", False
    for name in parts[:-1]:
        rules = rules.within(root, place, _present_in(root / place))
        place = f"{place}/{name}" if place else name
        ignored = ignored or rules.git_ignores(place, True)
        facts = Entry(
            path=place,
            is_folder=True,
            git_ignored=ignored and not rules.is_tracked(place),
            ai_ignored=rules.ai_ignores(place, True),
            is_environment=_is_environment(_present_in(root / place)),
        )
        if (reason := refusal(facts, purpose)) is not None:
            return reason
    rules = rules.within(root, place, _present_in(root / place))
    try:
        status = (root / path).stat()
    except FileNotFoundError:
        status = None
    except OSError:
        return Reason.UNREADABLE
    if status is not None and not stat.S_ISREG(status.st_mode):
        return Reason.SPECIAL
    return _file_refusal(root, path, status, rules, ignored, purpose)


def _present_in(folder: Path) -> Callable[[str], bool]:
    return lambda name: os.path.lexists(folder / name)


def _is_environment(has: Callable[[str], bool]) -> bool:
    return has("pyvenv.cfg") or has("conda-meta")


def _file_refusal(
    root: Path,
    path: str,
    status: os.stat_result | None,
    rules: FolderRules,
    below_ignored: bool,
    purpose: Purpose,
    is_known: bool = False,
) -> Reason | None:
    """Why a regular file, or one that is yet to be made, may not be used.

    :param is_known: a look inside has found nothing against it before.
    """
    ignored = (below_ignored or rules.git_ignores(path, False)) and not rules.is_tracked(path)
    entry = Entry(
        path=path,
        size=0 if status is None else status.st_size,
        git_ignored=ignored,
        ai_ignored=rules.ai_ignores(path, False),
    )
    reason = refusal(entry, purpose)
    if reason is None and is_known:
        return None
    if reason is Reason.SENSITIVE and status is not None and may_be_harmless(path):
        head = _head(f"{root}/{path}", _INSPECTED)
        if head is None:
            return Reason.UNREADABLE
        if not holds_secret(path, head):
            reason = refusal(replace(entry, is_cleared=True), purpose)
    if reason is not None or status is None:
        return reason
    if purpose is Purpose.SANDBOX:
        return None if os.access(f"{root}/{path}", os.R_OK) else Reason.UNREADABLE
    head = _head(f"{root}/{path}", _SNIFFED)
    if head is None:
        return Reason.UNREADABLE
    return None if is_text(head) else Reason.BINARY


def _head(file: str, size: int) -> bytes | None:
    """The first bytes of a file; None when it cannot be read. Never waits: the file may have become a pipe."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        return os.read(descriptor, size)
    except OSError:
        return None
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    rules: FolderRules
    """Those of the folder around it."""
    below_ignored: bool
    """Whether git's rules ignore the folder or one around it."""


class _Walker:
    def __init__(self, root: Path, purpose: Purpose, known: Mapping[str, Signature]) -> None:
        self._root = root
        self._purpose = purpose
        self._known = known
        self._signatures: dict[str, Signature] = {}
        self._seen = 0
        self._bytes = 0
        self._files: set[str] = set()
        self._folders: set[str] = {"."}
        self._symlinks: list[tuple[str, FolderRules, bool]] = []
        self._skipped: list[Skipped] = []

    def run(self, max_files: int) -> Walk:
        wanted, ignored = deque([_Folder("", outer_rules(self._root), False)]), deque[_Folder]()
        while wanted or ignored:
            folder = wanted.popleft() if wanted else ignored.popleft()
            if self._seen > MAX_ENTRIES or len(self._files) >= max_files:
                self._skip(f"{folder.path or '.'}/", Reason.TOO_MANY)
                continue
            for inner in self._list(folder, max_files):
                (ignored if inner.below_ignored else wanted).append(inner)
        links = self._links()
        return Walk(
            files=tuple(sorted(self._files)),
            links=dict(sorted(links.items())),
            skipped=tuple(sorted(self._skipped, key=lambda skipped: skipped.path)),
            signatures=self._signatures,
        )

    def _list(self, folder: _Folder, max_files: int) -> Iterator[_Folder]:
        """Sort the entries of a folder into files and what is skipped; yields the folders in it."""
        place = folder.path
        try:
            with os.scandir(self._root / place) as listing:
                entries = {entry.name: entry for entry in islice(listing, MAX_ENTRIES)}
        except OSError:
            self._skip(f"{place or '.'}/", Reason.UNREADABLE)
            return
        self._seen += len(entries)
        if len(entries) == MAX_ENTRIES:
            self._skip(f"{place or '.'}/", Reason.TOO_MANY)
        if place and _is_environment(entries.__contains__):
            self._skip(f"{place}/", Reason.ENVIRONMENT)
            return
        self._folders.add(place or ".")
        rules = folder.rules.within(self._root, place, entries.__contains__)
        for name, entry in sorted(entries.items()):
            path = f"{place}/{name}" if place else name
            if not _is_utf8(name):
                self._skip(path.encode("utf-8", "backslashreplace").decode(), Reason.NAME)
            elif entry.is_symlink():
                self._symlinks.append((path, rules, folder.below_ignored))
            elif entry.is_dir(follow_symlinks=False):
                below = folder.below_ignored or rules.git_ignores(path, True)
                facts = Entry(
                    path=path,
                    is_folder=True,
                    git_ignored=below and not rules.is_tracked(path),
                    ai_ignored=rules.ai_ignores(path, True),
                )
                if (reason := refusal(facts, self._purpose)) is not None:
                    self._skip(f"{path}/", reason)
                else:
                    yield _Folder(path, rules, below)
            elif len(self._files) >= max_files:
                self._skip(path, Reason.TOO_MANY)
            else:
                self._add(path, entry, rules, folder.below_ignored)

    def _add(self, path: str, entry: os.DirEntry[str], rules: FolderRules, below_ignored: bool) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            self._skip(path, Reason.UNREADABLE)
            return
        if not stat.S_ISREG(status.st_mode):
            self._skip(path, Reason.SPECIAL)
            return
        now = signature(status)
        is_known = self._known.get(path) == now
        reason = _file_refusal(self._root, path, status, rules, below_ignored, self._purpose, is_known)
        weight = status.st_size if reason is None and status.st_size > READ_LIMIT else 0
        if self._bytes + weight > SANDBOX_TOTAL:
            reason = Reason.TOO_MUCH
        if reason is None:
            self._files.add(path)
            self._signatures[path] = now
            self._bytes += weight
        else:
            self._skip(path, reason, status.st_size)

    def _links(self) -> dict[str, str]:
        """Settle the symlinks once everything else is listed: each must lead to something that is."""
        links: dict[str, str] = {}
        real = frozenset(self._files)
        for path, rules, below_ignored in self._symlinks:
            try:
                target = (self._root / path).resolve()
                inside = target.relative_to(self._root).as_posix()
            except (OSError, RuntimeError):  # a loop
                self._skip(path, Reason.DANGLING)
                continue
            except ValueError:
                self._skip(path, Reason.OUTSIDE)
                continue
            facts = Entry(
                path=path,
                is_folder=inside in self._folders,
                git_ignored=(below_ignored or rules.git_ignores(path, False)) and not rules.is_tracked(path),
                ai_ignored=rules.ai_ignores(path, False),
            )
            reason = refusal(facts, self._purpose)
            if reason is None and inside not in real and inside not in self._folders:
                reason = Reason.DANGLING
            if reason is not None:
                self._skip(path, reason)
                continue
            links[path] = inside
            if inside in real:
                self._files.add(path)
        return links

    def _skip(self, path: str, reason: Reason, size: int = 0) -> None:
        self._skipped.append(Skipped(path=path, reason=reason, size=size))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
