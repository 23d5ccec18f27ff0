"""Open documents, kept exactly as the editor has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types as lsp

from assist.nextedit.trail import Trail
from server.lines import split_lines
from server.positions import Encoding, LineIndex, index_in_line, locate, unit_length

_SPLIT_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document at one version. Take it before the first `await`; it never changes."""

    uri: str
    version: int
    language_id: str
    text: str
    encoding: Encoding

    def index(self) -> LineIndex:
        return LineIndex.of(self.text, self.encoding)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a document, and its line: all that is needed of a long document to speak of places near by."""

    offset: int
    """Code points before it in the document."""
    line: int
    """0-based."""
    text: str
    """Of the line."""
    index: int
    """Code points before it in the line."""
    encoding: Encoding

    def position(self, *, back: int = 0) -> lsp.Position:
        """:param back: so many code points before it, in the same line."""
        return lsp.Position(line=self.line, character=unit_length(self.text[: self.index - back], self.encoding))

    def index_of(self, character: int) -> int:
        """Code points before a position's `character` in the same line."""
        return index_in_line(self.text, character, self.encoding)


class Document:
    """A document's text as a list of lines, so that a keystroke costs the edited lines and not the whole file.

    Owned by the event loop; everything else works on a `Snapshot`.
    """

    def __init__(self, uri: str, version: int, language_id: str, text: str, encoding: Encoding) -> None:
        self.uri = uri
        self.version = version
        self.language_id = language_id
        self.in_sync = True
        """False after a change that could not be read: the text is then not the editor's."""
        self.trail = Trail()
        """What was changed lately."""
        self._encoding: Encoding = encoding
        self._lines = split_lines(_whole_characters(text))
        self._snapshot: Snapshot | None = None

    def change(self, changes: Sequence[lsp.TextDocumentContentChangeEvent], version: int) -> None:
        """Apply the changes in order, each to the result of the one before."""
        for change in changes:
            if isinstance(change, lsp.TextDocumentContentChangePartial):
                self._replace(change.range, change.text)
            else:
                lines = split_lines(_whole_characters(change.text))
                self.trail.rewritten(self._lines, lines)
                self._lines = lines
                self.in_sync = True
        self.version = version
        self._snapshot = None

    def lose(self) -> None:
        """Say that a change was missed; only the whole text, or opening it again, brings it back."""
        self.in_sync = False

    def snapshot(self) -> Snapshot:
        if self._snapshot is None:
            text = "".join(self._lines)
            self._snapshot = Snapshot(self.uri, self.version, self.language_id, text, self._encoding)
        return self._snapshot

    def spot(self, position: lsp.Position) -> Spot:
        """A position as it is now."""
        line, index = locate(self._lines, position, self._encoding)
        offset = len("".join(self._lines[:line])) + index  # seven times as fast as to add up the lengths
        return Spot(offset, line, self._lines[line], index, self._encoding)

    def excerpt(self, first: int, last: int) -> str:
        """The text of some lines, 0-based, `last` exclusive, for the price of these lines."""
        return "".join(self._lines[max(0, first) : max(0, last)])

    def _replace(self, where: lsp.Range, text: str) -> None:
        start, end = sorted(locate(self._lines, at, self._encoding) for at in (where.start, where.end))
        (first, first_index), (last, last_index) = start, end
        region = self._lines[first][:first_index] + text + self._lines[last][last_index:]
        # A line that ends in \r and a region that begins with \n are one line end.
        if first > 0 and region.startswith("\n") and self._lines[first - 1].endswith("\r"):
            first -= 1
            region = self._lines[first] + region
        lines = split_lines(_whole_characters(region))
        if not lines[-1] and last + 1 < len(self._lines):
            lines.pop()
        self.trail.replaced(first, self._lines[first : last + 1], lines)
        self._lines[first : last + 1] = lines


def _whole_characters(text: str) -> str:
    """The text with surrogate halves that meet joined: editors count both, Python would keep two characters."""
    if text.isascii() or _SPLIT_PAIR.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
