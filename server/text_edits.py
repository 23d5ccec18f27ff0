"""The smallest replacements that turn one text into another, so that an editor keeps its cursor, folds and marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from server.lines import split_lines

_MAX_LINES = 4000  # compared line by line; comparing takes quadratic time at worst


@dataclass(frozen=True, slots=True)
class Replacement:
    start: int
    """Offset in the old text, in code points."""
    end: int
    text: str


def replacements(before: str, after: str) -> tuple[Replacement, ...]:
    """In the order of the old text, without overlaps, and never between the two characters of a \\r\\n."""
    old, new = split_lines(before), split_lines(after)
    front = 0
    while front < min(len(old), len(new)) and old[front] == new[front]:
        front += 1
    back = 0
    while back < min(len(old), len(new)) - front and old[-1 - back] == new[-1 - back]:
        back += 1
    offset = sum(len(line) for line in old[:front])
    found: list[Replacement] = []
    for left, right in _differences(old[front : len(old) - back], new[front : len(new) - back]):
        if left != right:
            found.append(_trimmed(offset, left, right))
        offset += len(left)
    return tuple(found)


def apply(text: str, edits: tuple[Replacement, ...]) -> str:
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _differences(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    """Old and new pieces, equal ones too, in order."""
    if len(old) > _MAX_LINES or len(new) > _MAX_LINES:
        yield "".join(old), "".join(new)
        return
    from difflib import SequenceMatcher

    for _, first, last, new_first, new_last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield "".join(old[first:last]), "".join(new[new_first:new_last])


def _trimmed(offset: int, old: str, new: str) -> Replacement:
    shortest = min(len(old), len(new))
    front = 0
    while front < shortest and old[front] == new[front]:
        front += 1
    if front and old[front - 1] == "\r" and (old[front : front + 1] == "\n" or new[front : front + 1] == "\n"):
        front -= 1
    back = 0
    while back < shortest - front and old[-1 - back] == new[-1 - back]:
        back += 1
    while back and old[-back] == "\n" and (_ends_with_cr(old, back) or _ends_with_cr(new, back)):
        back -= 1
    return Replacement(offset + front, offset + len(old) - back, new[front : len(new) - back])


def _ends_with_cr(text: str, back: int) -> bool:
    return text[: len(text) - back].endswith("\r")
