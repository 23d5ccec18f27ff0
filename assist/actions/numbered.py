"""Changes as a reviewer reads them: the changed parts of each file, with the line numbers of the new one."""

from __future__ import annotations

import difflib

from assist.actions.ask import shown_edit
from workspace.edit import Edit, FileChange

_AROUND = 6  # lines before and after a change
_MOST = 48_000  # characters of all files together
_LONG_LINE = 400


def numbered(edit: Edit) -> tuple[str, tuple[str, ...]]:
    """The text as a model may see it, and the paths that there was no room for."""
    parts: list[str] = []
    left_out: list[str] = []
    room = _MOST
    for change in shown_edit(edit).changes:
        text = _file(change)
        if text and len(text) <= room:
            parts.append(text)
            room -= len(text)
        elif text:
            left_out.append(change.path)
    return "\n\n".join(parts), tuple(left_out)


def _file(change: FileChange) -> str:
    if change.after is None:
        return f"{change.path} was removed."
    before, after = _lines(change.before), _lines(change.after)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    lines: list[str] = []
    for group in matcher.get_grouped_opcodes(_AROUND):
        if lines:
            lines.append("…")
        for tag, first, end, new_first, new_end in group:
            if tag in ("replace", "delete"):
                lines += [f"    - {line}" for line in before[first:end]]
            if tag != "delete":
                sign = " " if tag == "equal" else "+"
                lines += [f"{at + 1:5}{sign}{after[at]}" for at in range(new_first, new_end)]
    if not lines:
        return ""
    new = " (new)" if change.before is None else ""
    body = "\n".join(line[:_LONG_LINE] for line in lines)
    return f"{change.path}{new}:\n\nBEGIN {change.path}\n{body}\nEND"


def _lines(content: bytes | None) -> list[str]:
    if not content:
        return []
    return content.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
