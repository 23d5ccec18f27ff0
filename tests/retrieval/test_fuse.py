"""Two lists of scores become one."""

from __future__ import annotations

import pytest

from retrieval.rank.fuse import FUSIONS, RRF_K, dbsf, reciprocal_rank, weighted_sum

LEXICAL = {"a": 10.0, "b": 6.0, "c": 2.0}
DENSE = {"b": 0.9, "d": 0.5}


def test_weighted_sum_of_scaled_scores() -> None:
    assert weighted_sum([(LEXICAL, 0.6), (DENSE, 0.4)]) == pytest.approx({"a": 0.6, "b": 0.3 + 0.4, "c": 0.0, "d": 0.0})


def test_dbsf_scales_by_three_deviations_around_the_mean() -> None:
    # mean 6, sample deviation 4: the range is -6 to 18; DENSE: mean .7, deviation .2828, range -.1485 to 1.5485
    fused = dbsf([(LEXICAL, 1.0), (DENSE, 1.0)])
    assert fused["a"] == pytest.approx(16 / 24)
    assert fused["b"] == pytest.approx(12 / 24 + (0.9 + 0.14853) / 1.69706, abs=1e-4)
    assert fused["d"] == pytest.approx((0.5 + 0.14853) / 1.69706, abs=1e-4)


def test_reciprocal_ranks() -> None:
    fused = reciprocal_rank([(LEXICAL, 1.0), (DENSE, 1.0)])
    assert fused["b"] == pytest.approx(1 / (RRF_K + 2) + 1 / (RRF_K + 1))
    assert max(fused, key=lambda identity: fused[identity]) == "b"


def test_equal_scores_have_the_same_ranks_in_whatever_order_they_come() -> None:
    assert reciprocal_rank([({"x": 1.0, "y": 1.0}, 1.0)]) == reciprocal_rank([({"y": 1.0, "x": 1.0}, 1.0)])


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("scores", [{}, {"a": 1.0}, {"a": 2.0, "b": 2.0}, {"a": -1.0, "b": -3.0}, {"a": 0.0}])
def test_few_or_equal_scores_are_no_trouble(name: str, scores: dict[str, float]) -> None:
    fused = FUSIONS[name]([(scores, 0.6), ({}, 0.4)])
    assert fused.keys() == scores.keys()
    assert all(0 <= value <= 1 for value in fused.values())


@pytest.mark.parametrize("name", FUSIONS)
def test_one_list_keeps_its_order(name: str) -> None:
    fused = FUSIONS[name]([(LEXICAL, 1.0)])
    assert sorted(fused, key=lambda identity: -fused[identity]) == ["a", "b", "c"]


def test_a_single_hit_counts_in_full_in_the_sum_and_half_in_dbsf() -> None:
    assert weighted_sum([({"a": 5.0}, 0.6)]) == {"a": 0.6}
    assert dbsf([({"a": 5.0}, 1.0)]) == {"a": 0.5}
