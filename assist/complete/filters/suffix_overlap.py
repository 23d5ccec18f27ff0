from __future__ import annotations

from assist.complete.lexical import missing
from assist.complete.values import Candidate

_LEAST = 2
"""Characters of a shorter overlap with the lines below say nothing: any two lines may end and begin with `)`."""


def suffix_overlap(candidate: Candidate) -> str | None:
    """Without what stands behind the cursor already: the rest of its line, or the lines below."""
    rest, _, below = candidate.after.partition("\n")
    text = candidate.text
    if rest.strip():
        first, line_break, more = text.partition("\n")
        wanted = len(missing(candidate.before, candidate.after, candidate.language))
        cut = _without(first, rest.strip(), wanted)
        # Lines that would be put between the cursor and the rest of its line tear it apart.
        return cut if not line_break or cut != first else f"{cut}{line_break}{more}" if not more.strip() else cut
    return _without_lines(text, below) or None


def _without(line: str, rest: str, wanted: int) -> str:
    """Without the longest end that is a beginning of the rest of the line."""
    plain = line.rstrip()
    for length in range(min(len(plain), len(rest)), 0, -1):
        if plain.endswith(rest[:length]):
            return plain[: len(plain) - length] if _is_surplus(plain, length, wanted) else line
    return line


def _is_surplus(line: str, length: int, wanted: int) -> bool:
    """Whether the end closes more than the line opens and the place lacks."""
    depth = wanted
    for sign in line[: len(line) - length]:
        depth += (sign in "([{") - (sign in ")]}")
    end = line[len(line) - length :]
    closes = 0
    for sign in end:
        if sign in ")]}":
            closes += 1
        elif not sign.isspace() and sign not in "\"'`:;,":
            return True
    return closes == 0 or depth < closes


def _without_lines(text: str, below: str) -> str:
    """Without lines at the end that the lines below the cursor begin with."""
    lines = text.split("\n")
    there = [line.rstrip() for line in below.split("\n", len(lines) + 8)[: len(lines) + 8]]
    while there and not there[0].strip():
        there.pop(0)
    for count in range(min(len(lines) - 1, len(there)), 0, -1):
        end = [line.rstrip() for line in lines[-count:]]
        if end == there[:count] and sum(map(len, map(str.strip, end))) >= _LEAST:
            return "\n".join(lines[:-count]).rstrip()
    return text
