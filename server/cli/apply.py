"""Write an edit to disk: all of it or nothing, and only onto what it was made against."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from workspace.edit import Edit, FileChange
from workspace.errors import OutsideWorkspace
from workspace.root import relative_path


class Stale(Exception):
    """A file is not any more what the edit was made against; the message is for the reader."""


def write_edit(edit: Edit, root: Path) -> None:
    """Check every file, then put each in place by renaming; what was done is undone when a later one fails.

    :raises Stale: when a file changed since the edit was made, or leads out of the root; nothing is written then.
    :raises OSError: when the disk refuses; nothing has changed then.
    """
    targets = [(change, _target(change, root)) for change in edit.changes]
    drafts: list[tuple[FileChange, Path, Path | None]] = []
    done: list[tuple[FileChange, Path]] = []
    try:
        for change, target in targets:
            drafts.append((change, target, _draft(change, target)))
        for change, target, draft in drafts:
            _check(change, target)  # once more, right before the rename
            if draft is None:
                target.unlink()
            else:
                draft.replace(target)
            done.append((change, target))
    except BaseException:
        for change, target in reversed(done):
            _restore(change, target)
        raise
    finally:
        for _, _, draft in drafts:
            if draft is not None:
                draft.unlink(missing_ok=True)


def _target(change: FileChange, root: Path) -> Path:
    try:
        target = (root / relative_path(root, change.path)).resolve()
    except OutsideWorkspace as error:
        raise Stale(str(error)) from error
    _check(change, target)
    return target


def _check(change: FileChange, target: Path) -> None:
    try:
        now = target.read_bytes()
    except FileNotFoundError:
        now = None
    if now != change.before:
        what = "has appeared" if change.before is None else "is gone" if now is None else "has changed"
        raise Stale(f"{change.path} {what} since the edit was made, so nothing was written; run the command again.")


def _draft(change: FileChange, target: Path) -> Path | None:
    """The new content beside its place, with the mode of the file it replaces."""
    if change.after is None:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.assay")
    mode = target.stat().st_mode & 0o7777 if change.before is not None else 0o666 & ~_umask()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(change.after)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(mode)
    return draft


def _restore(change: FileChange, target: Path) -> None:
    with contextlib.suppress(OSError):
        if change.before is None:
            target.unlink()
        else:
            target.write_bytes(change.before)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
