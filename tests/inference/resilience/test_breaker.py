"""When an endpoint is left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.resilience.breaker import Breaker, BreakerPolicy

POLICY = BreakerPolicy(failures=3, base_seconds=5.0, most_seconds=300.0)


def longest(low: float, high: float) -> float:
    assert low == high / 2
    return high


def test_the_time_out_doubles_up_to_a_limit() -> None:
    breaker = Breaker(POLICY, longest)
    assert [breaker.eject(0.0) for _ in range(9)] == [5, 10, 20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize(("well", "seconds"), [(10.0, 10.0), (300.0, 10.0), (301.0, 5.0)])
def test_an_endpoint_that_was_well_for_long_begins_anew(well: float, seconds: float) -> None:
    breaker = Breaker(POLICY, longest)
    breaker.eject(0.0)
    breaker.bring_back(5.0)
    assert breaker.eject(5.0 + well) == seconds


def test_ten_thousand_ejections_do_not_overflow() -> None:
    breaker = Breaker(POLICY)
    assert max(breaker.eject(0.0) for _ in range(10_000)) <= 300.0


@pytest.mark.parametrize(
    ("steps", "is_spent"),
    [("fff", True), ("ff", False), ("ffsf", False), ("fsfsfsfs", False), ("ffsfff", True), ("b", True), ("bs", False)],
)
def test_failures_in_a_row(steps: str, is_spent: bool) -> None:
    breaker = Breaker(POLICY)
    does: dict[str, Callable[[], None]] = {
        "f": lambda: breaker.failed(0.0),
        "s": breaker.succeeded,
        "b": lambda: breaker.broke(0.0),
    }
    for step in steps:
        does[step]()
    assert breaker.is_spent is is_spent


@given(st.floats(0, 1e9))
def test_it_is_due_between_half_the_time_and_all_of_it(now: float) -> None:
    breaker = Breaker(POLICY)
    seconds = breaker.eject(now)
    assert 2.5 <= seconds <= 5.0
    assert breaker.due == now + seconds
    assert not breaker.is_live


WRONG: list[dict[str, float]] = [{"failures": 0}, {"base_seconds": 0.0}, {"base_seconds": 10.0, "most_seconds": 5.0}]


@pytest.mark.parametrize("options", WRONG, ids=repr)
def test_a_policy_that_makes_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        BreakerPolicy(**options)  # type: ignore[arg-type]
