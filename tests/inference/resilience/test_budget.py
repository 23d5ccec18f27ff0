"""What a user may ask for. The clock is a number."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import BackendUnavailable, BudgetSpent
from inference.ports import CompletionRequest
from inference.resilience.budget import Allowance, Bucket, Budgets, filled, seconds_until
from inference.resilience.budgeted import Budgeted
from inference.resilience.events import BudgetRefused, Event
from inference.routing.router import Router
from tests.inference.routing.told import Told, answer, ask, backend
from tests.inference.routing.virtual import virtually

AMOUNT = st.integers(1, 10_000)
SECONDS = st.floats(0.01, 1e6)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def budgets(*allowances: Allowance) -> tuple[Budgets, Clock]:
    clock = Clock()
    return Budgets(allowances, clock=clock), clock


PER_MINUTE = Allowance(of="requests", most=3, seconds=60.0)
TOKENS = Allowance(of="tokens", most=1000, seconds=60.0)
TEAM = Allowance(of="requests", most=5, seconds=86_400.0, per="all")


@given(AMOUNT, SECONDS, st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 20_000)), max_size=30))
def test_never_more_than_the_allowance_and_what_came_back(
    most: int, seconds: float, steps: list[tuple[float, int]]
) -> None:
    allowance = Allowance(of="tokens", most=most, seconds=seconds)
    bucket, now, taken = Bucket(level=most, at=0.0), 0.0, 0
    for wait, price in steps:
        now += wait
        bucket = filled(bucket, allowance, now)
        assert bucket.level <= most
        if seconds_until(bucket, allowance, price) == 0:
            bucket = Bucket(level=bucket.level - price, at=bucket.at)
            taken += price
    assert taken <= (most + now * most / seconds) * (1 + 1e-9)


@given(AMOUNT, SECONDS, st.floats(0, 1), st.floats(0, 1))
def test_after_the_wait_there_is_enough_and_not_much_earlier(
    most: int, seconds: float, full: float, part: float
) -> None:
    allowance = Allowance(of="tokens", most=most, seconds=seconds)
    bucket, price = Bucket(level=full * most, at=0.0), part * most
    wait = seconds_until(bucket, allowance, price)
    assert filled(bucket, allowance, wait).level >= price * (1 - 1e-9)
    assert (wait > 0) == (price > bucket.level)


def test_a_user_s_requests_in_a_minute() -> None:
    kept, clock = budgets(PER_MINUTE)
    for _ in range(3):
        kept.charge("a", tokens=1)
    kept.charge("b", tokens=1)
    with pytest.raises(
        BudgetSpent, match=r"^Your budget of 3 requests a minute is used up; .* again in 21 s\.$"
    ) as caught:
        kept.charge("a", tokens=1)
    assert caught.value.retry_after == 20.0
    clock.seconds = 20.0
    kept.charge("a", tokens=1)
    with pytest.raises(BudgetSpent):
        kept.charge("a", tokens=1)


def test_everybody_s_requests_in_a_day() -> None:
    kept, _ = budgets(PER_MINUTE, TEAM)
    for user in "abcde":
        kept.charge(user, tokens=1)
    with pytest.raises(BudgetSpent, match=r"^Everybody's budget together of 5 requests a day .* again in 5 h\.$"):
        kept.charge("f", tokens=1)


def test_what_one_allowance_refuses_is_not_taken_from_the_others() -> None:
    kept, clock = budgets(TEAM, PER_MINUTE)
    for _ in range(3):
        kept.charge("a", tokens=1)
    for _ in range(10):
        with pytest.raises(BudgetSpent, match="Your"):
            kept.charge("a", tokens=1)
    kept.charge("b", tokens=1)
    clock.seconds = 60.0
    kept.charge("a", tokens=1)


def test_the_most_is_taken_first_and_the_rest_given_back() -> None:
    kept, _ = budgets(TOKENS)
    charge = kept.charge("a", tokens=900)
    with pytest.raises(BudgetSpent):
        kept.charge("a", tokens=900)
    kept.settle(charge, tokens=100)
    kept.charge("a", tokens=900)


def test_what_cost_more_than_it_could_is_a_debt() -> None:
    kept, clock = budgets(TOKENS)
    kept.settle(kept.charge("a", tokens=10), tokens=2000)
    clock.seconds = 60.0
    with pytest.raises(BudgetSpent):
        kept.charge("a", tokens=1)
    clock.seconds = 61.0
    kept.charge("a", tokens=1)


def test_a_request_that_is_larger_than_the_allowance_takes_all_of_it() -> None:
    kept, clock = budgets(TOKENS)
    kept.charge("a", tokens=5000)
    with pytest.raises(BudgetSpent):
        kept.charge("a", tokens=1)
    clock.seconds = 60.0
    kept.charge("a", tokens=5000)


def test_so_many_users_that_some_are_forgotten() -> None:
    kept, _ = budgets(PER_MINUTE)
    for number in range(10_001):
        for _ in range(3):
            kept.charge(f"user-{number}", tokens=1)
    kept.charge("user-0", tokens=1)
    with pytest.raises(BudgetSpent):
        kept.charge("user-10000", tokens=1)


@pytest.mark.parametrize("options", [{"most": 0, "seconds": 1.0}, {"most": 1, "seconds": 0.0}], ids=repr)
def test_an_allowance_of_nothing(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Allowance(of="tokens", **options)  # type: ignore[arg-type]


# Before a generator


def budgeted(told: Told, *allowances: Allowance, events: list[Event] | None = None) -> Budgeted:
    kept, _ = budgets(*allowances)
    heard = events if events is not None else []
    return Budgeted(Router([backend("gpu", told)]), kept, on_event=heard.append)


@virtually
async def test_an_answer_costs_its_prompt_and_its_pieces_whatever_the_backend_counts() -> None:
    told = Told(["x" * 400, "y" * 400])
    spender = budgeted(told, Allowance(of="tokens", most=500, seconds=1e9))
    for _ in range(2):  # 2 + 200 each
        await answer(spender, max_tokens=200)
    with pytest.raises(BudgetSpent):
        await answer(spender, max_tokens=200)
    await answer(spender, max_tokens=90)


@virtually
async def test_a_spent_budget_refuses_before_anything_is_asked() -> None:
    events: list[Event] = []
    told = Told(["x"])
    spender = budgeted(told, Allowance(of="requests", most=1, seconds=60.0), events=events)
    await answer(spender)
    with pytest.raises(BudgetSpent):
        await answer(spender)
    with pytest.raises(BudgetSpent):
        [piece async for piece in spender.complete(CompletionRequest(prompt="def"))]
    assert len(told.asked) == 1
    assert events == [BudgetRefused(seconds=60.0)] * 2


@virtually
async def test_what_failed_before_its_first_piece_costs_nothing() -> None:
    error = BackendUnavailable("dead")
    told = Told(*[[error]] * 4, ["half", error], ["x"])
    spender = budgeted(told, Allowance(of="requests", most=1, seconds=1e9))
    for _ in range(2):  # the router tries twice
        with pytest.raises(BackendUnavailable, match="dead"):
            await answer(spender)
    with pytest.raises(BackendUnavailable, match="dead"):
        await answer(spender)
    with pytest.raises(BudgetSpent):
        await answer(spender)


@virtually
async def test_what_was_closed_early_costs_what_came() -> None:
    told = Told(["x" * 40] * 100)
    spender = budgeted(told, Allowance(of="tokens", most=1000, seconds=1e9))
    for _ in range(10):
        async with aclosing(spender.stream(ask(max_tokens=800))) as stream:
            await anext(stream)
    with pytest.raises(BudgetSpent):  # 10 times 2 + 10 are spent
        await answer(spender, max_tokens=900)
    await answer(spender, max_tokens=800)
