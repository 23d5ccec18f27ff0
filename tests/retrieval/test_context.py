"""A context holds the best that fits, in an order that stays, and says what it left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.context import Piece, assemble, tokens_of
from retrieval.index.gather import Need, context_for
from tests.retrieval.desk import opened, write


def hit(path: str, text: str, score: float, start: int = 0) -> Piece:
    return Piece(
        kind="hit",
        source="search",
        path=path,
        text=text,
        score=score,
        start_line=start,
        end_line=start + text.count("\n") + 1,
    )


def test_the_best_that_fit_are_taken_and_the_rest_is_named() -> None:
    pieces = [hit(f"f{i}.py", f"{'word ' * 60}{i}", score=i) for i in range(10)]
    found = assemble(pieces, budget=500)
    taken = [line for line in found.considered if not line.left_out]
    left = [line for line in found.considered if line.left_out]
    assert {line.path for line in taken} == {"f9.py", "f8.py", "f7.py"}
    assert {line.left_out for line in left} == {"no room: over the budget"}
    assert len(taken) + len(left) == 10
    assert found.tokens <= 500


@pytest.mark.parametrize("budget", [0, 1, 10, 100, 1000, 10_000])
def test_no_budget_is_exceeded(budget: int) -> None:
    pieces = [Piece(kind=kind, source="s", text=f"{kind} {i} " * 30, path=f"{kind}{i}") for i in range(20)
              for kind in ("map", "definition", "hit", "edit", "diagnostic")]  # fmt: skip
    assert assemble(pieces, budget).tokens <= budget + 30  # the five titles


def test_the_order_is_that_of_what_changes_least_and_not_of_the_scores() -> None:
    pieces = [
        Piece(kind="diagnostic", source="editor", text="oops"),
        hit("b.py", "beta", 9),
        hit("a.py", "alpha", 1),
        Piece(kind="map", source="references", text="a.py:\n  alpha"),
    ]
    first, second = assemble(pieces, 1000), assemble(pieces[::-1], 1000)
    assert first == second
    places = [first.text.index(word) for word in ("Repository map", "a.py:1", "b.py:1", "oops")]
    assert places == sorted(places)


def test_nothing_comes_twice_and_nothing_that_is_on_the_screen() -> None:
    pieces = [
        Piece(kind="definition", source="uses f", path="a.py", start_line=0, end_line=5, text="def f(): ..."),
        hit("a.py", "def f(): ...", 3, start=2),
        hit("b.py", "seen", 2, start=10),
    ]
    found = assemble(pieces, 1000, on_screen=("b.py", 0, 20))
    why = {(line.kind, line.path): line.left_out for line in found.considered}
    assert why == {
        ("definition", "a.py"): "",
        ("hit", "a.py"): "there already",
        ("hit", "b.py"): "on the screen already",
    }


def test_a_secret_in_a_piece_does_not_get_into_the_text() -> None:
    secret = "ghp_" + "a1B2" * 9
    found = assemble([Piece(kind="diagnostic", source="editor", text=f"token = '{secret}'")], 1000)
    assert secret not in found.text
    assert "redacted" in found.text


def test_an_estimate_of_tokens_is_of_bytes() -> None:
    assert tokens_of("") == 0
    assert tokens_of("a") == 1
    assert tokens_of("é" * 32) == 20


async def test_a_task_gets_hits_definitions_and_the_map(tmp_path: Path) -> None:
    root = write(
        tmp_path / "w",
        {
            "shop/cart.py": "def grand_total(prices):\n    return sum(prices)\n",
            "shop/tax.py": "RATE = 0.2\n\n\ndef with_tax(amount):\n    return amount * (1 + RATE)\n",
            "shop/mail.py": "def deliver(letter):\n    return letter.address\n",
            "main.py": "from shop import cart, tax\n\n\nprint(tax.with_tax(cart.grand_total([1])))\n",
            ".aiignore": "hidden.py\n",
            "hidden.py": "def grand_total_hidden():\n    pass\n",
        },
    )
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        need = Need(
            task="where is a letter delivered", budget=2000, path="main.py", text="with_tax(grand_total([1]))",
            start_line=3, end_line=4, diagnostics=("main.py:4: wrong type",), edits=("-a\n+b",),
        )  # fmt: skip
        found = await context_for(index, need)
        again = await context_for(index, need)
        (root / ".aiignore").write_text("hidden.py\nshop/tax.py\n")
        at_once = await context_for(index, need)
        index.indexer.rescan()
        await index.lexical_ready()
        later = await context_for(index, need)
    assert found == again
    kinds = {(line.kind, line.path) for line in found.considered if not line.left_out}
    assert {("definition", "shop/cart.py"), ("definition", "shop/tax.py"), ("hit", "shop/mail.py")} <= kinds
    assert {kind for kind, _ in kinds} == {"map", "definition", "hit", "edit", "diagnostic"}
    assert "hidden" not in found.text
    assert "return amount" not in at_once.text  # ignored since it was indexed
    assert "RATE = 0.2" not in later.text
