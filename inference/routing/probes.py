"""Asks endpoints that have a probe whether they work: idle ones now and then, those left out when their time is up."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass

from inference.errors import InferenceError, TimedOut
from inference.routing.pool import Endpoint, Pool

_SOONER = 6  # times as often

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePolicy:
    every_seconds: float = 30.0
    """For an endpoint that gave no first token in that time. One that answers needs no probe, and one that fails and is
    in use for want of another is asked more often."""
    limit_seconds: float = 10.0
    """A probe that takes longer has failed."""
    look_seconds: float = 1.0
    """How often it is looked whether one is due."""

    def __post_init__(self) -> None:
        if min(self.every_seconds, self.limit_seconds, self.look_seconds) <= 0:
            raise ValueError("The times of probes are above 0.")


class Watch:
    """The owner of the task that probes. Without any probe there is no task."""

    def __init__(
        self, pool: Pool, policy: ProbePolicy, *, clock: Callable[[], float] = time.monotonic, rng: random.Random
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._clock = clock
        self._rng = rng
        self._next: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """On the running loop, unless it runs already."""
        if self._task is None and any(endpoint.backend.probe for endpoint in self._pool.endpoints):
            # A context of its own: the request that happens to be the first has a trace, and probes are no part of it.
            self._task = asyncio.create_task(self._run(), context=Context())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            due = [endpoint for endpoint in self._pool.endpoints if self._is_due(endpoint)]
            await asyncio.gather(*(self._probe(endpoint) for endpoint in due))
            await asyncio.sleep(self._policy.look_seconds)

    def _is_due(self, endpoint: Endpoint) -> bool:
        if not endpoint.backend.probe:
            return False
        now = self._clock()
        if endpoint.breaker.due is not None:
            return endpoint.breaker.due <= now
        planned = self._next.setdefault(endpoint.backend.name, now + self._wait(endpoint))
        return now >= max(planned, endpoint.well_at + self._policy.every_seconds)

    def _wait(self, endpoint: Endpoint) -> float:
        """With jitter, so that the probes of many processes do not come together."""
        longest = self._policy.every_seconds / (_SOONER if endpoint.breaker.is_spent else 1)
        return self._rng.uniform(longest / 2, longest)

    async def _probe(self, endpoint: Endpoint) -> None:
        assert endpoint.backend.probe is not None
        try:
            async with asyncio.timeout(self._policy.limit_seconds):
                await endpoint.backend.probe()
        except InferenceError as error:
            self._pool.probe_failed(endpoint, error)
        except TimeoutError as error:
            late = TimedOut(f"{endpoint.backend.name} did not answer a probe.")
            late.__cause__ = error
            self._pool.probe_failed(endpoint, late)
        except Exception as error:  # noqa: BLE001 - the owner of the probes: one that is broken must not stop them all
            log.error("The probe of %s is broken: %s", endpoint.backend.name, type(error).__name__)
            self._pool.probe_failed(endpoint, error)
        else:
            self._pool.bring_back(endpoint)
        self._next[endpoint.backend.name] = self._clock() + self._wait(endpoint)
