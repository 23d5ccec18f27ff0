"""Metrics against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from evals.metrics import Outcome, Place, mean, outcome, paired, paired_macro
from evals.suites import Target


def place(path: str, start: int = 1, end: int = 10) -> Place:
    return Place(path=path, start_line=start, end_line=end)


def test_by_file_a_file_counts_once_where_it_comes_first() -> None:
    hits = [place("a"), place("a", 20, 30), place("b"), place("c")]
    result = outcome(hits, (Target(path="b"), Target(path="c")))
    assert result.reciprocal_rank == 1 / 2
    assert (result.recall_1, result.recall_5, result.recall_10) == (0, 1, 1)
    gain, best = 1 / math.log2(3) + 1 / math.log2(4), 1 + 1 / math.log2(3)
    assert result.ndcg == pytest.approx(gain / best)


def test_by_line_the_hit_must_contain_it() -> None:
    hits = [place("a", 1, 9), place("b", 10, 20), place("a", 10, 20)]
    result = outcome(hits, (Target(path="a", line=10),))
    assert result.reciprocal_rank == pytest.approx(1 / 3)
    assert result.ndcg == pytest.approx(1 / math.log2(4))
    assert outcome([place("a", 10, 10)], (Target(path="a", line=10),)).recall_1 == 1


def test_a_target_counts_once() -> None:
    hits = [place("a", 1, 20), place("a", 5, 15)]
    assert outcome(hits, (Target(path="a", line=10),)).ndcg == 1.0


def test_what_comes_after_the_tenth_is_not_found() -> None:
    hits = [place(f"x{i}") for i in range(10)] + [place("a")]
    assert outcome(hits, (Target(path="a"),)) == outcome([], (Target(path="a"),))
    assert outcome(hits[1:], (Target(path="a"),)).reciprocal_rank == pytest.approx(1 / 10)


def test_mean() -> None:
    one = outcome([place("a")], (Target(path="a"),))
    none = outcome([], (Target(path="a"),))
    assert mean([one, none]) == Outcome(reciprocal_rank=0.5, recall_1=0.5, recall_5=0.5, recall_10=0.5, ndcg=0.5)
    with pytest.raises(ValueError, match="no outcomes"):
        mean([])


def test_a_constant_difference_has_no_width() -> None:
    interval = paired([0.5] * 20, [0.3] * 20)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.2, 0.2, 0.2))
    assert interval.is_clear


def test_the_interval_is_that_of_the_mean() -> None:
    # Differences of +1 and -1 in equal number: the mean of 400 has a standard error of 0.05.
    interval = paired([1.0, 0.0] * 200, [0.0, 1.0] * 200)
    assert interval.mean == 0
    assert interval.low == pytest.approx(-0.098, abs=0.01)
    assert interval.high == pytest.approx(0.098, abs=0.01)
    assert not interval.is_clear
    assert paired([1.0, 0.0] * 200, [0.0, 1.0] * 200) == interval


def test_suites_weigh_the_same_whatever_their_size() -> None:
    interval = paired_macro({"large": [1.0] * 90, "small": [0.0] * 10}, {"large": [0.0] * 90, "small": [0.0] * 10})
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.5, 0.5, 0.5))
