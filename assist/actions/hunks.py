"""The parts of an edit that can be taken or left one by one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from assist.actions.errors import NothingThere
from workspace.edit import Edit, FileChange

_MAX_LINES = 4000  # compared line by line; comparing takes quadratic time at worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Neighbouring lines of one file that are replaced. Lines are 0-based, of the file without the edit."""

    number: int
    """Within the edit, from 0."""
    path: str
    first: int
    end: int
    """Exclusive; the same as `first` where lines are put in only."""
    before: bytes
    after: bytes


def hunks_of(edit: Edit) -> tuple[Hunk, ...]:
    """In the order of the files and of their lines. Creating or deleting a file is one hunk."""
    found: list[Hunk] = []
    for change in edit.changes:
        for first, end, before, after in _differences(change):
            found.append(Hunk(number=len(found), path=change.path, first=first, end=end, before=before, after=after))
    return tuple(found)


def with_hunks(edit: Edit, chosen: Collection[int]) -> Edit:
    """The edit with these hunks alone.

    :raises NothingThere: none is chosen, or one that the edit does not have.
    """
    hunks = hunks_of(edit)
    if unknown := sorted(number for number in chosen if not 0 <= number < len(hunks)):
        raise NothingThere(f"There is no hunk {unknown[0]}; this edit has 0 to {len(hunks) - 1}.")
    if not chosen:
        raise NothingThere("No hunk was chosen; name at least one.")
    if len(set(chosen)) == len(hunks):
        return edit
    changes = [_chosen(change, [hunk for hunk in hunks if hunk.path == change.path], chosen) for change in edit.changes]
    return replace(edit, changes=tuple(change for change in changes if change.before != change.after))


def _chosen(change: FileChange, hunks: Sequence[Hunk], chosen: Collection[int]) -> FileChange:
    wanted = [hunk for hunk in hunks if hunk.number in chosen]
    if change.before is None or change.after is None:
        return change if wanted else replace(change, after=change.before)
    lines = _lines(change.before)
    for hunk in reversed(wanted):
        lines[hunk.first : hunk.end] = _lines(hunk.after)
    return replace(change, after=b"".join(lines))


def _differences(change: FileChange) -> list[tuple[int, int, bytes, bytes]]:
    before, after = _lines(change.before or b""), _lines(change.after or b"")
    whole = (0, len(before), b"".join(before), b"".join(after))
    if change.before is None or change.after is None:
        return [whole]
    if max(len(before), len(after)) > _MAX_LINES:
        return [whole]
    found: list[tuple[int, int, bytes, bytes]] = []
    for tag, first, end, new_first, new_end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            found.append((first, end, b"".join(before[first:end]), b"".join(after[new_first:new_end])))
    return found


def _lines(content: bytes) -> list[bytes]:
    """Split at \\n alone, as diffs are."""
    pieces = content.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def rebased(edit: Edit, path: str, now: bytes) -> Edit | None:
    """The edit of one file against what the file is now; None when the lines that it changes have changed."""
    change = next((each for each in edit.changes if each.path == path), None)
    if change is None or change.before is None or change.after is None:
        return None
    before, lines = _lines(change.before), _lines(now)
    if max(len(before), len(lines)) > _MAX_LINES:
        return edit if change.before == now else None
    blocks = difflib.SequenceMatcher(None, before, lines, autojunk=False).get_matching_blocks()
    for hunk in reversed([each for each in hunks_of(edit) if each.path == path]):
        # The line before is part of it: what is put in must know its place.
        first = max(0, hunk.first - 1)
        block = next((b for b in blocks if b.a <= first and max(hunk.end, first + 1) <= b.a + b.size), None)
        if block is None:
            return None
        moved = block.b - block.a
        lines[hunk.first + moved : hunk.end + moved] = _lines(hunk.after)
    return replace(edit, changes=(FileChange(path=path, before=now, after=b"".join(lines)),))
