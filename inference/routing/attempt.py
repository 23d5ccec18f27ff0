"""One request at one endpoint, counted from its beginning to its end, whichever way that comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Literal

from inference.errors import InferenceError, TimedOut
from inference.ports import Finished, Generator, OnFinish
from inference.resilience.events import (
    Answered,
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    FirstToken,
    OnEvent,
)
from inference.routing.pool import Endpoint, Pool

Ask = Callable[[Generator, float, OnFinish], AsyncGenerator[str, None]]
"""The request at a generator, with so many seconds left."""


class Attempt:
    """Opened by making it; then `first`, then either `rest` or `drop`."""

    def __init__(
        self, endpoint: Endpoint, ask: Ask, *, seconds: float, pool: Pool, on_event: OnEvent, clock: Callable[[], float]
    ) -> None:
        """:param seconds: until the request's deadline."""
        self.endpoint = endpoint
        self.finished: Finished | None = None
        self._piece: str | None = None
        self._pool = pool
        self._on_event = on_event
        self._clock = clock
        self._seconds = seconds
        self._is_trial = not endpoint.breaker.is_live
        self._is_over = False
        self._began = clock()
        self._stream = ask(endpoint.backend.generator, seconds, self._finish)
        endpoint.open += 1
        endpoint.trials += self._is_trial
        self._name, self._variant = endpoint.backend.name, endpoint.backend.variant
        on_event(AttemptStarted(backend=self._name, variant=self._variant))

    async def first(self, limit: float | None) -> float:
        """Seconds until the first piece, or until the end of an empty answer.

        :param limit: seconds after which it is given up; None leaves that to the deadline.
        """
        given = self._seconds if limit is None else min(limit, self._seconds)
        try:
            try:
                async with asyncio.timeout(limit):
                    self._piece = await anext(self._stream, None)
            except TimeoutError as error:
                raise TimedOut(f"{self._name} gave nothing for {given:.3g} s and was given up.") from error
        except InferenceError as error:
            self._fail(error, given)
            raise
        if self._is_trial:
            self._pool.bring_back(self.endpoint)
        return self._lasted()

    async def rest(self) -> AsyncGenerator[str, None]:
        """All pieces, from the first on."""
        seconds = self._lasted()
        self._pool.succeeded(self.endpoint, seconds)
        self._on_event(FirstToken(backend=self._name, variant=self._variant, seconds=seconds))
        try:
            while self._piece is not None:
                yield self._piece
                self._piece = await anext(self._stream, None)
            self._pool.succeeded(self.endpoint)
            self._over()
            self._on_event(Answered(backend=self._name, variant=self._variant, seconds=self._lasted()))
        except InferenceError as error:
            self._fail(error, None)
            raise
        finally:
            if not self._is_over:
                # Most answers are closed early: whoever reads has enough, or went on typing.
                self._pool.succeeded(self.endpoint)
            await self.drop("caller")

    async def drop(self, by: Literal["caller", "hedge"]) -> None:
        """Close the stream, at which the model stops. Nothing happens to one that is over."""
        try:
            await self._stream.aclose()
        finally:
            if not self._is_over:
                self._over()
                self._on_event(Cancelled(backend=self._name, variant=self._variant, seconds=self._lasted(), by=by))

    def _finish(self, finished: Finished) -> None:
        self.finished = finished

    def _fail(self, error: InferenceError, given: float | None) -> None:
        seconds = self._lasted()
        self._over()
        self._on_event(
            AttemptFailed(
                backend=self._name,
                variant=self._variant,
                error=type(error).__name__,
                seconds=seconds,
                is_begun=given is None,
            )
        )
        self._pool.failed(self.endpoint, error, waited=seconds, given=given, is_trial=self._is_trial)

    def _over(self) -> None:
        self._is_over = True
        self.endpoint.open -= 1
        self.endpoint.trials -= self._is_trial

    def _lasted(self) -> float:
        return self._clock() - self._began
