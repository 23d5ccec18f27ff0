"""Which files import a changed one, however far."""

from __future__ import annotations

import pytest

from sandbox.imports import importers


@pytest.mark.parametrize(
    ("changed", "statement"),
    [
        ("cart.py", "import cart"),
        ("cart.py", "import cart as c, os"),
        ("cart.py", "from cart import total"),
        ("shop/cart.py", "import shop.cart"),
        ("shop/cart.py", "from shop import cart"),
        ("shop/cart.py", "from shop.cart import total"),
        ("shop/cart.py", "def test():\n    from shop.cart import total"),
        ("src/shop/cart.py", "from shop.cart import total"),
        ("lib/cart.py", "import cart"),
        ("shop/__init__.py", "import shop"),
        ("shop/__init__.py", "from shop import LIMIT"),
        ("src/shop/__init__.py", "import shop"),
        ("shop/__init__.py", "from shop.cart import total"),
        ("shop/__init__.py", "import shop.cart.parts"),
        ("backend/shop/cart.py", "from shop.cart import total"),
    ],
)
def test_an_import_reaches_the_file_that_it_names(changed: str, statement: str) -> None:
    sources = {changed: b"", "tests/test_it.py": statement.encode(), "tests/test_other.py": b"import json"}
    assert importers([changed], sources) == {changed, "tests/test_it.py"}


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("shop/till.py", "from . import cart"),
        ("shop/till.py", "from .cart import total"),
        ("shop/__init__.py", "from .cart import total"),
        ("shop/desk/till.py", "from ..cart import total"),
        ("shop/desk/__init__.py", "from .. import cart"),
    ],
)
def test_relative_imports_are_followed(importer: str, statement: str) -> None:
    sources = {"shop/cart.py": b"", importer: statement.encode(), "other/till.py": b"from . import basket"}
    assert importers(["shop/cart.py"], sources) == {"shop/cart.py", importer}


def test_imports_of_imports_count_and_cycles_end() -> None:
    sources = {
        "limits.py": b"import till",
        "cart.py": b"from limits import LIMIT",
        "till.py": b"import cart",
        "tests/test_till.py": b"from till import Till",
        "tests/test_apart.py": b"import apart",
        "apart.py": b"",
    }
    assert importers(["limits.py"], sources) == {"limits.py", "cart.py", "till.py", "tests/test_till.py"}


@pytest.mark.parametrize("source", [b"import cart, (", b"\0import cart", b'"""import cart"""', b"cart = 1"])
def test_what_is_no_import_reaches_nothing(source: bytes) -> None:
    assert importers(["cart.py"], {"cart.py": b"", "test_it.py": source}) == {"cart.py"}


def test_a_new_file_and_one_that_is_no_python_can_be_what_changed() -> None:
    sources = {"test_it.py": b"import new"}
    assert importers(["new.py"], sources) == {"new.py", "test_it.py"}
    assert importers(["data.json"], {"test_it.py": b"import json"}) == {"data.json"}
