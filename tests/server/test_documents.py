"""Documents stay the editor's: random edits against an independent model, in each encoding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types as lsp
from pygls.workspace import PositionCodec, TextDocument

import server
from server.documents import Document
from server.lines import split_lines
from server.positions import Encoding, LineIndex, unit_length

# The model keeps text as a list of code units, as an editor does, and knows nothing of Python's strings but their
# encodings. It counts lines by walking over it.

_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
_WIDTH = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
_CODEC = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


def units(text: str, encoding: Encoding) -> list[bytes]:
    data, width = text.encode(_CODEC[encoding]), _WIDTH[encoding]
    return [data[at : at + width] for at in range(0, len(data), width)]


def text_of(pieces: list[bytes], encoding: Encoding) -> str:
    return b"".join(pieces).decode(_CODEC[encoding])


@dataclass
class Model:
    pieces: list[bytes]
    encoding: Encoding

    def offset(self, line: int, character: int) -> int:
        """Where a position is, in units; moved back when it would be inside of a character."""
        cr, lf = units("\r", self.encoding)[0], units("\n", self.encoding)[0]
        at = 0
        for _ in range(line):
            while at < len(self.pieces) and self.pieces[at] not in (cr, lf):
                at += 1
            if at == len(self.pieces):
                return at  # no such line: the end
            at += 2 if self.pieces[at] == cr and self.pieces[at + 1 : at + 2] == [lf] else 1
        for _ in range(character):
            if at == len(self.pieces) or self.pieces[at] in (cr, lf):
                break
            at += 1
        while at < len(self.pieces) and self._continues(self.pieces[at]):
            at -= 1
        return at

    def _continues(self, unit: bytes) -> bool:
        if self.encoding == "utf-8":
            return 0x80 <= unit[0] < 0xC0
        return self.encoding == "utf-16" and 0xDC <= unit[1] < 0xE0

    def replace(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        first, last = sorted((self.offset(*start), self.offset(*end)))
        self.pieces[first:last] = units(text, self.encoding)


_LINE_ENDS_ELSEWHERE = ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
_CHARACTERS = st.sampled_from(
    ["a", "b", " ", "\n", "\r", "\r\n", *_LINE_ENDS_ELSEWHERE, "é", "한", "😀", "👩\u200d👩\u200d👧"]
)
_TEXTS = st.lists(_CHARACTERS, max_size=24).map("".join)
_POSITIONS = st.tuples(st.integers(0, 9), st.integers(0, 12))
_EDITS = st.lists(st.tuples(_POSITIONS, _POSITIONS, _TEXTS), max_size=8)


@settings(max_examples=600, deadline=None)
@given(start=_TEXTS, edits=_EDITS, encoding=st.sampled_from(_ENCODINGS))
def test_any_edits_give_the_editors_text(
    start: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]], encoding: Encoding
) -> None:
    document = Document("file:///a", 1, "python", start, encoding)
    model = Model(units(start, encoding), encoding)
    for version, (first, last, text) in enumerate(edits, 2):
        document.change([partial(first, last, text)], version)
        model.replace(first, last, text)
        assert document.snapshot().text == text_of(model.pieces, encoding)
        assert document.version == version


@settings(max_examples=300, deadline=None)
@given(text=_TEXTS, encoding=st.sampled_from(_ENCODINGS), position=_POSITIONS)
def test_offsets_and_positions_agree_with_the_model(text: str, encoding: Encoding, position: tuple[int, int]) -> None:
    model, index = Model(units(text, encoding), encoding), LineIndex.of(text, encoding)
    offset = index.offset(lsp.Position(*position))
    before = text_of(model.pieces[: model.offset(*position)], encoding)
    assert text[:offset] == before
    back = index.position(offset)
    assert index.offset(back) == offset
    assert model.offset(back.line, back.character) == len(units(before, encoding))


@settings(max_examples=300, deadline=None)
@given(text=_TEXTS)
def test_lines_joined_are_the_text(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert len(lines) == 1 + text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    assert not lines[-1].endswith(("\r", "\n"))


def partial(start: tuple[int, int], end: tuple[int, int], text: str) -> lsp.TextDocumentContentChangePartial:
    return lsp.TextDocumentContentChangePartial(
        range=lsp.Range(start=lsp.Position(*start), end=lsp.Position(*end)), text=text
    )


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_the_protocols_line_ends_end_a_line(end: str) -> None:
    text, change = f"x{end}y\nz\n", partial((1, 0), (1, 1), "Z")
    document = Document("file:///a", 1, "python", text, "utf-16")
    document.change([change], 2)
    assert document.snapshot().text == f"x{end}y\nZ\n"
    stock = TextDocument("file:///a", text, 1, position_codec=PositionCodec("utf-16"))
    stock.apply_change(change)
    assert stock.source != f"x{end}y\nZ\n"  # it silently changed another line


def test_a_lone_carriage_return_ends_a_line() -> None:
    assert split_lines("a\rb\r\nc\n") == ["a\r", "b\r\n", "c\n", ""]


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "wanted"),
    [
        ("a\rb", (1, 0), (1, 0), "\n", "a\r\nb"),  # the two become one line end
        ("a\r\nb", (0, 1), (1, 0), "", "ab"),
        ("a\r\nb", (0, 9), (0, 9), "x", "ax\r\nb"),  # past the end of a line: before its end
        ("a", (7, 3), (9, 9), "x", "ax"),  # past the end of the document
        ("", (0, 0), (0, 0), "x\n", "x\n"),
        ("abc", (0, 2), (0, 1), "x", "axc"),  # start and end the wrong way round
        ("😀b", (0, 1), (0, 2), "x", "xb"),  # from inside of a surrogate pair: from before it
    ],
)
def test_edges(text: str, start: tuple[int, int], end: tuple[int, int], new: str, wanted: str) -> None:
    document = Document("file:///a", 1, "python", text, "utf-16")
    document.change([partial(start, end, new)], 2)
    assert document.snapshot().text == wanted


def test_surrogate_halves_that_meet_are_one_character() -> None:
    document = Document("file:///a", 1, "python", "\ud83d", "utf-16")
    document.change([partial((0, 1), (0, 1), "\ude00")], 2)
    assert document.snapshot().text == "😀"


def test_a_whole_text_brings_a_lost_document_back() -> None:
    document = Document("file:///a", 1, "python", "a", "utf-16")
    document.lose()
    document.change([lsp.TextDocumentContentChangeWholeDocument(text="b")], 3)
    assert (document.in_sync, document.snapshot().text) == (True, "b")


def test_a_snapshot_does_not_change() -> None:
    document = Document("file:///a", 1, "python", "one", "utf-16")
    before = document.snapshot()
    document.change([lsp.TextDocumentContentChangeWholeDocument(text="two")], 2)
    assert (before.version, before.text) == (1, "one")


@pytest.mark.parametrize(("encoding", "length"), [("utf-8", 11), ("utf-16", 6), ("utf-32", 5)])
def test_unit_lengths(encoding: Encoding, length: int) -> None:
    assert unit_length("aé한😀\x0c", encoding) == length


def test_the_range_of_a_line_begins_after_its_indentation() -> None:
    index = LineIndex.of("def f():\n    assert '😀' == x  \n", "utf-16")
    assert index.whole_line(1) == lsp.Range(start=lsp.Position(1, 4), end=lsp.Position(1, 22))
    assert index.whole_line(99).start.line == 2


def test_nothing_here_splits_lines_as_python_does() -> None:
    """`str.splitlines` ends lines where editors do not."""
    package = Path(server.__file__).parent
    offenders = [path.name for path in package.glob("*.py") if ".splitlines(" in path.read_text()]
    assert offenders + [path.name for path in package.glob("features/*.py") if ".splitlines(" in path.read_text()] == []
