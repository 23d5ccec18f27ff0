"""What every `Generator` promises. Add an implementation to `generators` and it is held to all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from collections.abc import Generator as Iterates
from contextlib import aclosing
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from inference.cache.answers import CachedGenerator
from inference.cache.keys import Tenant
from inference.cache.memory import MemoryCache
from inference.errors import BackendUnavailable
from inference.observe.generator import ObservedGenerator
from inference.observe.metrics import Metrics
from inference.observe.spans import Spans
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.generator import OpenAIGenerator
from inference.ports import GenerateRequest, Generator, Message
from inference.routing.backends import Backend
from inference.routing.compose import routed
from inference.routing.router import Router
from inference.scripted import ScriptedAnswer, ScriptedGenerator
from inference.triton.generator import TritonGenerator
from inference.tritonserver.launch import TritonServer
from tests.inference.lying_server import running
from tests.inference.triton import scripted

Make = Callable[[str, float], Generator]
"""A generator that answers with this text, and waits so many seconds before each piece of it."""


def from_values(text: str, delay: float) -> Generator:
    return ScriptedGenerator([ScriptedAnswer(text=text, delay=delay)])


def from_file(folder: Path) -> Make:
    def make(text: str, delay: float) -> Generator:
        script = folder / "script.json"
        script.write_text(json.dumps({"model": "demo", "answer": [{"text": text, "delay": delay}]}))
        return ScriptedGenerator(script)

    return make


@pytest.fixture(scope="module")
def server() -> Iterates[str, None, None]:
    with running() as address:
        yield address


def cached(text: str, delay: float) -> Generator:
    return CachedGenerator(from_values(text, delay), MemoryCache(), tenant=Tenant(name="team", secret=bytes(32)))


def routed_to(count: int) -> Make:
    def make(text: str, delay: float) -> Generator:
        return Router([Backend(name=f"gpu-{n}", generator=from_values(text, delay)) for n in range(count)])

    return make


def routed_in_full(text: str, delay: float) -> Generator:
    return routed([Backend(name="gpu", generator=from_values(text, delay))])


def observed(text: str, delay: float) -> Generator:
    return ObservedGenerator(from_values(text, delay), metrics=Metrics(), spans=Spans(TracerProvider()))


OTHERS: dict[str, Make] = {
    "observed": observed,
    "router of 1": routed_to(1),
    "router of 2": routed_to(2),
    "routed": routed_in_full,
}


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterates[TritonServer, None, None]:
    with scripted.running(tmp_path_factory.mktemp("triton"), models=("scripted",)) as server:
        yield server


@pytest.fixture(params=["values", "file", "http", "grpc", "cached", *OTHERS])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "grpc":
        request.getfixturevalue("triton")  # which is started, or missing, for it alone
    return request.param


@pytest.fixture
async def make(kind: str, request: pytest.FixtureRequest, tmp_path: Path, server: str) -> AsyncGenerator[Make, None]:
    made: list[OpenAIGenerator | TritonGenerator] = []

    def over_http(text: str, delay: float) -> Generator:
        told = json.dumps({"text": text, "delay": delay})
        made.append(OpenAIGenerator(OpenAIEndpoint(url=server, model=f"say:{told}")))
        return made[-1]

    def over_grpc(text: str, delay: float) -> Generator:
        where = scripted.endpoint(request.getfixturevalue("triton"))
        # Cancelled amid responses that come without a pause, Triton 24.10 ends by a fault in one of some hundred cases.
        prompt = scripted.script(say=text, delay=delay or 0.005)
        made.append(TritonGenerator(where, template=lambda _: prompt))
        return made[-1]

    over = {"values": from_values, "file": from_file(tmp_path), "http": over_http, "grpc": over_grpc, "cached": cached}
    yield {**over, **OTHERS}[kind]
    for generator in made:
        await generator.close()


def ask(text: str = "hello", **options: object) -> GenerateRequest:
    return GenerateRequest(messages=(Message(role="user", content=text),), **options)  # type: ignore[arg-type]


async def test_streams_the_answer_in_pieces(make: Make) -> None:
    text = "an answer of some length, with ünïcode and\nlines\n" * 3
    pieces = [piece async for piece in make(text, 0.0).stream(ask())]
    assert "".join(pieces) == text
    assert len(pieces) > 1


async def test_has_a_name_for_receipts(make: Make) -> None:
    kind, _, name = make("", 0.0).model.partition(":")
    assert kind in ("scripted", "openai", "triton")
    assert name


async def test_keeps_the_deadline(make: Make) -> None:
    with pytest.raises(BackendUnavailable, match=r"did not answer within 0\.01 s"):
        [piece async for piece in make("too slow", 60.0).stream(ask(seconds=0.01))]


async def test_stops_at_a_stop_text_and_at_the_token_limit(make: Make) -> None:
    assert "".join([piece async for piece in make("one END two", 0.0).stream(ask(stop=("END",)))]) == "one "
    whole = "word " * 1000
    assert len("".join([piece async for piece in make(whole, 0.0).stream(ask(max_tokens=10))])) < 100


async def test_closing_the_stream_ends_the_work(make: Make) -> None:
    generator = make("x" * 1000, 0.0)
    async with aclosing(generator.stream(ask())) as stream:
        await anext(stream)
    assert generator.open_streams == 0  # type: ignore[attr-defined]


async def test_cancelling_the_task_ends_the_work(make: Make) -> None:
    generator = make("x" * 1000, 60.0)

    async def read() -> None:
        async for _ in generator.stream(ask()):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    assert generator.open_streams == 1  # type: ignore[attr-defined]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert generator.open_streams == 0  # type: ignore[attr-defined]


async def test_two_streams_at_once_do_not_mix(make: Make) -> None:
    generator = make("abcdefghij" * 20, 0.0)

    async def read() -> str:
        return "".join([piece async for piece in generator.stream(ask())])

    first, second = await asyncio.gather(read(), read())
    assert first == second == "abcdefghij" * 20
