"""The event stream parser, held to the specification's own examples and to streams that are made to hurt."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.sse import BadEventStream, EventParser, ServerEvent


def parse(stream: bytes, size: int = 1 << 30) -> list[ServerEvent]:
    parser = EventParser()
    return [event for at in range(0, len(stream), size) for event in parser.feed(stream[at : at + size])]


def data(*values: str) -> list[ServerEvent]:
    return [ServerEvent(data=value) for value in values]


CASES: dict[str, tuple[bytes, list[ServerEvent]]] = {
    "one event of several lines": (b"data: YHOO\ndata: +2\ndata: 10\n\n", data("YHOO\n+2\n10")),
    "comments, ids, and an id that is reset": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [
            ServerEvent(data="first event", id="1"),
            ServerEvent(data="second event"),
            ServerEvent(data=" third event"),
        ],
    ),
    "empty data is an event, and what the end cuts off is none": (b"data\n\ndata\ndata\n\ndata:", data("", "\n")),
    "one space is taken away": (b"data:test\n\ndata: test\n\n", data("test", "test")),
    "carriage returns": (b"data: a\r\rdata: b\r\r", data("a", "b")),
    "both": (b"data: a\r\ndata: b\r\n\r\n", data("a\nb")),
    "mixed": (b"data: a\r\n\rdata: b\n\r\ndata: c\r\n\n", data("a", "b", "c")),
    "a byte order mark, once": (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", data("a")),
    "a kind holds for one event": (
        b"event: error\ndata: a\n\ndata: b\n\nevent: lost\n\ndata: c\n\n",
        [ServerEvent(data="a", kind="error"), *data("b", "c")],
    ),
    "an id with NUL is none": (b"id: 1\nid: a\0b\ndata: x\n\n", [ServerEvent(data="x", id="1")]),
    "unknown fields": (b"date: 1\nData: 2\n data: 3\ndata : 4\ndata: 5\n\n", data("5")),
    "other languages' line ends are text": ("data: a\u2028b\x0b\x85\n\n".encode(), data("a\u2028b\x0b\x85")),
    "a colon in the value": (b'data: {"a": 1}\n\n', data('{"a": 1}')),
    "nothing": (b"", []),
    "empty lines only": (b"\n\r\n\r\n\n", []),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 30])
def test_a_stream_in_pieces_of_any_size(name: str, size: int) -> None:
    stream, expected = CASES[name]
    assert parse(stream, size) == expected


def test_an_event_comes_as_soon_as_its_empty_line_does() -> None:
    parser = EventParser()
    assert parser.feed(b"data: a\r\n\r") == data("a")
    assert parser.feed(b"\ndata: b\r\r") == data("b")


def test_a_character_may_be_cut_between_pieces() -> None:
    assert parse("data: ü€😀\n\n".encode(), 1) == data("ü€😀")


def test_how_long_to_wait_is_digits() -> None:
    parser = EventParser()
    parser.feed(b"retry: soon\nretry: -1\nretry: \xc2\xb2\n")
    assert parser.retry is None
    parser.feed(b"retry: 1500\n" + b"retry: " + b"9" * 5000 + b"\n")
    assert parser.retry == 1500


@pytest.mark.parametrize("stream", [b"data: \xff\n\n", b": \xc3\n\n", b"data: \xed\xa0\x80\n\n"])
def test_what_is_not_utf_8_is_an_error(stream: bytes) -> None:
    with pytest.raises(BadEventStream, match="UTF-8"):
        parse(stream)


@pytest.mark.parametrize("size", [1, 7, 1 << 30])
@pytest.mark.parametrize("stream", [b"data: " + b"x" * 100, b"x" * 101 + b"\n", b":" + b"x" * 100])
def test_a_line_has_a_largest_size(stream: bytes, size: int) -> None:
    parser = EventParser(max_line=100)
    with pytest.raises(BadEventStream, match="a line is longer than 100 bytes"):
        for at in range(0, len(stream), size):
            parser.feed(stream[at : at + size])


def test_an_event_has_a_largest_size_even_of_empty_lines() -> None:
    parser = EventParser(max_event=100)
    assert parser.feed(b"data: 12345678\n" * 6 + b"\n") == data("\n".join(["12345678"] * 6))
    with pytest.raises(BadEventStream, match="an event is longer than 100 bytes"):
        parser.feed(b"data\n" * 21)


_LINES = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=8).map(
            lambda text: f"data: {text}"
        ),
        st.sampled_from(["", "", ": note", "event: e", "id: 7", "id", "data", "retry: 5"]),
    ),
    max_size=12,
)


@given(lines=_LINES, end=st.sampled_from(["\n", "\r", "\r\n"]), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_neither_cuts_nor_line_ends_change_what_is_read(lines: list[str], end: str, cuts: list[int]) -> None:
    whole = parse("".join(line + "\n" for line in lines).encode())
    stream = "".join(line + end for line in lines).encode()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parser, events = EventParser(), list[ServerEvent]()
    for start, stop in pairwise(edges):
        events += parser.feed(stream[start:stop])
    assert events == whole
