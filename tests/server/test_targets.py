"""What actions and lenses see in a document."""

from __future__ import annotations

import pytest

from server.targets import function_at, functions_in, targets_in

CODE = """\
import os


def top(x):
    def inner():
        return x

    return inner


class Cart:
    async def total(self):
        return 1

    @property
    def size(self):
        if True:

            def helper():
                pass
        return 2


value = lambda: 3
"""


@pytest.mark.parametrize(
    ("line", "name"),
    [(0, None), (3, "top"), (4, "top.inner"), (5, "top.inner"), (7, "top"), (10, None), (12, "Cart.total"),
     (16, "Cart.size"), (19, "Cart.size.helper"), (20, "Cart.size"), (23, None), (999, None)],
)  # fmt: skip
def test_the_function_around_a_line(line: int, name: str | None) -> None:
    found = function_at(tuple(functions_in(CODE)), line)
    assert (found.name if found else None) == name


BROKEN = """\
def good(x):
    return x

def broken(x:
    y = x

    # a comment
    return y
z = 1
class C:
    async def method(self):
\treturn 1
"""


@pytest.mark.parametrize(("line", "name"), [(1, "good"), (3, "broken"), (7, "broken"), (8, None), (11, "method")])
def test_a_syntax_error_hides_no_function(line: int, name: str | None) -> None:
    found = function_at(tuple(functions_in(BROKEN)), line)
    assert (found.name if found else None) == name


def test_a_file_of_tests_has_tests_and_no_functions() -> None:
    text = "def test_a():\n    pass\n\n\ndef helper():\n    pass\n"
    targets = targets_in("tests/test_a.py", text)
    assert [test.id for test in targets.tests] == ["tests/test_a.py::test_a"]
    assert targets.functions == ()
    assert [each.name for each in targets_in("src/a.py", text).functions] == ["test_a", "helper"]


def test_a_file_that_the_settings_call_a_test_is_one() -> None:
    text = "class TestA:\n    def test_a(self):\n        pass\n"
    targets = targets_in("checks/a.py", text, is_test=True)
    assert [(test.id, test.path) for test in targets.tests] == [("checks/a.py::TestA::test_a", "checks/a.py")]


@pytest.mark.parametrize(
    "text", ["", "\0", "(" * 5000, "x = " + "-" * 100_000 + "1", "def f(" * 2000, "\ud800", "x" * (1 << 20)]
)
def test_odd_text_is_survived(text: str) -> None:
    assert targets_in("tests/test_a.py", text).tests == ()
    targets_in("a.py", text)
