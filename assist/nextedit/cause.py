"""What a change was, and the edits that follow from it by a rule. Pure, and slow enough to be kept off the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assist.nextedit.rename import Rename, rename_of, renamed_in
from assist.nextedit.repeat import Repeat, repeat_of, repeated_in
from assist.nextedit.signature import Signature, followed_in, signature_of
from assist.nextedit.tokens import Token, hunks, tokens
from assist.nextedit.values import Change, Edit, File

Cause = Rename | Signature | Repeat


def kind_of(cause: Cause | None) -> str:
    return type(cause).__name__.lower() if cause is not None else ""


def name_of(cause: Cause) -> str:
    """What to look for in files that are not open; empty when nothing is followed there."""
    if isinstance(cause, Rename):
        return cause.old if cause.reach in ("module", "member") else ""
    return cause.called if isinstance(cause, Signature) else ""


def names_in(change: Change) -> tuple[str, ...]:
    """Names whose other definitions matter to what the change is."""
    found = hunks(*_sides(change)) or ()
    old = {token.text for hunk in found for token in hunk.old if token.kind == "name"}
    signature = signature_of(change)
    return tuple(sorted(old | ({signature.name} if signature is not None else set[str]())))[:8]


def cause_of(change: Change, others: Sequence[Change] = (), elsewhere: Mapping[str, int] | None = None) -> Cause | None:
    """None when nothing follows from it that a rule knows.

    :param others: earlier changes, the last one first.
    :param elsewhere: how often a name is defined in other files.
    """
    before, after = _sides(change)
    found = hunks(before, after)
    if not found:
        return None
    known = elsewhere or {}
    signature = signature_of(change)
    if signature is not None:
        return signature_of(change, known.get(signature.name, 0))
    old = found[0].old[0].text if found[0].old else ""
    renamed = rename_of(change, found, known.get(old, 0))
    return renamed if renamed is not None else repeat_of(change, found, before, others)


def edits_in(cause: Cause, file: File) -> list[Edit]:
    """What follows in one file, in its order."""
    match cause:
        case Rename():
            return renamed_in(cause, file)
        case Signature():
            return followed_in(cause, file)
        case Repeat():
            return repeated_in(cause, file)


def _sides(change: Change) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    return tokens(change.before, change.file.language), tokens(change.after, change.file.language)
