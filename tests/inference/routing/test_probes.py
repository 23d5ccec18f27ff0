"""Endpoints that are asked whether they work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from inference.errors import BackendUnavailable, CredentialsRejected, Overloaded
from inference.resilience.events import Ejected, Event, Returned
from inference.routing.probes import ProbePolicy
from inference.routing.router import Router, RouterPolicy
from inference.routing.variants import Split
from tests.inference.routing.told import Told, answer, backend, router
from tests.inference.routing.virtual import now, virtually

DEAD = BackendUnavailable("dead")
POLICY = RouterPolicy(probes=ProbePolicy(every_seconds=30.0, limit_seconds=10.0))


class Health:
    """A probe whose answer can be set; `times` is when it was asked."""

    def __init__(self, error: Exception | None = None, seconds: float = 0.0) -> None:
        self.error = error
        self.seconds = seconds
        self.times: list[float] = []

    async def probe(self) -> None:
        self.times.append(now())
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


async def until(is_so: Callable[[], bool], *, seconds: float = 1000.0) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - the time is virtual
            await asyncio.sleep(0.5)


def two(health: Health, events: list[Event], told: Told | None = None) -> Router:
    probed = backend("probed", told or Told(["a"]), probe=health.probe)
    return router(probed, backend("other", Told(["b"])), events=events, policy=POLICY)


@pytest.mark.parametrize(
    ("error", "name"),
    [(DEAD, "BackendUnavailable"), (CredentialsRejected("no"), "CredentialsRejected"), (KeyError("x"), "KeyError")],
    ids=["dead", "credentials", "a probe that is broken itself"],
)
@virtually
async def test_a_failed_probe_is_enough(error: Exception, name: str) -> None:
    events: list[Event] = []
    health = Health(error)
    both = two(health, events)
    await answer(both)
    await until(lambda: any(isinstance(event, Ejected) for event in events), seconds=62.0)
    assert [event.error for event in events if isinstance(event, Ejected)] == [name]
    assert {(await answer(both))[0] for _ in range(20)} == {"b"}
    await both.close()


@virtually
async def test_a_probe_that_hangs_has_failed() -> None:
    events: list[Event] = []
    both = two(Health(seconds=3600.0), events)
    await answer(both)
    await until(lambda: any(isinstance(event, Ejected) for event in events), seconds=72.0)
    await both.close()


@virtually
async def test_an_endpoint_comes_back_with_a_probe_and_the_wait_doubles_until_then() -> None:
    events: list[Event] = []
    health = Health(DEAD)
    both = two(health, events)
    await answer(both)
    await until(lambda: len(health.times) == 5)
    waits = [event.seconds for event in events if isinstance(event, Ejected)]
    assert all(2.5 * 2**n <= wait <= 5.0 * 2**n for n, wait in enumerate(waits))
    health.error = None
    await until(lambda: Returned(backend="probed") in events)
    assert len(health.times) == 6
    assert both.health().state == "full"
    assert {(await answer(both))[0] for _ in range(20)} == {"a", "b"}
    await both.close()


@virtually
async def test_no_request_is_sent_to_find_out_where_a_probe_can() -> None:
    events: list[Event] = []
    health = Health(DEAD)
    told = Told([DEAD])
    both = two(health, events, told)
    while not any(isinstance(event, Ejected) for event in events):
        await answer(both)
    asked = len(told.asked)
    for _ in range(50):
        await asyncio.sleep(20.0)
        await answer(both)
    assert len(told.asked) == asked
    await both.close()


@virtually
async def test_an_overloaded_probe_says_that_it_is_busy_and_not_broken() -> None:
    events: list[Event] = []
    health = Health(Overloaded("busy"))
    both = two(health, events)
    await answer(both)
    await until(lambda: len(health.times) >= 3)
    assert not any(isinstance(event, Ejected) for event in events)
    await both.close()


@virtually
async def test_an_endpoint_that_answers_is_not_probed() -> None:
    health = Health()
    one = router(backend("gpu", Told(["a"]), probe=health.probe), policy=POLICY)
    for _ in range(60):
        await answer(one)
        await asyncio.sleep(10.0)
    assert not health.times
    await asyncio.sleep(120.0)
    assert 3 <= len(health.times) <= 8
    await one.close()


@virtually
async def test_the_last_one_is_used_all_the_same_and_asked_more_often_until_it_is_well() -> None:
    health = Health(DEAD)
    one = router(backend("gpu", Told(["a"]), probe=health.probe), policy=POLICY)
    assert await answer(one) == ("a", "stable on gpu")
    await until(lambda: len(health.times) == 1)
    assert one.health().state == "none"
    await until(lambda: len(health.times) == 5, seconds=30.0)
    assert one.health().state == "none"
    assert await answer(one) == ("a", "stable on gpu")
    health.error = None
    await until(lambda: one.health().state == "full", seconds=10.0 + 30.0)
    await one.close()


@virtually
async def test_the_canary_s_users_are_moved_by_a_failed_probe() -> None:
    health, canary = Health(DEAD), Told(["new"])
    both = router(
        backend("old", Told(["a"])),
        backend("new", canary, variant="canary", probe=health.probe),
        split=Split(shares={"stable": 0, "canary": 1}),
        policy=POLICY,
    )
    assert await answer(both, user="u") == ("new", "canary on new")
    await until(lambda: both.health().state == "degraded")
    assert await answer(both, user="u") == ("a", "stable on old")
    await both.close()


@virtually
async def test_probes_are_no_part_of_the_request_that_came_first() -> None:
    traced = ContextVar("traced", default="nobody")
    seen: list[str] = []

    async def probe() -> None:
        seen.append(traced.get())

    one = router(backend("gpu", Told(["a"]), probe=probe), policy=POLICY)
    traced.set("the first request")
    await answer(one)
    await until(lambda: bool(seen))
    assert seen == ["nobody"]
    await one.close()


@virtually
async def test_closing_ends_the_probes() -> None:
    health = Health(seconds=5.0)
    one = router(backend("gpu", Told(["a"]), probe=health.probe), policy=POLICY)
    await answer(one)
    await until(lambda: bool(health.times))
    await one.close()  # `virtually` fails when a task is left
    await one.close()
