"""Where to cut text of which nothing but its lines is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

_BLANKS_IN_LINE = b" \t\f\v"
BLANKS = _BLANKS_IN_LINE + b"\r\n"
_INDENTATION = re.compile(rb"[ \t]*")
_CLOSES = re.compile(rb"[ \t]*(?:[)\]}>]|end\b|else\b|elif\b|elsif\b|except\b|finally\b|catch\b|then\b|</)")
_TAB = 4  # columns; only compared with one another


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a file. They end as bytes.splitlines says: at LF, CR LF and CR."""

    content: bytes
    starts: Sequence[int]
    """Byte offsets, one more than there are lines: the last is the length of the content."""
    weights: Sequence[int]
    """Bytes that are not blank in the lines before each; one more than there are lines."""

    @classmethod
    def of(cls, content: bytes) -> Lines:
        lines = content.splitlines(keepends=True)
        if b"\r" in content:
            weights = [len(line.translate(None, BLANKS)) for line in lines]
        else:  # the same, four times as fast
            weights = list(map(len, content.translate(None, _BLANKS_IN_LINE).split(b"\n")))[: len(lines)]
        return cls(
            content=content,
            starts=list(accumulate(map(len, lines), initial=0)),
            weights=list(accumulate(weights, initial=0)),
        )

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    def weight(self, start: int, end: int) -> int:
        """Bytes that are not blank in the lines from start to end, exclusive."""
        return self.weights[end] - self.weights[start]

    def line(self, number: int) -> bytes:
        return self.content[self.starts[number] : self.starts[number + 1]]


def cut(lines: Lines, start: int, end: int, target: int, most: int) -> list[tuple[int, int]]:
    """Pieces of some lines, of at most about `target` bytes that are not blank, in order and without gaps.

    Each cut is at the least indented line of the second half of what fits, best below a blank line, never at a
    line that closes something. A single line may be heavier than `most`.
    """
    pieces: list[tuple[int, int]] = []
    while lines.weight(start, end) > most:
        last = start + 1
        while last < end and lines.weight(start, last + 1) <= target:
            last += 1
        best, best_cost = last, 1 << 30
        half = lines.weight(start, last) // 2
        for at in range(last, start, -1):
            if lines.weight(start, at) < half:
                break
            cost = _cost(lines, at) if at < lines.count else 0
            if cost < best_cost:
                best, best_cost = at, cost
        pieces.append((start, best))
        start = best
    if start < end:
        pieces.append((start, end))
    return pieces


def _cost(lines: Lines, at: int) -> int:
    """Of a cut before a line: its indentation in columns, twice, and more when it does not begin anything."""
    line = lines.line(at)
    if lines.weight(at, at + 1) == 0:
        return 400  # rather below the blank line
    indentation = _INDENTATION.match(line)
    assert indentation is not None
    columns = len(indentation[0].expandtabs(_TAB))
    closes = 40 if _CLOSES.match(line) else 0
    after_blank = lines.weight(at - 1, at) == 0
    return 2 * columns + closes + (0 if after_blank else 3)
