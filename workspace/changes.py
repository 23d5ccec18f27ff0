"""What changed since the last commit, in the working tree or in git's index, as an edit.

git is asked for what it has stored, and never to look at the working tree: that would start the filters which a
repository's configuration names. Files are compared here.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workspace.edit import Edit, FileChange
from workspace.errors import WorkspaceError
from workspace.policy import READ_LIMIT, is_text
from workspace.root import repository_of
from workspace.tracked import Entry, git_folder, object_id_size, parse_entries
from workspace.walk import why_not

MAX_FILES = 300
"""Changed files that are read; a change of more is a rename of everything, which nobody reads as a diff."""
MAX_BYTES = 4 << 20
"""Of their contents together."""
_SECONDS = 20.0  # for one run of git
_REGULAR = (0o100644, 0o100755)
_OPTIONS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.pager", "cat"),
    ("core.attributesFile", os.devnull),
    ("protocol.allow", "never"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    edit: Edit
    notes: tuple[str, ...] = ()
    """What was left out, a sentence each."""
    problem: str = ""
    """Why there are none, when it is not that nothing changed: no repository, no git."""


def working_changes(root: Path, buffers: Mapping[str, str] | None = None) -> Changes:
    """Tracked files as they are now against the last commit. Reads the disk and starts git.

    :param root: resolved; it may lie within a repository.
    :param buffers: texts of open documents by path; they stand in for what is on disk.
    """
    return _changes(root, lambda known: _in_working_tree(root, known, buffers or {}))


def staged_changes(root: Path) -> Changes:
    """What is staged against the last commit. As `working_changes` otherwise."""
    return _changes(root, _in_index)


@dataclass(frozen=True, slots=True)
class _Known:
    """What git has stored of a workspace, by path relative to its root."""

    head: Mapping[str, str]
    """Object ids of the last commit."""
    index: Mapping[str, Entry]
    written: int
    """Nanoseconds since 1970 of the index: a file as young may have changed since without a trace in its times."""


_Now = tuple[str, bytes | str | None]
"""A path and what it is now: its content, the id of a stored object, or None when it is gone."""


def _changes(root: Path, look: Callable[[_Known], Iterable[_Now]]) -> Changes:
    nothing = Edit(changes=())
    top, git = repository_of(root), shutil.which("git")
    if top is None or git is None:
        return Changes(edit=nothing, problem="This is no git repository." if git else "git was not found; install it.")
    notes: list[str] = []
    try:
        known = _known(git, root, top)
        changed = [each for each in look(known) if _may_read(root, each[0], notes)]
        if len(changed) > MAX_FILES:
            notes.append(f"{len(changed) - MAX_FILES} changed files beyond the first {MAX_FILES} were left out.")
        changes = tuple(_contents(git, root, known, changed[:MAX_FILES], notes))
    except subprocess.TimeoutExpired:
        return Changes(edit=nothing, problem=f"What changed is not known: git took more than {_SECONDS:g} s.")
    except (OSError, ValueError, struct.error, IndexError, subprocess.SubprocessError):
        return Changes(edit=nothing, problem="What changed is not known: the repository cannot be read.")
    return Changes(edit=Edit(changes=changes), notes=tuple(notes))


def _known(git: str, root: Path, top: Path) -> _Known:
    folder = git_folder(top / ".git")
    index = folder / "index"
    within = f"{root.relative_to(top.resolve()).as_posix()}/".removeprefix("./").encode()
    entries = parse_entries(index.read_bytes(), object_id_size(folder)) if index.exists() else ()
    here: dict[str, Entry] = {}
    for entry in entries:
        name = _name(entry.path, within)
        if name and entry.mode in _REGULAR and entry.is_whole:
            here[name] = entry
    written = index.stat().st_mtime_ns if index.exists() else 0
    # Before the first commit there is no HEAD to list.
    listed = _git(git, root, "ls-tree", "-r", "-z", "--full-tree", "HEAD", may_fail=True)
    head: dict[str, str] = {}
    for line in listed.split(b"\0"):
        facts, _, path = line.partition(b"\t")
        name = _name(path, within)
        if name and facts.startswith((b"100644 ", b"100755 ")):
            head[name] = facts.rpartition(b" ")[2].decode()
    return _Known(head, here, written)


def _name(path: bytes, within: bytes) -> str:
    """Relative to the workspace; empty for what is not in it, and for names that no workspace lists."""
    if not path.startswith(within):
        return ""
    try:
        return path[len(within) :].decode()
    except UnicodeDecodeError:
        return ""


def _in_index(known: _Known) -> Iterator[_Now]:
    for path in sorted(known.head.keys() | known.index.keys()):
        entry = known.index.get(path)
        now = entry.id if entry is not None else None
        if now != known.head.get(path):
            yield path, now


def _in_working_tree(root: Path, known: _Known, buffers: Mapping[str, str]) -> Iterator[_Now]:
    for path in sorted(known.head.keys() | known.index.keys()):
        entry = known.index.get(path)
        if path in buffers:
            yield path, buffers[path].encode("utf-8", "surrogatepass")
            continue
        try:
            status = (root / path).lstat()
        except OSError:
            yield path, None
            continue
        as_staged = (
            entry is not None
            and status.st_size % 2**32 == entry.size
            and status.st_mtime_ns == entry.mtime_ns < known.written
        )
        if as_staged and entry is not None and entry.id == known.head.get(path):
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size <= READ_LIMIT:
            yield path, (root / path).read_bytes()


def _may_read(root: Path, path: str, notes: list[str]) -> bool:
    try:
        refused = why_not(root, path)
    except WorkspaceError:
        notes.append(f"{path} was left out: it is outside the workspace.")
        return False
    if refused is not None:
        notes.append(f"{path} was left out: it {refused.value}.")
    return refused is None


def _contents(git: str, root: Path, known: _Known, changed: Sequence[_Now], notes: list[str]) -> Iterator[FileChange]:
    ids = [known.head[path] for path, _ in changed if path in known.head]
    ids += [now for _, now in changed if isinstance(now, str)]
    stored = _stored(git, root, ids)
    room = MAX_BYTES
    for path, now in changed:
        before = stored.get(known.head.get(path, ""))
        after = stored.get(now) if isinstance(now, str) else now
        if before == after or _same_lines(before, after):
            continue
        if any(content is not None and not is_text(content[:8000]) for content in (before, after)):
            notes.append(f"{path} was left out: it is not text.")
            continue
        room -= len(before or b"") + len(after or b"")
        if room < 0:
            notes.append(f"{path} was left out: more than {MAX_BYTES >> 20} MB changed.")
            continue
        yield FileChange(path=path, before=before, after=after)


def _same_lines(before: bytes | None, after: bytes | None) -> bool:
    """Whether only line ends differ, which git may have been told to turn."""
    return before is not None and after is not None and before == after.replace(b"\r\n", b"\n")


def _stored(git: str, root: Path, ids: Sequence[str]) -> dict[str, bytes]:
    """Contents by object id; what is missing or too large is left out."""
    if not ids:
        return {}
    wanted = "".join(f"{each}\n" for each in dict.fromkeys(ids)).encode()
    sizes = _git(git, root, "cat-file", "--batch-check", given=wanted).decode().split("\n")
    small = [line.split(" ") for line in sizes if " blob " in line]
    chosen = [name for name, _, size in small if int(size) <= READ_LIMIT]
    output = _git(git, root, "cat-file", "--batch", given="".join(f"{name}\n" for name in chosen).encode())
    found: dict[str, bytes] = {}
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        name, _, size = output[at:end].decode().split(" ")
        found[name] = output[end + 1 : end + 1 + int(size)]
        at = end + 2 + int(size)
    return found


def _git(git: str, root: Path, *arguments: str, given: bytes = b"", may_fail: bool = False) -> bytes:
    """What a command that only reads stored objects prints."""
    command = [git, "--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs"]
    for key, value in _OPTIONS:
        command += ["-c", f"{key}={value}"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=root,
        env=_environment(),
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=not may_fail,
    )
    return done.stdout if done.returncode == 0 else b""


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
