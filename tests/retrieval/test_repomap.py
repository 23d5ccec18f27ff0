"""The repository map: what matters comes first, within the budget, the same every time."""

import random
import subprocess
import sys
from pathlib import Path

from retrieval.chunking.chunker import chunk_file
from retrieval.repomap import BYTES_PER_TOKEN, FileSymbols, rank_files, repository_map

_SHOP = {
    "shop/cart.py": (
        "class ShoppingCart:\n    def add_item(self, item): ...\n    def grand_total(self): ...\n\n\n"
        "def load_cart(key): ...\n\n\ndef _hidden_helper(): ...\n"
    ),
    "shop/prices.py": "def price_of(item): ...\n\n\nVAT_RATE = 0.19\n",
    "shop/web.py": (
        "from shop.cart import ShoppingCart, load_cart\nfrom shop.prices import price_of\n\n\n"
        "def show_cart(request):\n    cart: ShoppingCart = load_cart(request.key)\n"
        "    cart.add_item(price_of(request))\n"
        "    return cart.grand_total()\n"
    ),
    "shop/mail.py": ("from shop.cart import load_cart\n\n\ndef send_receipt(key):\n    return load_cart(key)\n"),
    "shop/report.py": "from shop.prices import VAT_RATE\n\n\ndef yearly_report():\n    return VAT_RATE\n",
}


def symbols(files: dict[str, str]) -> list[FileSymbols]:
    return [FileSymbols.of(chunk_file(path, text.encode())) for path, text in files.items()]


def test_golden() -> None:
    assert (
        repository_map(symbols(_SHOP), budget_tokens=1_000)
        == (Path(__file__).parent / "chunking_cases" / "map.golden").read_text()
    )


def test_what_is_used_most_comes_first() -> None:
    ranked = rank_files(sorted(symbols(_SHOP), key=lambda file: file.path))
    assert ranked[0].path == "shop/cart.py"
    assert abs(sum(file.score for file in ranked) - 1) < 1e-9


def test_never_larger_than_the_budget_and_filled_as_far_as_it_goes() -> None:
    files = symbols(_SHOP)
    sizes = [len(repository_map(files, budget_tokens=budget).encode()) for budget in range(0, 120, 3)]
    assert all(size <= budget * BYTES_PER_TOKEN for size, budget in zip(sizes, range(0, 120, 3), strict=True))
    assert sizes[0] == 0
    assert sizes == sorted(sizes)
    assert sizes[-1] > 300


def test_small_budget_holds_the_most_used_definition() -> None:
    assert repository_map(symbols(_SHOP), budget_tokens=12) == "shop/cart.py:\n  def load_cart(key)\n"


def test_what_the_files_in_focus_use_comes_first() -> None:
    focused = repository_map(symbols(_SHOP), focus={"shop/report.py"}, budget_tokens=12)
    assert "VAT_RATE" in focused
    assert "VAT_RATE" not in repository_map(symbols(_SHOP), budget_tokens=12)


def test_a_name_defined_everywhere_says_nothing() -> None:
    files = {f"part_{number}.py": "def run_everything(): ...\n" for number in range(20)}
    files["rare.py"] = "def rarely_defined(): ...\n"
    files["user.py"] = "rarely_defined()\n" + "run_everything()\n" * 50
    assert repository_map(symbols(files), budget_tokens=12).startswith("rare.py:\n")


def test_a_method_counts_where_its_class_is_named() -> None:
    files = {
        "named.py": "class FirstStore:\n    def put_value(self): ...\n",
        "other.py": "class SecondStore:\n    def set_value(self): ...\n",
        "user.py": "store: FirstStore = make()\nstore.put_value()\nthing.set_value()\n",
    }
    ranked = rank_files(sorted(symbols(files), key=lambda file: file.path))
    assert ranked[0].path == "named.py"


def test_the_same_whatever_the_order_of_files() -> None:
    files = symbols(_SHOP)
    expected = repository_map(files, budget_tokens=80)
    for seed in range(10):
        random.Random(seed).shuffle(files)
        assert repository_map(files, budget_tokens=80) == expected


def test_the_same_whatever_the_seed_of_hashes() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import importlib.util as u;"
        "s = u.spec_from_file_location('m', sys.argv[2]); m = u.module_from_spec(s); s.loader.exec_module(m);"
        "print(m.repository_map(m.symbols(m._SHOP), focus={'shop/mail.py', 'shop/web.py'}, budget_tokens=80))"
    )
    root = Path(__file__).parents[2]
    maps = {
        subprocess.run(
            [sys.executable, "-P", "-c", program, str(root), __file__],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(maps) == 1


def test_nothing_makes_an_empty_map() -> None:
    assert repository_map([], budget_tokens=100) == ""
    assert rank_files([]) == []
    assert repository_map(symbols({"a.py": "x()\n"}), focus={"missing.py"}, budget_tokens=100) == ""
