"""Convert between offsets (code points) and LSP positions (line, and units of the negotiated encoding)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from lsprotocol.types import Position, Range

from server.lines import content_length, split_lines

Encoding = Literal["utf-8", "utf-16", "utf-32"]


def unit_length(text: str, encoding: Encoding) -> int:
    """How many units of the encoding the text takes. A lone surrogate counts as one UTF-16 unit."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def index_in_line(line: str, character: int, encoding: Encoding) -> int:
    """The code point index for a position's `character`.

    Beyond the end means the end, before the line's end characters; inside of a character means its start.
    """
    length = content_length(line)
    if encoding == "utf-32" or line.isascii():
        return min(character, length)
    units = 0
    for index in range(length):
        code = ord(line[index])
        if encoding == "utf-8":
            units += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
        else:
            units += 1 if code < 0x10000 else 2
        if units > character:
            return index
    return length


def locate(lines: Sequence[str], position: Position, encoding: Encoding) -> tuple[int, int]:
    """Line and code point index in it; a position past the last line is the end of the text."""
    if position.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    return position.line, index_in_line(lines[position.line], position.character, encoding)


@dataclass(frozen=True, slots=True)
class LineIndex:
    """One text, ready for many conversions."""

    lines: tuple[str, ...]
    starts: tuple[int, ...]
    """Offset of each line's first code point."""
    encoding: Encoding

    @classmethod
    def of(cls, text: str, encoding: Encoding) -> LineIndex:
        lines = tuple(split_lines(text))
        return cls(lines, tuple(accumulate((len(line) for line in lines[:-1]), initial=0)), encoding)

    def offset(self, position: Position) -> int:
        line, index = locate(self.lines, position, self.encoding)
        return self.starts[line] + index

    def position(self, offset: int) -> Position:
        """The position of an offset; one inside of a \\r\\n is given as the end of the line's content."""
        line = bisect_right(self.starts, offset) - 1
        text = self.lines[line]
        index = min(offset - self.starts[line], content_length(text))
        return Position(line=line, character=unit_length(text[:index], self.encoding))

    def range(self, start: int, end: int) -> Range:
        return Range(start=self.position(start), end=self.position(end))

    def whole_line(self, line: int) -> Range:
        """From the first character that is not blank to the end of a 0-based line; the last line when past it."""
        line = min(line, len(self.lines) - 1)
        text = self.lines[line][: content_length(self.lines[line])]
        indent = len(text) - len(text.lstrip())
        first = self.starts[line]
        return self.range(first + (indent if indent < len(text) else 0), first + len(text))
