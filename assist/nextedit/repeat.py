"""The same change of the text at other places, where it is telling enough to be no accident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assist.nextedit.tokens import KEYWORDS, Hunk, Token, hunks, tokens
from assist.nextedit.values import Change, Edit, File

_MOST_TOKENS = 24
"""Of what is replaced: longer is a passage, and stands nowhere else."""
_MOST_PLACES = 20
"""More than this is no pattern but the language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    old: tuple[str, ...]
    """Tokens, spaces among them."""
    new: str
    language: str
    document: str

    @property
    def words(self) -> str:
        return f"{''.join(self.old)} was replaced by {self.new}"


def repeat_of(
    change: Change, found: Sequence[Hunk], before: Sequence[Token], others: Sequence[Change] = ()
) -> Repeat | None:
    """The pattern of a change; None when nothing in it says where else it belongs.

    :param found: what differs between its sides.
    :param before: tokens of what was there.
    :param others: earlier changes: what was done twice may be done again even if it says little.
    """
    texts = {(_text(hunk.old), _text(hunk.new)) for hunk in found}
    if len(texts) != 1 or not found:
        return None
    hunk = found[0]
    if any(token.kind == "line" for token in (*hunk.old, *hunk.new)) or not any(token.is_code for token in hunk.new):
        return None
    if any(token.kind == "comment" for token in (*hunk.old, *hunk.new)):
        return None
    is_again = len(found) > 1 or any(_has(other, *next(iter(texts))) for other in others)
    first, last = _widened(before, hunk.old_at, hunk.old_at + len(hunk.old))
    pattern = before[first:last]
    code = [token for token in pattern if token.is_code]
    at_end = not hunk.old and (last == hunk.old_at)
    if not _tells(code) or len(pattern) > _MOST_TOKENS or (at_end and not is_again):
        return None
    new = _text(before[first : hunk.old_at]) + _text(hunk.new) + _text(before[hunk.old_at + len(hunk.old) : last])
    return Repeat(
        old=tuple(token.text for token in pattern),
        new=new,
        language=change.file.language,
        document=change.file.document,
    )


def repeated_in(repeat: Repeat, file: File) -> list[Edit]:
    """Where else the pattern stands in a file."""
    if file.language != repeat.language or "".join(repeat.old) not in file.text:
        return []
    code = tokens(file.text, file.language)
    texts = [token.text for token in code]
    edits: list[Edit] = []
    size, at = len(repeat.old), 0
    while at + size <= len(texts):
        if tuple(texts[at : at + size]) == repeat.old:
            start = code[at].start
            # Done already, where the new text begins with the old one.
            if not file.text.startswith(repeat.new, start):
                edits.append(Edit(document=file.document, start=start, end=code[at + size - 1].end, text=repeat.new))
            at += size
        else:
            at += 1
    return edits if len(edits) <= _MOST_PLACES else []


def _widened(before: Sequence[Token], first: int, last: int) -> tuple[int, int]:
    """So many tokens around a hunk of the same line that the pattern says something."""

    def grown(by: int) -> int | None:
        """The next token of the line's code in a direction."""
        at = first - 1 if by < 0 else last
        while 0 <= at < len(before) and before[at].kind == "space":
            at += by
        return at if 0 <= at < len(before) and before[at].is_code else None

    if first == last:  # nothing was replaced: between what it was put says where
        left, right = grown(-1), grown(1)
        first = left if left is not None else first
        last = right + 1 if right is not None else last
    while not _tells([token for token in before[first:last] if token.is_code]):
        right, left = grown(1), grown(-1)
        if right is not None and before[right].text in ("(", "["):
            last = right + 1
        elif left is not None:
            first = left
        elif right is not None:
            last = right + 1
        else:
            break
        if last - first > _MOST_TOKENS:
            break
    return first, last


def _tells(code: Sequence[Token]) -> bool:
    """Whether tokens are particular enough: two of them, and a name that is not the language's own, or a text."""
    return len(code) >= 2 and any(
        (token.kind == "name" and token.text not in KEYWORDS and len(token.text) > 2)
        or (token.kind == "quoted" and len(token.text) > 4)
        for token in code
    )


def _has(change: Change, old: str, new: str) -> bool:
    language = change.file.language
    found = hunks(tokens(change.before, language), tokens(change.after, language)) or ()
    return any((_text(hunk.old), _text(hunk.new)) == (old, new) for hunk in found)


def _text(found: Sequence[Token]) -> str:
    return "".join(token.text for token in found)
