"""Endpoints that do as they are told, and what is asked of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from inference.errors import InferenceError
from inference.ports import CompletionRequest, Finished, GenerateRequest, Generator, Message, OnFinish
from inference.resilience.events import Event
from inference.routing.backends import Backend
from inference.routing.router import Router
from tests.inference.routing.virtual import now

Step = str | float | InferenceError
"""A piece, seconds to wait, or how it fails."""


class Told:
    """Follows one list of steps for each request, and the last of them for ever."""

    def __init__(self, *plans: Sequence[Step]) -> None:
        self.plans: list[Sequence[Step]] = list(plans)
        self.asked: list[GenerateRequest | CompletionRequest] = []
        self.closed_early = 0
        self.open_streams = 0
        self.is_closed = False

    @property
    def model(self) -> str:
        return "told:steps"

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        async with aclosing(self._follow(request, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        async with aclosing(self._follow(request, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        self.is_closed = True

    async def _follow(
        self, request: GenerateRequest | CompletionRequest, on_finish: OnFinish | None
    ) -> AsyncGenerator[str, None]:
        self.asked.append(request)
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        self.open_streams += 1
        try:
            for step in plan:
                if isinstance(step, str):
                    yield step
                elif isinstance(step, InferenceError):
                    raise step
                else:
                    await asyncio.sleep(step)
            if on_finish:
                on_finish(Finished(reason="stop"))
        except (GeneratorExit, asyncio.CancelledError):
            self.closed_early += 1
            raise
        finally:
            self.open_streams -= 1


def backend(name: str, generator: Generator, **options: Any) -> Backend:
    return Backend(name=name, generator=generator, **options)


def router(*backends: Backend, events: list[Event] | None = None, seed: int = 1, **options: Any) -> Router:
    """On the loop's clock."""
    heard = events if events is not None else []
    return Router(backends, on_event=heard.append, clock=now, rng=random.Random(seed), **options)


def ask(**options: Any) -> GenerateRequest:
    return GenerateRequest(messages=(Message(role="user", content="hello"),), **options)


async def answer(generator: Generator, **options: Any) -> tuple[str, str]:
    """The text, and who gave it."""
    finished: list[Finished] = []
    pieces = [piece async for piece in generator.stream(ask(**options), on_finish=finished.append)]
    assert len(finished) == 1
    return "".join(pieces), finished[0].backend
