"""Whether to ask, one line or several, and where the text ends, in however small pieces it comes."""

from __future__ import annotations

import random

import pytest

from assist.complete.lexical import in_code, missing
from assist.complete.scope import end_of_scope, scope_at
from assist.complete.shape import shape_of
from assist.complete.trigger import is_wanted
from tests.assist.complete.golden import Golden, goldens


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x = │", True),
        ("x = f(│)", True),
        ('open("│")', True),
        ("f(a│, b)", False),
        ("re│sult = 1", False),
        ("return │  # why", False),
        ("│", False),
        ("\n\n│\n", False),
        ("x│\ny", True),
        ("def f(a│):", True),
        ("x = │\r\ny", True),
    ],
)
def test_where_it_is_asked(text: str, wanted: bool) -> None:
    before, after = text.split("│")
    assert is_wanted(before, after, invoked=False) is wanted


@pytest.mark.parametrize(
    ("text", "wanted"), [("f(a│, b)", True), ("re│sult", False), ("│", True), ("a │b", False), ("x│ = 1", True)]
)
def test_by_a_key_it_is_asked_everywhere_but_in_a_word(text: str, wanted: bool) -> None:
    before, after = text.split("│")
    assert is_wanted(before, after, invoked=True) is wanted


@pytest.mark.parametrize(
    ("language", "text", "shape"),
    [
        ("python", "def f():\n    │\n\nx = 1\n", "block"),
        ("python", "def f():│\n\nx = 1\n", "block"),
        ("python", "def f():│\n    return 1\n", "line"),
        ("python", "def f():\n    │\n    return 1\n", "line"),
        ("python", "def f():\n    x = 1\n    │\n", "line"),
        ("python", "x = │\n", "line"),
        ("python", "f(│)\n", "line"),
        ("python", "f(│\n", "line"),
        ("python", "f(\n    │\n)\n", "block"),
        ("python", "# sort by size\n│\n", "block"),
        ("python", "@cache\n│\n", "block"),
        ("python", "x = 'a:│\n", "line"),
        ("python", "# a note:│\n", "line"),
        ("python", '"""\nsizes:\n│\n"""\n', "line"),
        ("go", "func f() {\n\t│\n}\n", "block"),
        ("go", "func f() {│\n}\n", "block"),
        ("go", "func f() {\n\t│\n\treturn 1\n}\n", "line"),
        ("javascript", "items.map((x) => {│\n", "block"),
        ("javascript", "// round up\n│\n", "block"),
        ("rust", "fn f() -> u8 {\n    │\n}\n", "block"),
        ("ruby", "5.times do |i|\n  │\n", "block"),
        ("lua", "if x then│\n", "block"),
        ("markdown", "# Title:\n│\n", "line"),
        ("text", "a {│\n", "line"),
        ("nobody knows it", "a {│\n", "block"),
    ],
)
def test_one_line_or_a_block(language: str, text: str, shape: str) -> None:
    before, after = text.split("│")
    assert shape_of(before, after, language) == shape


def test_the_settings_say_always_or_never() -> None:
    assert shape_of("x = ", "", "python", "always") == "block"
    assert shape_of("def f():\n    ", "", "python", "never") == "line"


@pytest.mark.parametrize(
    ("language", "text", "closers"),
    [
        ("python", "f(g([│", "]))"),
        ("python", "f(g(│)", ")"),
        ("python", "f(│)", ""),
        ("python", "x = '(' + f(│", ")"),
        ("python", "# (\nf(│", ")"),
        ("python", "open('│')", ""),
        ("python", "open('│'", ")"),
        ("go", "func f() {\n│", "}"),
        ("go", "func f() {\n│\n}", ""),
        ("go", 'x := "{" // {\n│', ""),
    ],
)
def test_what_has_to_be_closed(language: str, text: str, closers: str) -> None:
    before, after = text.split("│")
    assert missing(before, after, language) == closers


@pytest.mark.parametrize(
    ("text", "code"),
    [("x = │1", True), ("x = '│'", False), ("# │", False), ('"""\n│\n"""', False), ('"""a"""\n│', True)],
)
def test_what_is_code(text: str, code: bool) -> None:
    before, after = text.split("│")
    assert in_code(before, after, "python") is code


@pytest.mark.parametrize("case", goldens("filters"), ids=lambda case: case.name)
def test_the_end_is_the_same_in_whatever_pieces_the_text_comes(case: Golden) -> None:
    candidate = case.candidate
    scope = scope_at(candidate.before, candidate.after, candidate.language, candidate.shape)
    text = candidate.text
    whole = text[: end_of_scope(text, scope, is_whole=True)]
    order = random.Random(5)
    for _ in range(5):
        at = 0
        while at < len(text):
            at += order.randint(1, 7)
            if (end := end_of_scope(text[:at], scope)) is not None:
                assert text[:end] == whole
                break
