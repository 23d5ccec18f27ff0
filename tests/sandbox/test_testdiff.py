"""Adding tests is welcome; changing them is not."""

from __future__ import annotations

import pytest

from sandbox.testdiff import keeps_existing_tests

_BASE = """
import pytest
from cart import total

CASES = [1, 2]

@pytest.fixture
def cart():
    return []

class TestTotal:
    def test_none(self):
        assert total([]) == 0

def test_one():
    assert total([1]) == 1
"""


@pytest.mark.parametrize(
    "after",
    [
        _BASE + "\ndef test_two():\n    assert total([1, 1]) == 2\n",
        _BASE.replace("import total", "import total, count"),
        _BASE.replace(
            "    def test_none", "    def test_more(self):\n        assert total([2]) == 2\n\n    def test_none"
        ),
        _BASE + "\nMORE = [3]\n",
        _BASE.replace("CASES = [1, 2]", "CASES  =  [1, 2]  # unchanged"),
    ],
)
def test_adding_keeps_what_was_there(after: str) -> None:
    assert keeps_existing_tests(_BASE.encode(), after.encode()) == ""


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (_BASE.replace("== 1", "== 2"), "changes test_one"),
        (_BASE[: _BASE.index("def test_one")], "removes test_one"),
        (_BASE.replace("return []", "return [0]"), "changes cart"),
        (_BASE.replace("def test_none", "@pytest.mark.skip\n    def test_none"), "changes TestTotal.test_none"),
        (_BASE.replace("class TestTotal:", "@pytest.mark.skip\nclass TestTotal:"), "changes what is outside"),
        (_BASE.replace("CASES = [1, 2]", "CASES = []"), "changes what is outside"),
        (_BASE.replace("from cart import total", "from fake import total"), "changes what is outside"),
        (_BASE + "\ndef test_one():\n    pass\n", "defines test_one again"),
        (_BASE + "\ntest_one = None\n", "defines test_one again"),
        (_BASE + "\ntotal = len\n", "defines total again"),
        (_BASE + "\npytestmark = pytest.mark.skip\n", "adds code that runs"),
        (_BASE + "\nimport sys\nsys.exit()\n", "adds code that runs"),
        ("def (", "cannot be read"),
    ],
)
def test_taking_away_is_named(after: str, why: str) -> None:
    assert keeps_existing_tests(_BASE.encode(), after.encode()).startswith(why)
