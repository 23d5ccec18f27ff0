"""A small real workspace with a real fault, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

FAULTY = '''\
"""Prices with a joke: 😀 and an é."""


def fits(size, limit):
    label = "😀"; return size < limit


def label(size):
    return "big" if size > 10 else "small"
'''

FIXED = FAULTY.replace("size < limit", "size <= limit")

TESTS = """\
from shop import fits, label


def test_exact():
    assert fits(3, 3)


def test_small():
    assert fits(1, 3)


def test_large():
    assert not fits(4, 3)


def test_label():
    assert label(11) == "big"
"""

SLOW = """\
import time


def test_slow():
    time.sleep(300)
"""

BROKEN = "tests/test_shop.py::test_exact"


def make_shop(root: Path) -> Path:
    """A project with one failing test of four; `slow` can be asked for by name."""
    (root / "tests").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\n\n[tool.pytest.ini_options]\npythonpath = ["."]\n'
    )
    (root / "shop.py").write_text(FAULTY)
    (root / "tests" / "test_shop.py").write_text(TESTS)
    return root


def make_slow_shop(root: Path) -> Path:
    """As before, with a test that takes for ever."""
    make_shop(root)
    (root / "tests" / "test_slow.py").write_text(SLOW)
    return root
