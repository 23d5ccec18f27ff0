"""A generator behind a bounded queue."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from inference.ports import CompletionRequest, GenerateRequest, OnFinish
from inference.resilience.health import FULL, Health, Watched
from inference.resilience.slots import Slots


class Queued:
    """A `Watched` generator that has a place for as long as an answer is given. The wait is a part of the deadline."""

    def __init__(self, inner: Watched, slots: Slots) -> None:
        self._inner = inner
        self._slots = slots

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def open_streams(self) -> int:
        return self._inner.open_streams

    def health(self) -> Health:
        health = self._inner.health()
        if health == FULL and self._slots.is_full:
            return Health(state="degraded", reason="The model is busy, and too many requests wait; try again later.")
        return health

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """:raises Overloaded: when there is no place in time. Else as the generator behind it."""
        async with self._slots.slot(request.priority, within=request.seconds) as waited:
            left = replace(request, seconds=request.seconds - waited)
            async with aclosing(self._inner.stream(left, on_finish=on_finish)) as pieces:
                async for piece in pieces:
                    yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        """Raises as `stream`."""
        async with self._slots.slot(request.priority, within=request.seconds) as waited:
            left = replace(request, seconds=request.seconds - waited)
            async with aclosing(self._inner.complete(left, on_finish=on_finish)) as pieces:
                async for piece in pieces:
                    yield piece

    async def close(self) -> None:
        await self._inner.close()
