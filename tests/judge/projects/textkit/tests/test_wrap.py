import pytest

from textkit import indent, wrap


def test_wraps():
    assert wrap("the quick brown fox", 9) == ["the quick", "brown fox"]


def test_long_word_is_cut():
    assert wrap("a bbbbbb c", 3) == ["a", "bbb", "bbb", "c"]


def test_empty():
    assert wrap("", 5) == []


def test_bad_width():
    with pytest.raises(ValueError):
        wrap("x", 0)


def test_indent_leaves_blank_lines():
    assert indent("a\n\nb", "> ") == "> a\n\n> b"
