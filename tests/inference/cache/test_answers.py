"""Which answers are kept, for whom, and how they come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from inference.cache.answers import CachedGenerator
from inference.cache.keys import Tenant
from inference.cache.memory import MemoryCache
from inference.errors import BackendUnavailable
from inference.ports import CompletionRequest, Finished, GenerateRequest, Message, OnFinish, Reason, Usage

TENANT = Tenant(name="team", secret=bytes(32))
TEXT = "an answer, piece by piece\n" * 20
CHAT = GenerateRequest(messages=(Message(role="system", content="you"), Message(role="user", content="hello")))
RAW = CompletionRequest(prompt="def f", suffix="\n")


class Counting:
    """A generator that counts how often it is asked, and ends as it is told."""

    model = "counting:one"

    def __init__(self, *, reason: Reason = "stop", text: str = TEXT, error: str = "", usage: bool = True) -> None:
        self.asked = 0
        self._reason: Reason = reason
        self._text = text
        self._error = error
        self._usage = Usage(prompt=7, completion=3, cached=1) if usage else None

    async def stream(self, request: object, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        self.asked += 1
        for at in range(0, len(self._text), 10):
            await asyncio.sleep(0)
            yield self._text[at : at + 10]
        if self._error:
            raise BackendUnavailable(self._error)
        if on_finish:
            on_finish(Finished(reason=self._reason, usage=self._usage, backend="gpu-1"))

    complete = stream

    async def close(self) -> None:
        """Nothing is open."""


def cached(inner: Counting, cache: MemoryCache | None = None, **options: Any) -> CachedGenerator:
    return CachedGenerator(inner, cache or MemoryCache(), **{"tenant": TENANT, **options})


async def answer(
    generator: CachedGenerator, request: GenerateRequest | CompletionRequest
) -> tuple[str, list[Finished]]:
    ends: list[Finished] = []
    if isinstance(request, GenerateRequest):
        stream = generator.stream(request, on_finish=ends.append)
    else:
        stream = generator.complete(request, on_finish=ends.append)
    text = "".join([piece async for piece in stream])
    await asyncio.sleep(0)  # the answer is written beside us
    return text, ends


@pytest.mark.parametrize("request_", [CHAT, RAW], ids=["chat", "completion"])
@pytest.mark.parametrize("reason", ["stop", "length"])
@pytest.mark.parametrize("usage", [True, False], ids=["counted", "not counted"])
async def test_the_second_time_costs_nothing(request_: Any, reason: Reason, usage: bool) -> None:
    inner, looks = Counting(reason=reason, usage=usage), list[tuple[str, bool]]()
    generator = cached(inner, on_look=lambda kind, hit: looks.append((kind, hit)))
    counts = Usage(prompt=7, completion=3, cached=1) if usage else None
    assert await answer(generator, request_) == (TEXT, [Finished(reason=reason, usage=counts, backend="gpu-1")])
    assert await answer(generator, request_) == (TEXT, [Finished(reason=reason, usage=counts, backend="cache")])
    assert inner.asked == 1
    assert [hit for _, hit in looks] == [False, True]
    assert generator.open_streams == 0 and generator.model == "counting:one"
    await generator.close()


async def test_it_comes_in_pieces_and_can_be_closed() -> None:
    generator = cached(Counting())
    await answer(generator, CHAT)
    assert len([piece async for piece in generator.stream(CHAT)]) > 1
    async with aclosing(generator.stream(CHAT)) as stream:
        await anext(stream)
        assert generator.open_streams == 1
    assert generator.open_streams == 0


@pytest.mark.parametrize(
    "other",
    [
        replace(CHAT, max_tokens=5),
        replace(CHAT, stop=("x",)),
        replace(CHAT, adapter="mine"),
        replace(CHAT, messages=CHAT.messages[1:]),
        replace(CHAT, messages=(replace(CHAT.messages[0], role="user"), CHAT.messages[1])),
        replace(RAW, prompt="youhello"),
    ],
    ids=["tokens", "stop", "adapter", "messages", "role", "completion"],
)
async def test_another_question_is_asked(other: Any) -> None:
    inner = Counting()
    generator = cached(inner)
    await answer(generator, CHAT)
    await answer(generator, other)
    assert inner.asked == 2


async def test_who_asks_and_how_urgently_does_not_matter() -> None:
    inner = Counting()
    generator = cached(inner)
    await answer(generator, CHAT)
    await answer(generator, replace(CHAT, user="somebody", priority="background", seconds=5))
    assert inner.asked == 1


@pytest.mark.parametrize(
    ("inner", "request_"),
    [
        (Counting(), replace(CHAT, temperature=0.2)),
        (Counting(), replace(RAW, temperature=0.2)),
        (Counting(reason="content_filter"), CHAT),
        (Counting(reason="other"), CHAT),
        (Counting(text=""), CHAT),
        (Counting(text="x" * 300_000), CHAT),
    ],
    ids=["chance", "chance in a completion", "filtered", "no known end", "empty", "huge"],
)
async def test_some_answers_are_not_kept(inner: Counting, request_: Any) -> None:
    generator = cached(inner)
    for asked in (1, 2):
        _, ends = await answer(generator, request_)
        assert inner.asked == asked
        assert [end.backend for end in ends] == ["gpu-1"]


async def test_a_broken_answer_is_not_kept() -> None:
    inner = Counting(error="the model went away")
    generator = cached(inner)
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match="went away"):
            await answer(generator, CHAT)
    assert inner.asked == 2 and generator.open_streams == 0


async def test_a_closed_or_cancelled_answer_is_not_kept() -> None:
    inner, cache = Counting(), MemoryCache()
    generator = cached(inner, cache)
    async with aclosing(generator.stream(CHAT)) as stream:
        async for piece in stream:
            if piece.endswith(TEXT[-10:]):  # even when it has come to its end
                break
    task = asyncio.create_task(answer(generator, CHAT))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cache.size == 0 and generator.open_streams == 0
    await answer(generator, CHAT)
    assert inner.asked == 3


@pytest.mark.parametrize(
    "options",
    [{"tenant": Tenant(name="other", secret=bytes(32))}, {"version": "2"}],
    ids=["tenant", "version"],
)
async def test_another_one_does_not_find_it(options: Any) -> None:
    cache, inner = MemoryCache(), Counting()
    await answer(cached(inner, cache), CHAT)
    await answer(cached(inner, cache, **options), CHAT)
    assert inner.asked == 2


async def test_what_somebody_else_wrote_there_is_asked_again() -> None:
    class Liar(MemoryCache):
        def look(self, key: bytes) -> bytes | None:
            return b"\x01" + bytes(16) + b'p["evil","stop",null]'

    inner = Counting()
    assert (await answer(cached(inner, Liar()), CHAT))[0] == TEXT
    assert inner.asked == 1


async def test_nobody_waits_for_an_answer_to_be_written() -> None:
    class Stuck(MemoryCache):
        written = 0

        async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
            await release.wait()
            self.written += 1

    release, cache = asyncio.Event(), Stuck()
    generator = cached(Counting(), cache)
    async with asyncio.timeout(10):
        for number in range(50):
            await answer(generator, replace(RAW, prompt=f"{number}"))
    release.set()
    await generator.close()
    assert 0 < cache.written < 50  # those that had begun are finished, and they were not many
