"""Docstrings are taken out exactly, and their first sentences ask for what had them."""

from __future__ import annotations

import ast
import textwrap

import pytest

from evals.docstrings import build_from, first_sentence, strip


def without_docstrings(source: str) -> str:
    stripped = strip(textwrap.dedent(source).lstrip("\n"))
    assert stripped is not None
    return stripped[0]


CASES = {
    "module": ('"""Doc."""\nx = 1\n', "x = 1\n"),
    "function": ('def f():\n    """Doc."""\n    return 1\n', "def f():\n    return 1\n"),
    "several lines": ('def f():\n    """Doc.\n\n    More.\n    """\n    return 1\n', "def f():\n    return 1\n"),
    "nothing else": ('class A:\n    """Doc."""\n', "class A:\n    ...\n"),
    "on one line": ('def f(): "Doc."\n', "def f(): ...\n"),
    "followed by a statement": ('def f():\n    """Doc."""; return 1\n', "def f():\n    return 1\n"),
    "on the line of the def": ('def f(): """Doc."""; return 1\n', "def f(): return 1\n"),
    "with a comment": ('def f():\n    """Doc."""  # why\n    return 1\n', "def f():\n    # why\n    return 1\n"),
    "joined strings": ('def f():\n    "Doc " "more."\n    return 1\n', "def f():\n    return 1\n"),
    "raw": ('def f():\n    r"""Doc \\d."""\n    return 1\n', "def f():\n    return 1\n"),
    "nested": (
        'class A:\n    """Doc."""\n\n    def f(self):\n        """Doc."""\n        return 1\n',
        "class A:\n\n    def f(self):\n        return 1\n",
    ),
    "after letters of several bytes": ('def f(a="é"): "Doc é."; return "ü"\n', 'def f(a="é"): return "ü"\n'),
    "windows ends": ('def f():\r\n    """Doc."""\r\n    return 1\r\n', "def f():\r\n    return 1\r\n"),
    "other strings stay": ('x = """Doc."""\n"""note"""\n', 'x = """Doc."""\n"""note"""\n'),
    "bytes stay": ('def f():\n    b"Doc."\n', 'def f():\n    b"Doc."\n'),
    "formatted strings stay": ('def f():\n    f"Doc."\n', 'def f():\n    f"Doc."\n'),
}


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES)
def test_takes_out_docstrings_and_nothing_else(source: str, expected: str) -> None:
    assert without_docstrings(source) == expected


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES)
def test_what_is_left_parses_and_has_no_docstring(source: str, expected: str) -> None:
    tree = ast.parse(without_docstrings(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            assert ast.get_docstring(node) is None
    assert expected


def test_lines_are_those_of_the_stripped_text() -> None:
    method = '    @property\n    def f(self):\n        """An f."""\n        return 1\n'
    source = f'"""Module."""\n\n\nclass A:\n    """An A."""\n\n{method}'
    stripped = strip(source)
    assert stripped is not None
    text, documented = stripped
    lines = text.split("\n")
    assert {item.sentence: lines[item.line - 1].strip() for item in documented} == {
        "An A.": "class A:",
        "An f.": "def f(self):",
    }


def test_a_file_that_does_not_parse_is_left_out() -> None:
    assert strip("def f(:\n") is None
    assert strip("x = '\0'") is None


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Return it. Then more.", "Return it."),
        ("\n    Return the\n    whole thing.\n\n    Details.", "Return the whole thing."),
        ("Return e.g. this one", "Return e.g. this one"),
        ("Is it? Yes.", "Is it?"),
        ("Without an end\n\nMore.", "Without an end"),
    ],
)
def test_first_sentence(docstring: str, sentence: str) -> None:
    assert first_sentence(docstring) == sentence


def test_a_suite_asks_with_sentences_that_few_share() -> None:
    shared = "".join(f'def g{i}():\n    """This one is shared widely."""\n    return {i}\n' for i in range(4))
    sources = {
        "a.py": f'{shared}def f():\n    """Add two numbers up."""\n    return 1\n',
        "b.py": 'def h():\n    """Too short."""\n    return 2\n\n\n'
        'class C:\n    """Add two numbers up."""\n\n    x = 1\n',
    }
    suite = build_from("tiny", sources, 10)
    (query,) = suite.queries
    assert query.text == "Add two numbers up."
    assert {(target.path, target.line) for target in query.targets} == {("a.py", 9), ("b.py", 5)}
    assert all("numbers" not in text for text in suite.files.values())
    assert build_from("tiny", sources, 10) == suite
