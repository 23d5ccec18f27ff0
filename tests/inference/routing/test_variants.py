"""Who gets which variant."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.routing.variants import Split, variant

USERS = [f"user-{number}" for number in range(10_000)]
NAMES = st.text(max_size=8)
WEIGHTS = st.dictionaries(NAMES, st.floats(0.01, 1e6), min_size=1, max_size=6)


def drawn(weights: dict[str, float], salt: str = "trial") -> dict[str, str]:
    return {user: variant(user, weights, salt) for user in USERS}


@pytest.mark.parametrize(
    "weights",
    [
        {"stable": 95, "canary": 5},
        {"stable": 0.5, "canary": 0.5},
        {"a": 1, "b": 2, "c": 7},
        {"stable": 999, "canary": 1},
    ],
    ids=repr,
)
def test_shares_of_ten_thousand_users(weights: dict[str, float]) -> None:
    counts = Counter(drawn(weights).values())
    for name, weight in weights.items():
        share = weight / sum(weights.values())
        deviation = (share * (1 - share) / len(USERS)) ** 0.5
        assert abs(counts[name] / len(USERS) - share) < 4 * deviation, name


@pytest.mark.parametrize(
    ("before", "after", "moved_share"),
    [
        ({"stable": 95, "canary": 5}, {"stable": 95, "canary": 5}, 0.0),
        ({"stable": 95, "canary": 5}, {"stable": 190, "canary": 10}, 0.0),
        ({"stable": 95, "canary": 5}, {"canary": 5, "stable": 95}, 0.0),
        ({"stable": 95, "canary": 5}, {"stable": 80, "canary": 20}, 0.15),
        ({"stable": 95, "canary": 5}, {"stable": 95, "canary": 5, "other": 25}, 0.20),
        ({"a": 1, "b": 1, "c": 2}, {"a": 1, "b": 1, "c": 0}, 0.5),
    ],
    ids=["same", "scaled", "reordered", "grown", "added", "ended"],
)
def test_only_as_many_users_move_as_the_shares_demand(
    before: dict[str, float], after: dict[str, float], moved_share: float
) -> None:
    first, second = drawn(before), drawn(after)
    moved = [user for user in USERS if first[user] != second[user]]
    assert abs(len(moved) / len(USERS) - moved_share) < (0.02 if moved_share else 1e-9)


@given(WEIGHTS, NAMES, st.floats(1.01, 100), st.data(), st.text())
def test_a_weight_that_grows_only_draws_and_one_that_shrinks_only_loses(
    weights: dict[str, float], user: str, factor: float, data: st.DataObject, salt: str
) -> None:
    name = data.draw(st.sampled_from(sorted(weights)))
    before = variant(user, weights, salt)
    assert variant(user, {**weights, name: weights[name] * factor}, salt) in (before, name)
    smaller = variant(user, {**weights, name: weights[name] / factor}, salt)
    assert smaller == before or before == name


@given(WEIGHTS, st.text(), st.text())
def test_the_same_user_stays(weights: dict[str, float], user: str, salt: str) -> None:
    assert variant(user, weights, salt) == variant(user, dict(reversed(weights.items())), salt)


def test_another_trial_draws_anew() -> None:
    weights: dict[str, float] = {"stable": 50, "canary": 50}
    first, second = drawn(weights, "one"), drawn(weights, "two")
    both = sum(first[user] == second[user] == "canary" for user in USERS)
    assert 0.22 < both / len(USERS) < 0.28


def test_a_user_of_last_year_has_the_same_variant_today() -> None:
    """Written down: a change of the function would move everybody in the middle of a trial."""
    weights: dict[str, float] = {"stable": 50, "canary": 50}
    assert "".join(variant(user, weights, "2026-11")[0] for user in USERS[:16]) == "ccccccsccsccccss"


@pytest.mark.parametrize(
    "weights", [{}, {"a": 0}, {"a": -1, "b": 1}, {"a": float("nan")}, {"a": float("inf")}], ids=repr
)
def test_weights_that_say_nothing(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least one is above it"):
        variant("user", weights, "")
    with pytest.raises(ValueError, match=r"\.$"):
        Split(shares=weights, stable="a")


def test_whoever_has_no_name_is_in_no_trial() -> None:
    split = Split(shares={"stable": 0, "canary": 1})
    assert (split.of(""), split.of("somebody")) == ("stable", "canary")


def test_the_stable_variant_must_be_there() -> None:
    with pytest.raises(ValueError, match="must be among the shares"):
        Split(shares={"canary": 1})
