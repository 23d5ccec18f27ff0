"""A router before two real servers, each in a process of its own: one dies, hangs, is overloaded, comes back."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from collections.abc import Generator as Iterates
from contextlib import AsyncExitStack, ExitStack, aclosing
from typing import Any

import pytest

from inference.errors import BrokenStream, CredentialsRejected, Overloaded
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.generator import OpenAIGenerator
from inference.resilience.breaker import BreakerPolicy
from inference.resilience.events import Ejected, Event, Hedged, Returned
from inference.routing.backends import Backend
from inference.routing.hedging import Hedging
from inference.routing.pool import EjectionPolicy
from inference.routing.probes import ProbePolicy
from inference.routing.router import Router, RouterPolicy
from tests.inference.lying_server import running, seen_by, wait_until_begun
from tests.inference.routing.told import answer, ask

LONG = "word " * 2000


@pytest.fixture
def servers() -> Iterates[tuple[str, str], None, None]:
    with running() as first, running() as second:
        yield first, second


def saying(text: str, **options: Any) -> str:
    return f"say:{json.dumps({'text': text, **options})}"


def backend(name: str, address: str, model: str, **options: Any) -> Backend:
    endpoint = OpenAIEndpoint(url=address, model=model, headers=(("x-name", name),), attempts=1, idle_seconds=5.0)
    return Backend(name=name, generator=OpenAIGenerator(endpoint), **options)


@pytest.fixture
async def stack() -> AsyncGenerator[AsyncExitStack, None]:
    async with AsyncExitStack() as stack:
        yield stack


def routed(stack: AsyncExitStack, *backends: Backend, events: list[Event], **options: Any) -> Router:
    router = Router(backends, on_event=events.append, **options)
    stack.push_async_callback(router.close)
    return router


async def answers_with(router: Router, text: str) -> None:
    """Ask until this is the answer."""
    said = ""
    while said != text:
        await asyncio.sleep(0.02)
        said, _ = await answer(router)


async def test_a_server_that_dies_is_left_out_and_comes_back(stack: AsyncExitStack) -> None:
    events: list[Event] = []
    soon = RouterPolicy(ejection=EjectionPolicy(breaker=BreakerPolicy(failures=2, base_seconds=0.2)))
    with ExitStack() as alive, running() as other:
        first = alive.enter_context(running())
        port = first.rpartition(":")[2]
        both = routed(
            stack,
            backend("mortal", first, saying("first"), weight=100.0),
            backend("other", other, saying("second")),
            events=events,
            policy=soon,
        )
        assert await answer(both) == ("first", "stable on mortal")
        alive.close()
        for _ in range(5):
            assert (await answer(both))[0] == "second"
        assert any(isinstance(event, Ejected) for event in events)
        with running("", "", port):
            async with asyncio.timeout(30):
                await answers_with(both, "first")
            assert Returned(backend="mortal") in events


async def test_a_server_that_dies_in_the_middle_of_an_answer(stack: AsyncExitStack) -> None:
    events: list[Event] = []
    with running() as first:
        one = routed(stack, backend("mortal", first, saying(LONG, delay=0.05)), events=events)
        with ExitStack() as alive:
            second = alive.enter_context(running())
            mortal = routed(stack, backend("mortal", second, saying(LONG, delay=0.05)), events=events)
            stream = mortal.stream(ask())
            await anext(stream)
            alive.close()
            with pytest.raises(BrokenStream):
                [piece async for piece in stream]
        async with aclosing(one.stream(ask())) as stream:
            assert await anext(stream)


async def test_a_server_that_hangs_is_given_up_and_sees_it(servers: tuple[str, str], stack: AsyncExitStack) -> None:
    events: list[Event] = []
    both = routed(
        stack,
        backend("hung", servers[0], "silent", weight=100.0),
        backend("good", servers[1], saying("fine")),
        events=events,
        policy=RouterPolicy(first_seconds=0.3),
    )
    assert await answer(both) == ("fine", "stable on good")
    seen = await asyncio.to_thread(seen_by, servers[0], "hung")
    assert [request["left"] is not None for request in seen] == [True]


async def test_a_loser_is_cancelled_and_its_server_sees_it(servers: tuple[str, str], stack: AsyncExitStack) -> None:
    events: list[Event] = []
    both = routed(
        stack,
        backend("slow", servers[0], "silent", weight=100.0),
        backend("fast", servers[1], saying("fine")),
        events=events,
        policy=RouterPolicy(hedging=Hedging(seconds=0.1)),
    )
    assert await answer(both) == ("fine", "stable on fast")
    assert any(isinstance(event, Hedged) for event in events)
    seen = await asyncio.to_thread(seen_by, servers[0], "slow")
    assert [request["left"] is not None for request in seen] == [True]


async def test_closing_the_stream_is_seen_by_the_server(servers: tuple[str, str], stack: AsyncExitStack) -> None:
    one = routed(stack, backend("long", servers[0], saying(LONG, delay=0.01)), events=[])
    async with aclosing(one.stream(ask())) as stream:
        await anext(stream)
    seen = await asyncio.to_thread(seen_by, servers[0], "long")
    assert seen[0]["left"] is not None
    assert seen[0]["sent"] < 200


async def test_cancelling_before_the_first_token_is_seen_by_the_server(
    servers: tuple[str, str], stack: AsyncExitStack
) -> None:
    one = routed(stack, backend("silent", servers[0], "silent"), events=[])
    task = asyncio.create_task(answer(one))
    await asyncio.to_thread(wait_until_begun, servers[0], "silent")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = await asyncio.to_thread(seen_by, servers[0], "silent")
    assert seen[0]["left"] is not None


async def test_an_overloaded_server_rests_and_then_answers(servers: tuple[str, str], stack: AsyncExitStack) -> None:
    events: list[Event] = []
    busy = f"status:{json.dumps({'code': 503, 'times': 1, 'text': 'first', 'sends': {'retry-after': '1'}})}"
    both = routed(
        stack,
        backend("busy", servers[0], busy, weight=100.0),
        backend("good", servers[1], saying("second")),
        events=events,
    )
    assert {(await answer(both))[0] for _ in range(10)} == {"second"}
    async with asyncio.timeout(30):
        await answers_with(both, "first")
    assert not any(isinstance(event, Ejected) for event in events)


async def test_when_all_are_overloaded_the_answer_is_busy(servers: tuple[str, str], stack: AsyncExitStack) -> None:
    busy = f"status:{json.dumps({'code': 429, 'sends': {'retry-after': '30'}})}"
    both = routed(stack, *(backend(f"gpu-{n}", at, busy) for n, at in enumerate(servers)), events=[])
    with pytest.raises(Overloaded) as caught:
        await answer(both, seconds=10.0)
    assert caught.value.retry_after == 30


async def test_a_key_that_is_rejected_is_told_at_once(servers: tuple[str, str], stack: AsyncExitStack) -> None:
    refuses = f"status:{json.dumps({'code': 401})}"
    both = routed(
        stack,
        backend("locked", servers[0], refuses, weight=100.0),
        backend("good", servers[1], saying("fine")),
        events=[],
    )
    with pytest.raises(CredentialsRejected):
        await answer(both)


async def test_a_probe_over_the_wire_brings_a_server_back(stack: AsyncExitStack) -> None:
    """The probe is a real request for one token, at an address where nothing listens at first."""
    events: list[Event] = []
    with socket.socket() as held, running() as other:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        late = backend("late", f"http://127.0.0.1:{port}", saying("late"))

        async def probe() -> None:
            async with aclosing(late.generator.stream(ask(max_tokens=1, seconds=5.0))) as stream:
                await anext(stream, None)

        probed = Backend(name="late", generator=late.generator, probe=probe)
        soon = RouterPolicy(
            probes=ProbePolicy(every_seconds=0.2, look_seconds=0.05),
            ejection=EjectionPolicy(breaker=BreakerPolicy(base_seconds=0.2)),
        )
        both = routed(stack, probed, backend("other", other, saying("other")), events=events, policy=soon)
        async with asyncio.timeout(30):
            while not any(isinstance(event, Ejected) for event in events):
                assert (await answer(both))[0] == "other"
                await asyncio.sleep(0.02)
            held.close()
            with running("", "", str(port)):
                await answers_with(both, "late")
                assert Returned(backend="late") in events
