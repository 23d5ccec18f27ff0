"""Budgets, queue, router and endpoints together."""

from __future__ import annotations

import asyncio
import random

import pytest

from inference.errors import BackendUnavailable, BudgetSpent, Overloaded
from inference.resilience.budget import Allowance
from inference.resilience.events import BudgetRefused, Event, Queued
from inference.resilience.health import Watched
from inference.resilience.slots import Places
from inference.routing.backends import Backend
from inference.routing.compose import Limits, routed
from tests.inference.routing.told import Told, answer, backend
from tests.inference.routing.virtual import now, virtually


def together(*backends: Backend, limits: Limits, events: list[Event]) -> Watched:
    return routed(backends, limits, on_event=events.append, clock=now, rng=random.Random(1))


ONE_PLACE = Places(running=1, reserved=0, waiting=1, wait_seconds=10.0)


@virtually
async def test_a_request_waits_for_its_place_and_the_wait_is_part_of_the_deadline() -> None:
    events: list[Event] = []
    told = Told([4.0, "a"])
    one = together(backend("gpu", told), limits=Limits(places=ONE_PLACE), events=events)
    answers = await asyncio.gather(answer(one), answer(one, seconds=30.0))
    assert [text for text, _ in answers] == ["a", "a"]
    assert [asked.seconds for asked in told.asked] == [60.0, 26.0]
    assert [event.seconds for event in events if isinstance(event, Queued)] == [0.0, 4.0]


@virtually
async def test_who_has_used_up_the_budget_takes_no_place_from_others() -> None:
    events: list[Event] = []
    limits = Limits(places=ONE_PLACE, allowances=(Allowance(of="requests", most=1, seconds=60.0),))
    one = together(backend("gpu", Told([30.0, "a"])), limits=limits, events=events)
    running = asyncio.create_task(answer(one, user="a"))
    await asyncio.sleep(1.0)
    with pytest.raises(BudgetSpent):
        await answer(one, user="a")
    assert not [event for event in events if isinstance(event, Queued) and event.is_refused]
    assert any(isinstance(event, BudgetRefused) for event in events)
    with pytest.raises(Overloaded, match="all 1 places are taken"):
        await answer(one, user="b")
    await running


@virtually
async def test_a_request_that_found_no_place_costs_nothing() -> None:
    limits = Limits(places=ONE_PLACE, allowances=(Allowance(of="requests", most=1, seconds=1e9),))
    one = together(backend("gpu", Told([30.0, "a"])), limits=limits, events=[])
    running = asyncio.create_task(answer(one, user="a"))
    await asyncio.sleep(1.0)
    with pytest.raises(Overloaded):
        await answer(one, user="b")
    await running
    assert (await answer(one, user="b"))[0] == "a"


@virtually
async def test_an_error_frees_the_place() -> None:
    told = Told([BackendUnavailable("dead")], [BackendUnavailable("dead")], ["a"])
    one = together(backend("gpu", told), limits=Limits(places=ONE_PLACE), events=[])
    with pytest.raises(BackendUnavailable, match="dead"):
        await answer(one)
    assert (await answer(one))[0] == "a"


@virtually
async def test_health_says_that_it_is_busy() -> None:
    one = together(backend("gpu", Told([5.0, "a"])), limits=Limits(places=ONE_PLACE), events=[])
    assert one.health().state == "full"
    tasks = [asyncio.create_task(answer(one)) for _ in range(2)]
    await asyncio.sleep(1.0)
    assert one.health().state == "degraded"
    assert "busy" in one.health().reason
    await asyncio.gather(*tasks)
    assert one.health().state == "full"


@virtually
async def test_closing_reaches_the_endpoints() -> None:
    told = Told(["a"])
    await together(backend("gpu", told), limits=Limits(), events=[]).close()
    assert told.is_closed
