"""Which tests touch a file."""

from __future__ import annotations

import pytest

from assist.along.choose import choose, touched_by
from sandbox.receipt import Grade, Receipt, TestOutcome

SOURCES = {
    "shop/__init__.py": b"",
    "shop/cart.py": b"from shop import money\n",
    "shop/money.py": b"",
    "shop/lonely.py": b"",
    "tests/test_cart.py": b"from shop.cart import Cart\n",
    "tests/test_till.py": b"import shop.cart\n",
    "tests/test_other.py": b"import os\n",
}
CASES = {
    "a test is run itself": ("tests/test_till.py", (), ("tests/test_till.py",), "itself"),
    "by name, then by import": ("shop/cart.py", (), ("tests/test_cart.py", "tests/test_till.py"), "name"),
    "by import, however far": ("shop/money.py", (), ("tests/test_cart.py", "tests/test_till.py"), "import"),
    "what was seen": ("shop/money.py", ("tests/test_other.py::test_a",), ("tests/test_other.py::test_a",), "seen"),
    "what was seen, and the file of its name": (
        "shop/cart.py",
        ("tests/test_other.py::test_a", "tests/test_cart.py::test_b"),
        ("tests/test_cart.py", "tests/test_other.py::test_a"),
        "seen",
    ),
    "what was seen is gone": ("shop/lonely.py", ("tests/test_gone.py::test_a",), (), ""),
    "nothing": ("shop/lonely.py", (), (), ""),
    "no file of the project": ("secret.py", (), (), ""),
}


@pytest.mark.parametrize(("path", "seen", "selection", "how"), CASES.values(), ids=CASES.keys())
def test_choose(path: str, seen: tuple[str, ...], selection: tuple[str, ...], how: str) -> None:
    found = choose(path, SOURCES, seen)
    assert (found.selection, found.how) == (selection, how)


@pytest.mark.parametrize("by", ["coverage", "imports"])
def test_receipts_say_what_was_seen(by: str) -> None:
    tests = (
        TestOutcome(id="tests/test_a.py::test_x", before="failed", after="passed", touches=True),
        TestOutcome(id="tests/test_a.py::test_y", before="passed", after="passed", touches=False),
    )
    receipt = Receipt(
        id="1", created="", grade=Grade.VERIFIED, reason="", claim="", isolation="gvisor", title="",
        diff="--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-a\n+b\n", digest="", steps=(), tests=tests, touched_by=by,
    )  # fmt: skip
    expected = {"shop.py": frozenset({"tests/test_a.py::test_x"})} if by == "coverage" else {}
    assert touched_by(receipt) == expected
