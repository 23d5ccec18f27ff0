"""A spot of a document says the same as an index of all its lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp

from server.allowed import Allowed
from server.documents import Document
from server.positions import Encoding, LineIndex
from server.recent import RecentEdits

_TEXTS = st.text(st.sampled_from("ab \t\n\r\f\x0b\u2028é\U0001d4b3😀"), max_size=40)


@given(
    _TEXTS, st.integers(0, 12), st.integers(0, 30), st.integers(0, 5), st.sampled_from(("utf-8", "utf-16", "utf-32"))
)
def test_a_spot(text: str, line: int, character: int, back: int, encoding: Encoding) -> None:
    asked = lsp.Position(line=line, character=character)
    spot = Document("file:///a", 1, "text", text, encoding).spot(asked)
    index = LineIndex.of(text, encoding)
    assert spot.offset == index.offset(asked)
    assert spot.position() == index.position(spot.offset)
    back = min(back, spot.index)
    assert spot.position(back=back) == index.position(spot.offset - back)
    assert spot.index_of(character) == (spot.index if line == spot.line else spot.index_of(character))


@pytest.mark.parametrize(("first", "last", "wanted"), [(0, 1, "a\n"), (1, 9, "b\nc"), (-3, 1, "a\n"), (5, 9, "")])
def test_an_excerpt(first: int, last: int, wanted: str) -> None:
    assert Document("file:///a", 1, "text", "a\nb\nc", "utf-16").excerpt(first, last) == wanted


def test_recent_edits_are_few_and_the_newest_first() -> None:
    recent = RecentEdits()
    for number in range(100):
        recent.note(str(number % 20), number)
    recent.forget("18")
    assert recent.newest()[:2] == [("19", 99), ("17", 97)]
    assert len(recent.newest()) <= 12


def test_the_policy_is_asked_and_remembered_for_a_moment(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("root").resolve()
    (root / ".aiignore").write_text("kept.py\n")
    allowed = Allowed()
    assert allowed.may_read(root, "a.py")
    assert not allowed.may_read(root, "kept.py")
    assert not allowed.may_read(root, ".env")
    assert not allowed.may_read(root, "../outside.py")
    assert not allowed.may_read(root, "nul\0.py")
