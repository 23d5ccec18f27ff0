"""The order of a prompt's parts: what fits, where it stands, and how much of it stays from request to request."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.prefix_reuse import replayed, session
from inference.prompts.layout import Kind, Laid, Part, laid_out, reused

SYSTEM = Part(kind="system", text="You answer.")
CURSOR = Part(kind="cursor", text="x = |\n")


def words(text: str) -> int:
    return len(text.split())


def snippet(key: str, score: float = 1.0, text: str = "") -> Part:
    return Part(kind="snippet", key=key, text=text or f"text of {key}", score=score)


def keys(laid: Laid) -> list[str]:
    return [part.key for part in laid.parts if part.kind == "snippet"]


def laid(*snippets: Part, previous: Laid | None = None, budget: int = 1000) -> Laid:
    return laid_out([CURSOR, *snippets, SYSTEM], previous, budget=budget, count=words)


def test_what_changes_least_stands_first() -> None:
    kinds: list[Kind] = ["cursor", "edits", "snippet", "file", "map", "tools", "system"]
    found = laid_out([Part(kind=kind, text=f"{kind}\n\n") for kind in kinds], budget=1000, count=words)
    assert found.text == "system\n\ntools\n\nmap\n\nfile\n\nsnippet\n\nedits\n\ncursor\n\n"
    assert found.tokens == 7


def test_at_first_parts_stand_by_key_and_not_by_score() -> None:
    assert keys(laid(snippet("b", 9), snippet("a", 1), snippet("c", 5))) == ["a", "b", "c"]


def test_what_stays_keeps_its_place_and_what_is_new_follows() -> None:
    first = laid(snippet("b"), snippet("d"))
    second = laid(snippet("a", 9), snippet("d", 0.1), snippet("b", 3), snippet("c", 5), previous=first)
    assert keys(second) == ["b", "d", "a", "c"]
    assert keys(laid(snippet("a"), snippet("b"), snippet("c"), previous=second)) == ["b", "a", "c"]


def test_what_changed_moves_behind_what_did_not() -> None:
    first = laid(snippet("a"), snippet("b"), snippet("c"))
    second = laid(snippet("a", text="new"), snippet("b"), snippet("c"), previous=first)
    assert keys(second) == ["b", "c", "a"]
    assert keys(laid(snippet("a", text="new"), snippet("b"), snippet("c"), previous=second)) == ["b", "c", "a"]


def test_white_space_at_the_end_of_a_part_is_no_change() -> None:
    first = laid(snippet("a", text="one\ntwo"), snippet("b"))
    second = laid(snippet("a", text="one\r\ntwo\n\n"), snippet("b"), previous=first)
    assert second.text == first.text


def test_without_room_the_best_are_taken_and_those_that_are_there_outweigh_slightly_better_ones() -> None:
    one = laid(snippet("a", 1.0), snippet("b", 0.9), budget=11)
    assert keys(one) == ["a"]
    assert keys(laid(snippet("a", 1.0), snippet("b", 1.2), previous=one, budget=11)) == ["a"]
    assert keys(laid(snippet("a", 1.0), snippet("b", 1.3), previous=one, budget=11)) == ["b"]
    assert keys(laid(snippet("a", 1.0, text="changed here now"), snippet("b", 1.2), previous=one, budget=11)) == ["b"]


def test_a_budget_that_does_not_hold_what_must_be_there_is_refused() -> None:
    with pytest.raises(ValueError, match="A budget of 5 tokens does not hold what is always in, which takes 7"):
        laid(budget=5)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 9), st.integers(1, 9)),
        max_size=8,
        unique_by=lambda each: each[0],
    ),
    st.integers(8, 40),
    st.booleans(),
)
def test_a_prompt_keeps_to_its_budget_however_tokens_add_up(
    given_parts: list[tuple[str, float, int]], budget: int, is_more: bool
) -> None:
    def count(text: str) -> int:
        return words(text) + (len(text.split()) // 3 if is_more else 0)

    parts = [snippet(key, score, "w " * size) for key, score, size in given_parts]
    try:
        found = laid_out([SYSTEM, *parts, CURSOR], budget=budget, count=count)
    except ValueError:
        assert count(SYSTEM.text) + count(CURSOR.text) + 2 > budget
        return
    assert found.tokens == count(found.text)
    assert found.tokens <= budget or len(found.parts) == 2


@given(st.lists(st.permutations("abcdef"), min_size=2, max_size=6))
def test_the_order_in_which_parts_are_given_says_nothing(orders: list[list[str]]) -> None:
    last = None
    texts: set[str] = set()
    for order in orders:
        last = laid(*(snippet(key, random.random()) for key in order), previous=last)
        texts.add(last.text)
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("previous", "current", "block", "fraction"),
    [
        ("", "", 4, 0.0),
        ("abcd", "", 4, 0.0),
        ("abcdefgh", "abcdefgh", 4, 1.0),
        ("abcdefgh", "abcdefxx", 4, 0.5),
        ("abcdefgh", "xbcdefgh", 4, 0.0),
        ("abcdefgh", "abcdefghijkl", 4, 2 / 3),
        ("abcde", "abcde", 4, 0.8),
        ([1, 2, 3], [1, 2, 4], 1, 2 / 3),
    ],
)
def test_whole_blocks_of_the_beginning_are_reused(
    previous: str | list[int], current: str | list[int], block: int, fraction: float
) -> None:
    assert reused(previous, current, block=block) == pytest.approx(fraction)


def test_while_someone_types_more_is_reused_than_in_order_of_score() -> None:
    requests = session("assist/edit.py", lines=6)
    ways = {way: replayed(requests, way) for way in ("by score", "by path", "layout")}
    assert ways["layout"].from_last > ways["by path"].from_last > ways["by score"].from_last
    assert ways["layout"].from_last > 0.75
    assert ways["layout"].from_all >= ways["layout"].from_last


def test_requests_of_a_session_differ() -> None:
    requests = session("assist/edit.py", lines=2)
    assert all(a != b for a, b in pairwise(requests))
