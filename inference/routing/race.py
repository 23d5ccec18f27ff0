"""Endpoint after endpoint until one gives a first token, or two at once when hedging; then the others are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from inference.errors import InferenceError, Overloaded, TimedOut
from inference.resilience.events import FellBack, Hedged, OnEvent
from inference.resilience.retry import Again
from inference.routing.attempt import Ask, Attempt
from inference.routing.hedging import Hedge
from inference.routing.pool import FINAL, Endpoint, Pool


class Race:
    """For one request. `run` may be called again after it failed; `over` when the answer is."""

    def __init__(
        self,
        pool: Pool,
        ask: Ask,
        *,
        wanted: str,
        left: Callable[[], float],
        first_seconds: float,
        hedge: Hedge | None,
        on_event: OnEvent,
        clock: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._ask = ask
        self._wanted = wanted
        self._left = left
        self._first_seconds = first_seconds
        self._hedge = hedge
        self._on_event = on_event
        self._clock = clock
        self._dropping: set[asyncio.Task[None]] = set()

    async def run(self) -> Attempt:
        """The attempt that has a first piece. Each endpoint is asked once.

        :raises Again: with the error to show, when another time may succeed.
        :raises InferenceError: when it would not.
        """
        tried: set[Endpoint] = set()
        errors: list[InferenceError] = []
        running: dict[asyncio.Task[float], Attempt] = {}
        hedge_after = self._hedge.after() if self._hedge else None
        began = self._clock()
        by: Literal["caller", "hedge"] = "caller"
        if not self._pool.is_live(self._wanted):
            self._on_event(FellBack(wanted=self._wanted))
        try:
            while True:
                if not running:
                    endpoint = self._pool.choose(self._wanted, tried)
                    if endpoint is None or self._left() <= 0:
                        raise self._given_up(errors)
                    self._start(endpoint, running, tried)
                wait = None if hedge_after is None else max(0.0, began + hedge_after - self._clock())
                done, _ = await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    hedge_after = None
                    self._start_second(running, tried, self._clock() - began)
                for task in done:
                    error = task.exception()
                    if error is None:
                        if self._hedge:
                            self._hedge.answered(task.result())
                        by = "hedge"
                        return running.pop(task)
                    if isinstance(error, FINAL) or not isinstance(error, InferenceError):
                        raise error
                    running.pop(task)
                    errors.append(error)
        finally:
            for task, attempt in running.items():
                # Not awaited here: the slower endpoint may be slow to close as well.
                self._dropping.add(asyncio.create_task(_drop(task, attempt, by)))

    async def over(self) -> None:
        """Wait until what was dropped is closed."""
        if self._dropping:
            await asyncio.wait(self._dropping)

    def _start(self, endpoint: Endpoint, running: dict[asyncio.Task[float], Attempt], tried: set[Endpoint]) -> None:
        tried.add(endpoint)
        attempt = Attempt(
            endpoint, self._ask, seconds=self._left(), pool=self._pool, on_event=self._on_event, clock=self._clock
        )
        # Without another endpoint to ask there is nothing to gain from giving up early.
        limit = self._first_seconds if self._pool.choose(self._wanted, tried) else None
        running[asyncio.create_task(attempt.first(limit))] = attempt

    def _start_second(self, running: dict[asyncio.Task[float], Attempt], tried: set[Endpoint], seconds: float) -> None:
        first = next(iter(running.values())).endpoint
        second = self._pool.choose(self._wanted, tried)
        if self._hedge and second and second.breaker.is_live and self._hedge.take():
            self._on_event(Hedged(first=first.backend.name, second=second.backend.name, seconds=seconds))
            self._start(second, running, tried)

    def _given_up(self, errors: list[InferenceError]) -> Exception:
        if not errors and self._left() <= 0:
            return TimedOut("The deadline passed before a model was asked; allow more time.")
        if not errors:
            error = Overloaded("All endpoints of the model have as many requests as they take; try again in a moment.")
            return Again(error)
        # Of several reasons the one that a little time mends.
        error = next((e for e in errors if isinstance(e, Overloaded)), errors[-1])
        again = Again(error, after=error.retry_after if isinstance(error, Overloaded) else None)
        again.__cause__ = error.__cause__
        return again


async def _drop(task: asyncio.Task[float], attempt: Attempt, by: Literal["caller", "hedge"]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # it ended in the same moment, and asyncio would complain that nobody looked
    await attempt.drop(by)
