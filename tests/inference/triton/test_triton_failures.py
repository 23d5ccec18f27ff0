"""What goes wrong between the client and Triton: each thing has one error, and nothing hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from inference.errors import (
    BackendUnavailable,
    BadRequest,
    BrokenStream,
    CredentialsRejected,
    InferenceError,
    ModelNotReady,
    Overloaded,
    TimedOut,
)
from inference.ports import CompletionRequest
from inference.triton.endpoint import TritonEndpoint
from inference.triton.generator import TritonGenerator
from inference.triton.probe import probe_generator, served
from inference.tritonserver.launch import TritonServer
from tests.inference.triton.broken_network import passage
from tests.inference.triton.lying_triton import lying
from tests.inference.triton.scripted import PATIENCE, endpoint, noted, once_noted, running, script

pytestmark = pytest.mark.asyncio(loop_scope="session")  # gRPC does not bear that its loop is closed
SECRET = "s3cret-value-of-the-token"


@asynccontextmanager
async def talking_to(endpoint: TritonEndpoint) -> AsyncGenerator[TritonGenerator, None]:
    generator = TritonGenerator(endpoint)
    try:
        yield generator
    finally:
        await generator.close()


async def say(generator: TritonGenerator, prompt: str = "hello", *, seconds: float = PATIENCE, **options: Any) -> str:
    request = CompletionRequest(prompt=prompt, seconds=seconds, **options)
    return "".join([piece async for piece in generator.complete(request)])


async def fails(
    endpoint: TritonEndpoint, kind: type[InferenceError], message: str, prompt: str = "hello", **options: Any
) -> None:
    async with talking_to(endpoint) as generator:
        with pytest.raises(kind, match=message) as caught:
            await say(generator, prompt, **options)
        assert generator.open_streams == 0
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)


async def manage(server: TritonServer, what: str, model: str) -> None:
    url = f"http://127.0.0.1:{server.http}/v2/repository/models/{model}/{what}"
    request = urllib.request.Request(url, data=b"{}", method="POST")
    await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=PATIENCE).read())


def stub_of(server: TritonServer, model: str) -> psutil.Process:
    """The process of a model."""
    children = psutil.Process(server.pid).children(recursive=True)
    return next(child for child in children if any(model in part for part in child.cmdline()))


# Nothing there, or something else


async def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    await fails(endpoint(port), BackendUnavailable, r"cannot be reached \(Connection refused\)")


async def test_a_host_without_an_address() -> None:
    where = endpoint(1, url="grpc://no-such-host.invalid", attempts=1)
    await fails(where, BackendUnavailable, "its host's name is not found")


async def test_a_host_that_takes_connections_and_never_speaks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = endpoint(listening.getsockname()[1], connect_seconds=0.3, attempts=1)
        began = time.monotonic()
        await fails(where, BackendUnavailable, "cannot be reached")
        assert time.monotonic() - began < PATIENCE / 2


async def test_the_port_for_http_is_not_the_one_for_grpc(triton: TritonServer) -> None:
    await fails(endpoint(triton.http, attempts=1), BackendUnavailable, "the port is the one for gRPC")


async def test_a_server_that_comes_back_is_reached_at_once() -> None:
    async with lying() as (_, port):
        generator = TritonGenerator(endpoint(port, attempts=1))
        assert await say(generator) == "some"
    with pytest.raises(BackendUnavailable):
        await say(generator)
    # gRPC itself would wait for a second before it tries again.
    async with lying(port):
        assert await say(generator) == "some"
    await generator.close()


# A request that is not taken


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an unknown model": ({"model": "absent"}, {}, "absent at .* is not known there"),
    "an unknown version": ({"version": "7"}, {}, "check the model's name and version"),
    "an unknown adapter": ({}, {"adapter": "nobody"}, "LoRA nobody is not supported"),
    "another profile": ({"profile": "tensorrt_llm"}, {}, "unexpected inference input"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_request_that_is_not_taken(triton: TritonServer, name: str) -> None:
    where, asked, message = REFUSALS[name]
    await fails(endpoint(triton, **where), BadRequest, message, **asked)


async def test_an_error_of_the_model_says_what_it_said(triton: TritonServer) -> None:
    await fails(endpoint(triton), BackendUnavailable, "failed: .*out of memory", script(error="out of memory"))


async def test_an_error_after_some_pieces(triton: TritonServer) -> None:
    got: list[str] = []
    async with talking_to(endpoint(triton)) as generator:
        with pytest.raises(BackendUnavailable, match="went bad"):
            async for piece in generator.complete(CompletionRequest(prompt=script(say="x" * 16, error="went bad"))):
                got.append(piece)
    assert got == ["x" * 8] * 2


# Too much to do


@asynccontextmanager
async def full_queue(triton: TritonServer, record: Path, *, hold: float) -> AsyncGenerator[TritonGenerator, None]:
    """One request is being executed for that long, and two wait."""
    async with talking_to(endpoint(triton, "queued", attempts=1)) as generator:
        first = asyncio.create_task(say(generator, script(say="x", hold=hold, first=hold, record=record)))
        await once_noted(record, "came")
        others = [asyncio.create_task(say(generator, "waits")) for _ in range(2)]
        await asyncio.sleep(0.1)
        yield generator
        assert await asyncio.gather(first, *others) == ["x", "waits", "waits"]


async def test_a_full_queue_is_said_at_once(triton: TritonServer, tmp_path: Path) -> None:
    async with full_queue(triton, tmp_path / "record", hold=1.0) as generator:
        with pytest.raises(Overloaded, match="full queue; try later"):
            await say(generator)


async def test_a_full_queue_is_tried_again(triton: TritonServer, tmp_path: Path) -> None:
    async with (
        full_queue(triton, tmp_path / "record", hold=0.5),
        talking_to(endpoint(triton, "queued", attempts=60)) as patient,
    ):
        assert await say(patient) == "hello"


async def test_a_request_that_waited_too_long(triton: TritonServer, tmp_path: Path) -> None:
    record = tmp_path / "record"
    async with talking_to(endpoint(triton, "queued")) as generator:
        first = asyncio.create_task(say(generator, script(say="x", hold=0.6, first=0.6, record=record)))
        await once_noted(record, "came")
        await fails(endpoint(triton, "queued", queue_seconds=0.1), Overloaded, "in its queue for too long")
        await first


# Models and servers that go


async def test_a_model_is_unloaded_while_it_answers(triton: TritonServer) -> None:
    async with talking_to(endpoint(triton)) as generator:
        pieces = generator.complete(CompletionRequest(prompt=script(say="x" * 40, delay=0.2), seconds=PATIENCE))
        async with aclosing(pieces):
            got = [await anext(pieces)]
            await manage(triton, "unload", "scripted")
            try:
                with pytest.raises(ModelNotReady, match="not loaded, or still loading"):
                    await say(generator)
                got += [piece async for piece in pieces]
            finally:
                await manage(triton, "load", "scripted")
        assert "".join(got) == "x" * 40
        assert await say(generator) == "hello"


@pytest.fixture
def doomed(tmp_path: Path) -> Any:
    """A server for one test, which may destroy it."""
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", models=("scripted",)) as server:
        yield server


async def test_a_model_whose_process_was_killed(doomed: TritonServer) -> None:
    await probe_generator(endpoint(doomed), seconds=PATIENCE)
    stub_of(doomed, "scripted").send_signal(signal.SIGKILL)
    await fails(endpoint(doomed), BackendUnavailable, "has died in its server")
    states = {model.name: model.state for model in (await served(endpoint(doomed))).models}
    assert states["scripted"] == "READY"  # which is why readiness is not asked
    with pytest.raises(BackendUnavailable):
        await probe_generator(endpoint(doomed), seconds=PATIENCE)
    await manage(doomed, "unload", "scripted")
    await manage(doomed, "load", "scripted")
    assert await probe_generator(endpoint(doomed), seconds=PATIENCE) < PATIENCE


async def test_a_model_whose_process_dies_while_it_answers(doomed: TritonServer) -> None:
    """The server says nothing then, for ever."""
    prompt = script(say="x" * 80, delay=0.05, exit=2)
    await fails(endpoint(doomed, idle_seconds=0.5), TimedOut, r"sent nothing for 0\.5 s", prompt)


async def test_a_server_that_is_killed_while_it_answers(doomed: TritonServer) -> None:
    async with talking_to(endpoint(doomed)) as generator:
        pieces = generator.complete(CompletionRequest(prompt=script(say="x" * 80, delay=0.2), seconds=PATIENCE))
        await anext(pieces)
        doomed.kill()
        with pytest.raises(BrokenStream, match="broke off the connection"):
            [piece async for piece in pieces]
        with pytest.raises(BackendUnavailable, match="cannot be reached"):
            await say(generator)


async def test_a_server_that_is_stopped_while_it_answers(doomed: TritonServer) -> None:
    """As a stuck one is: the process is there and does nothing."""
    async with talking_to(endpoint(doomed, idle_seconds=0.4)) as generator:
        pieces = generator.complete(CompletionRequest(prompt=script(say="x" * 80, delay=0.1), seconds=PATIENCE))
        await anext(pieces)
        os.kill(doomed.pid, signal.SIGSTOP)
        with pytest.raises(TimedOut, match=r"sent nothing for 0\.4 s"):
            [piece async for piece in pieces]
        with pytest.raises(InferenceError):
            await probe_generator(endpoint(doomed, connect_seconds=0.5), seconds=0.5)
        os.kill(doomed.pid, signal.SIGCONT)
        assert await say(generator) == "hello"


async def test_a_connection_that_is_half_open_is_left(triton: TritonServer, tmp_path: Path) -> None:
    record = tmp_path / "record"
    async with passage(triton.grpc) as (way, port), talking_to(endpoint(port, idle_seconds=0.4)) as generator:
        pieces = generator.complete(CompletionRequest(prompt=script(say="x" * 80, delay=0.05, record=record)))
        await anext(pieces)
        way.go_dead()
        with pytest.raises(TimedOut, match="may be stuck"):
            [piece async for piece in pieces]
        assert await say(generator) == "hello"  # over a new connection
        assert way.connections == 2


async def test_a_dead_connection_between_two_requests_costs_one_of_them(triton: TritonServer) -> None:
    async with passage(triton.grpc) as (way, port), talking_to(endpoint(port)) as generator:
        assert await say(generator) == "hello"
        way.go_dead()
        with pytest.raises(TimedOut, match=r"within 0\.4 s"):
            await say(generator, seconds=0.4)
        assert await say(generator) == "hello"


async def test_a_slow_stream_keeps_its_connection(triton: TritonServer) -> None:
    """Where others are heard, one that says nothing is slow itself."""
    async with passage(triton.grpc) as (way, port), talking_to(endpoint(port)) as generator:
        lively = asyncio.create_task(say(generator, script(say="x" * 160, delay=0.05), max_tokens=99))
        with pytest.raises(TimedOut):
            await say(generator, script(say="x", first=60), seconds=0.4)
        assert await lively == "x" * 160
        assert await say(generator) == "hello"
        assert way.connections == 1


# A server that breaks the protocol


LIES: dict[str, tuple[str, type[InferenceError], str]] = {
    "no response": ("nothing", BrokenStream, "ended before its answer was whole"),
    "no last response": ("no-end", BrokenStream, "ended before its answer was whole"),
    "no text": ("textless", BrokenStream, "a response without text_output"),
    "numbers for text": ("untyped", BrokenStream, "something in the place of text"),
    "an output without bytes": ("dataless", BrokenStream, "something in the place of text"),
    "a length that is not so": ("raw:0500000061", BrokenStream, "or a broken one"),
    "half a length": ("raw:0500", BrokenStream, "something in the place of text"),
    "forty megabytes": ("large", BrokenStream, "far more than it was asked for"),
    "a wrong token": ("status:UNAUTHENTICATED:bad TOKEN", CredentialsRejected, "rejects the token"),
    "a token that may not": ("status:PERMISSION_DENIED:no", CredentialsRejected, "rejects the token"),
    "a secret said again": ("status:INTERNAL:bad TOKEN", BackendUnavailable, "failed; see its server's log"),
    "a refused argument": ("status:INVALID_ARGUMENT:too odd", BadRequest, "too odd"),
    "too many requests": ("status:RESOURCE_EXHAUSTED:slow down", Overloaded, "slow down"),
    "a cancellation": ("status:CANCELLED:gone", BrokenStream, "cancelled the request"),
    "words of many lines": ("refuses:one\n\u202etwo\x1b[2J", BadRequest, r"request: one two \[2J\.$"),
    "words of a megabyte": ("refuses:" + "x" * 4_000, BadRequest, r"x{300}…\.$"),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_server_that_lies(name: str) -> None:
    told, kind, message = LIES[name]
    async with lying() as (_, port):
        where = endpoint(port, told.encode("unicode_escape").decode(), token=SECRET, attempts=1)
        await fails(where, kind, message)


async def test_what_passes_is_tried_again_before_the_first_piece_alone() -> None:
    async with lying() as (liar, port):
        async with talking_to(endpoint(port, "once")) as generator:
            assert await say(generator) == "some"
        assert len(liar.calls) == 3
        await fails(endpoint(port, "no-end"), BrokenStream, "before its answer was whole")
        assert len(liar.calls) == 4


async def test_secrets_and_headers_are_sent() -> None:
    async with lying() as (liar, port):
        where = endpoint(
            port, token=SECRET, headers=(("X-Team", "blue"),), restricted_key="Infer", restricted_value="v"
        )
        async with talking_to(where) as generator:
            await say(generator)
    sent = liar.calls[0]
    assert sent["authorization"] == f"Bearer {SECRET}"
    assert (sent["x-team"], sent["triton-grpc-protocol-infer"]) == ("blue", "v")
    assert sent["user-agent"].startswith("assay")
    assert SECRET not in repr(where)


async def test_the_record_of_a_model_has_one_end_for_each_request(triton: TritonServer, tmp_path: Path) -> None:
    async with talking_to(endpoint(triton)) as generator:
        await say(generator, script(say="x", record=tmp_path / "record"))
        await once_noted(tmp_path / "record", "done")
    assert [note["event"] for note in noted(tmp_path / "record")] == ["came", "done"]
