"""A workspace ready to be run: its root, its Python, and which of its files go into the sandbox."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workspace.errors import NoWorkspace
from workspace.policy import SANDBOX_LIMIT, SANDBOX_TOTAL, Purpose, Reason
from workspace.python import Interpreter, search_interpreter
from workspace.root import relative_path
from workspace.walk import MAX_FILES, Skipped, walk, why_not

_NAMED = 3  # paths given in one note; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    root: Path
    """Absolute and resolved."""
    python: Interpreter
    files: tuple[str, ...]
    """What goes into the sandbox, relative to the root, with forward slashes, sorted."""
    overlay: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Unsaved buffers: they stand in for what is on disk."""
    notes: tuple[str, ...] = ()
    """What was left out and why, for people and receipts."""
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    """Symlinks that stay inside, by path: their target relative to the root. Those to files are in `files`, too."""

    def read(self, path: str) -> bytes | None:
        """The content of a file as the user sees it now, or None when there is none."""
        if path in self.overlay:
            return self.overlay[path]
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None


def open_project(
    root: Path,
    *,
    python: Path | None = None,
    overlay: Mapping[str, bytes] | None = None,
    env: Mapping[str, str] | None = None,
    trusted: bool = True,
) -> Project:
    """Look at a workspace: what is in it and what runs it.

    Starts an interpreter, so it takes some tens of milliseconds, and longer for a very large workspace.

    :param root: the workspace's folder; see `find_root`.
    :param python: the person's own choice of interpreter.
    :param overlay: unsaved buffers by path, relative to the root.
    :param env: the environment of the person who asks; this process's when None.
    :param trusted: when False, no Python that lies in the workspace is started.
    :raises NoWorkspace: when there is no such folder, or it cannot be read.
    :raises NoInterpreter: when no Python can be used.
    :raises OutsideWorkspace: when a path of the overlay leads out of the root.
    """
    folder = _readable_folder(root)
    buffers = {relative_path(folder, path): content for path, content in (overlay or {}).items()}
    found = search_interpreter(folder, python=python, env=os.environ if env is None else env, trusted=trusted)
    walked = walk(folder, Purpose.SANDBOX)
    files = set(walked.files)
    notes = [*found.notes, *_notes(walked.skipped)]
    for path in [path for path in buffers if path not in files]:
        if (reason := why_not(folder, path, Purpose.SANDBOX)) is None:
            files.add(path)
        else:
            del buffers[path]
            notes.append(f"{path} {reason.value} and was left out of the sandbox.")
    return Project(
        root=folder,
        python=found.interpreter,
        files=tuple(sorted(files)),
        overlay=buffers,
        notes=tuple(notes),
        links=walked.links,
    )


def _readable_folder(root: Path) -> Path:
    try:
        folder = root.expanduser().resolve(strict=True)
        with os.scandir(folder):
            return folder
    except NotADirectoryError as error:
        raise NoWorkspace(f"{root} is a file; give the path of a project's folder.") from error
    except PermissionError as error:
        raise NoWorkspace(f"{root} cannot be read; give yourself the right to read it, or another path.") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise NoWorkspace(f"{root} does not exist; give the path of a project's folder.") from error


_WORTH_SAYING = {  # what a person may not expect; what is ignored or a cache goes without saying
    Reason.TOO_LARGE: (f"is larger than {SANDBOX_LIMIT >> 20} MB", f"are larger than {SANDBOX_LIMIT >> 20} MB"),
    Reason.TOO_MUCH: (
        f"is beyond the {SANDBOX_TOTAL >> 20} MB that a workspace may have",
        f"are beyond the {SANDBOX_TOTAL >> 20} MB that a workspace may have",
    ),
    Reason.UNREADABLE: ("cannot be read", "cannot be read"),
    Reason.OUTSIDE: ("is a symlink that leaves the workspace", "are symlinks that leave the workspace"),
    Reason.SENSITIVE: ("looks like a secret", "look like secrets"),
    Reason.SPECIAL: ("is no regular file", "are no regular files"),
    Reason.NAME: ("has a name that is not UTF-8", "have names that are not UTF-8"),
    Reason.TOO_MANY: (
        f"is beyond the {MAX_FILES:,} files that a workspace may have",
        f"are beyond the {MAX_FILES:,} files that a workspace may have",
    ),
}


def _notes(skipped: tuple[Skipped, ...]) -> list[str]:
    """One sentence for each reason that is worth saying, with the first few paths."""
    notes: list[str] = []
    for reason, (one, several) in _WORTH_SAYING.items():
        paths = [_shown(each) for each in skipped if each.reason is reason]
        if len(paths) == 1:
            notes.append(f"{paths[0]} {one} and was left out of the sandbox.")
        elif paths:
            more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
            notes.append(f"{', '.join(paths[:_NAMED])}{more} {several} and were left out of the sandbox.")
    return notes


def _shown(skipped: Skipped) -> str:
    if skipped.reason in (Reason.TOO_LARGE, Reason.TOO_MUCH):
        return f"{skipped.path} ({skipped.size / (1 << 20):.0f} MB)"
    return skipped.path
