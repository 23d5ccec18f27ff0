"""Holes are cut where they should be, and what is counted is what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.completion import Answer, Completer, complete_all, render, similarity
from evals.holes import EvalHole, cut, holes_in, neighbours, read_humaneval

SHOP = '''\
"""A shop."""

from prices import rounded_price


def total(cart, rate):
    # everything in it
    net = sum(item.price for item in cart)
    return rounded_price(net * rate, "up")
'''
PRICES = "def rounded_price(value, way):\n    return value\n"


def _cut(kind: str) -> list[EvalHole]:
    return [
        hole for hole in holes_in("shop.py", SHOP, {"rounded_price": frozenset({"prices.py"})}) if hole.kind == kind
    ]


def test_what_is_cut_out_belongs_between() -> None:
    for hole in holes_in("shop.py", SHOP, {}):
        assert hole.before + hole.wanted + hole.after == SHOP


def test_a_block_is_the_body_of_a_function() -> None:
    [hole] = _cut("block")
    assert hole.before.endswith("def total(cart, rate):")
    assert hole.wanted.rstrip().endswith('return rounded_price(net * rate, "up")')


def test_arguments_are_what_stands_between_the_brackets() -> None:
    wanted = {hole.wanted for hole in _cut("call arguments")}
    assert 'net * rate, "up"' in wanted


def test_a_cross_file_hole_begins_at_a_name_of_another_file() -> None:
    assert {hole.wanted for hole in _cut("cross-file")} == {"rounded_price", 'rounded_price(net * rate, "up")'}


def test_no_line_hole_is_cut_into_a_comment() -> None:
    assert not [hole for hole in _cut("line") if hole.before.rstrip("\n").endswith("#")]
    assert _cut("line")


def test_go_bodies_keep_their_brace() -> None:
    text = "package a\n\nfunc f(a int) int {\n\tb := a\n\treturn b\n}\n"
    [hole] = [hole for hole in holes_in("a.go", text, {}) if hole.kind == "block"]
    assert (hole.wanted, hole.after) == ("\n\tb := a\n\treturn b", "\n}\n")


def test_the_same_holes_each_time_and_no_more_than_asked() -> None:
    files = {"shop.py": SHOP, "prices.py": PRICES}
    assert cut(files, 2) == cut(files, 2)
    assert max(sum(hole.kind == kind for hole in cut(files, 2)) for kind in ("line", "call arguments")) <= 2


def test_the_files_next_to_it_count_as_open() -> None:
    files = {"a/1.py": "1", "a/2.py": "2", "a/3.py": "3", "a/4.py": "4", "b/1.py": "5"}
    assert set(neighbours(files, "a/2.py", 2)) == {"1", "3"}


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [("", "", 1.0), ("a", "", 0.0), ("abc", "abc", 1.0), ("abc", "axc", 2 / 3), ("ab", "abcd", 0.5)],
)
def test_similarity(one: str, other: str, wanted: float) -> None:
    assert similarity(one, other) == pytest.approx(wanted)


async def test_a_repeated_line_is_answered_by_the_copy_and_counted() -> None:
    body = "".join(
        f'def register_{name}(name, handler, registry):\n    raise DuplicateHandler(f"there is {{name}} already")\n\n\n'
        for name in ("one", "two", "three")
    )
    before, after = body[: body.rindex("DuplicateHandler(") + len("DuplicateHandler(")], "\n"
    hole = EvalHole(
        id="x",
        kind="line",
        path="a.py",
        language="python",
        before=before,
        after=after,
        wanted='f"there is {name} already")',
    )
    [answer] = await complete_all(Completer(name="copied", model=None), [hole], {"a.py": body})
    assert answer.is_exact
    assert answer.parses
    report = render({"copied": [answer, Answer(hole=hole, text="", seconds=0.0, parses=False)]}, {"commit": "x"})
    assert "| line | 2 | 50.0% | 100.0% | 1.000 | 100.0% |" in report


def test_humaneval_is_read(tmp_path: Path) -> None:
    file = tmp_path / "holes.jsonl"
    file.write_text(json.dumps({"task_id": "a/1", "prompt": "p", "suffix": "s", "canonical_solution": "c"}) + "\n\n")
    [hole] = read_humaneval(file)
    assert (hole.before, hole.after, hole.wanted, hole.kind) == ("p", "s", "c", "humaneval")
