"""An edit to a workspace as a value: whole files before and after, so that it can be compared and refused."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

_NO_NEWLINE = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file of an edit. Content is bytes, so that no encoding or line ending is ever changed by accident."""

    path: str
    """Relative to the workspace root, with forward slashes; never absolute, never with a `..` part."""
    before: bytes | None
    """The content the edit was made against; None when the edit creates the file."""
    after: bytes | None
    """The content wanted; None when the edit deletes the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A set of file changes that belong together, sorted by path."""

    changes: tuple[FileChange, ...]
    title: str = ""
    """What the edit does, in a few words of the imperative: `compare with <=`."""

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(change.path for change in self.changes)


def unified_diff(edit: Edit, *, context: int = 3) -> str:
    """The edit as a unified diff with `a/` and `b/` prefixes, in the form that `git apply` reads."""
    return "".join(_file_diff(change, context) for change in edit.changes)


def _file_diff(change: FileChange, context: int) -> str:
    if change.before == change.after:
        return ""
    old = "/dev/null" if change.before is None else f"a/{change.path}"
    new = "/dev/null" if change.after is None else f"b/{change.path}"
    head = f"diff --git a/{change.path} b/{change.path}\n"
    if change.before is None:
        head += "new file mode 100644\n"
    if change.after is None:
        head += "deleted file mode 100644\n"
    try:
        before, after = ((content or b"").decode() for content in (change.before, change.after))
    except UnicodeDecodeError:
        return f"{head}Binary files {old} and {new} differ\n"
    lines = difflib.unified_diff(_lines(before), _lines(after), old, new, n=context)
    return head + "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines)


def _lines(text: str) -> list[str]:
    # Split at \n alone, as git does: str.splitlines would also split at form feeds and U+2028.
    return [line + "\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.split("\n")[-1]) else [])
