"""Several endpoints as one `Generator`.

A request goes to the least busy endpoint of its user's variant, and to another one when that fails, but only before
the first token and inside the deadline. Endpoints that fail are left out and come back when they work; that is also
their circuit breaker, as both would count the same failures. How many answers an endpoint gives at once is bounded.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from inference.errors import BackendUnavailable, TimedOut
from inference.ports import CompletionRequest, Finished, GenerateRequest, Generator, OnFinish
from inference.resilience.events import OnEvent, unheard
from inference.resilience.health import Health
from inference.resilience.retry import with_retries
from inference.routing.attempt import Ask, Attempt
from inference.routing.backends import Backend
from inference.routing.hedging import Hedge, Hedging
from inference.routing.pool import EjectionPolicy, Pool
from inference.routing.probes import ProbePolicy, Watch
from inference.routing.race import Race
from inference.routing.variants import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPolicy:
    ejection: EjectionPolicy = field(default_factory=EjectionPolicy)
    probes: ProbePolicy = field(default_factory=ProbePolicy)
    hedging: Hedging | None = None
    rounds: int = 2
    """How often all endpoints are tried, with a wait between; an endpoint's own retries come on top of these."""
    first_seconds: float = 10.0
    """An endpoint that has given nothing for so long is given up when there is another one."""

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.first_seconds <= 0:
            raise ValueError("There is at least one round, and an endpoint has more than no time.")


class Router:
    """A `Watched` generator. `Finished.backend` says which endpoint answered, as in `canary@2 on gpu-1`.

    :raises ValueError: when variants and endpoints do not match, or a name comes twice.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        *,
        split: Split | None = None,
        policy: RouterPolicy | None = None,
        on_event: OnEvent = unheard,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._split = split or Split()
        self._policy = policy or RouterPolicy()
        self._rng = rng or random.Random()  # noqa: S311 - it spreads load and guards nothing
        self._on_event = on_event
        self._clock = clock
        self._pool = Pool(
            backends,
            split=self._split,
            policy=self._policy.ejection,
            on_event=on_event,
            clock=clock,
            rng=self._rng,
        )
        self._watch = Watch(self._pool, self._policy.probes, clock=clock, rng=self._rng)
        self._hedge = Hedge(self._policy.hedging) if self._policy.hedging else None
        stable = next(backend for backend in backends if backend.variant == self._split.stable)
        self._model = stable.generator.model
        self._generators = [backend.generator for backend in backends]
        self.open_streams = 0

    @property
    def model(self) -> str:
        """The stable variant's."""
        return self._model

    def health(self) -> Health:
        return self._pool.health()

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """As an endpoint's, or the last error when none of them gave a first token."""

        def ask(generator: Generator, seconds: float, done: OnFinish) -> AsyncGenerator[str, None]:
            return generator.stream(replace(request, seconds=seconds), on_finish=done)

        async with aclosing(self._answer(request, ask, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        """As `stream`."""

        def ask(generator: Generator, seconds: float, done: OnFinish) -> AsyncGenerator[str, None]:
            return generator.complete(replace(request, seconds=seconds), on_finish=done)

        async with aclosing(self._answer(request, ask, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._watch.stop()
        await asyncio.gather(*(generator.close() for generator in self._generators))

    async def _answer(
        self, request: GenerateRequest | CompletionRequest, ask: Ask, on_finish: OnFinish | None
    ) -> AsyncGenerator[str, None]:
        self._watch.start()
        self.open_streams += 1
        deadline = self._clock() + request.seconds

        def left() -> float:
            return deadline - self._clock()

        hedge = self._hedge if request.priority == "interactive" else None
        if hedge:
            hedge.requested()
        race = Race(
            self._pool,
            ask,
            wanted=self._split.of(request.user),
            left=left,
            first_seconds=self._policy.first_seconds,
            hedge=hedge,
            on_event=self._on_event,
            clock=self._clock,
        )
        attempt: Attempt | None = None
        try:
            attempt = await with_retries(race.run, attempts=self._policy.rounds, left=left, draw=self._rng.uniform)
            async with aclosing(attempt.rest()) as pieces:
                async for piece in pieces:
                    yield piece
            if on_finish and attempt.finished:
                on_finish(_named(attempt.finished, attempt.endpoint.backend))
        except BackendUnavailable as error:
            if left() > 0 or type(error) not in (TimedOut, BackendUnavailable):
                raise
            # The endpoint knows only what was left for it.
            raise TimedOut(
                f"{self._model} did not answer within {request.seconds:.3g} s; ask for less, or see whether it is busy."
            ) from error
        finally:
            if attempt:
                await attempt.drop("caller")
            await race.over()
            self.open_streams -= 1


def _named(finished: Finished, backend: Backend) -> Finished:
    """With the endpoint's name, and the version it says itself when it does."""
    label = f"{finished.backend} on {backend.name}" if finished.backend else backend.label
    return replace(finished, backend=label)
