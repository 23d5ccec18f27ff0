"""The endpoints as they are now: how busy, how fast, which are left out. It decides; it waits for nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from inference.errors import (
    BadOutput,
    BadRequest,
    BudgetSpent,
    CredentialsRejected,
    InferenceError,
    Overloaded,
)
from inference.resilience.breaker import Breaker, BreakerPolicy
from inference.resilience.events import Ejected, OnEvent, Returned
from inference.resilience.health import FULL, Health
from inference.routing.backends import Backend
from inference.routing.speed import Speed
from inference.routing.variants import Split

FINAL = (BadRequest, BadOutput, CredentialsRejected, BudgetSpent)
"""Errors that another endpoint would not mend: the request's own, and those that a person has to mend."""

_REST_SECONDS = 1.0  # for an endpoint that is overloaded and does not say for how long
_MOST_REST_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EjectionPolicy:
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    most_share: float = 0.5
    """Of the stable variant's endpoints that may be left out, but always one, and never the last. When so many fail it
    is rarely their fault alone. Envoy's outlier detection has `max_ejection_percent` and `always_eject_one_host` for
    this, and its load balancer pays no heed to health when fewer than half are well (`healthy_panic_threshold`)."""
    patience_seconds: float = 5.0
    """An endpoint that had less time for its first token than this, and did not use it, has not failed."""


class Endpoint:
    """One `Backend` and how it is."""

    def __init__(self, backend: Backend, breaker: Breaker) -> None:
        self.backend = backend
        self.breaker = breaker
        self.speed = Speed()
        self.open = 0
        """Attempts that run now."""
        self.trials = 0
        """Of these, on an endpoint that was left out."""
        self.rests_until = float("-inf")
        self.well_at = float("-inf")
        """When it last gave a first token, or passed a probe."""


class Pool:
    """:raises ValueError: when variants and endpoints do not match."""

    def __init__(
        self,
        backends: Sequence[Backend],
        *,
        split: Split,
        policy: EjectionPolicy,
        on_event: OnEvent,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        if len({backend.name for backend in backends}) < len(backends):
            raise ValueError("Each endpoint needs a name of its own.")
        if {backend.variant for backend in backends} != set(split.shares):
            raise ValueError("Each variant needs a share, and each share an endpoint of its variant.")
        self.endpoints = [Endpoint(backend, Breaker(policy.breaker, rng.uniform)) for backend in backends]
        self.stable = split.stable
        self._policy = policy
        self._on_event = on_event
        self._clock = clock
        self._rng = rng

    def choose(self, wanted: str, tried: Collection[Endpoint]) -> Endpoint | None:
        """Where to send a request next; None when there is nothing left to try, or all are full.

        Of two drawn at random the one with fewer open streams, then the faster one: as good as looking at all of them,
        and when several processes share the endpoints and see only their own streams, they do not all run to the same
        one. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001), and on old information, "How
        Useful Is Old Information?" (2000).
        """
        now = self._clock()
        free = [e for e in self.endpoints if e not in tried and e.open < e.backend.most]
        for tier in self._tiers(wanted, free, now):
            if tier:
                rested = [e for e in tier if e.rests_until <= now] or tier
                drawn = self._rng.sample(rested, min(2, len(rested)))
                return min(drawn, key=lambda e: ((e.open + 1) / e.backend.weight, e.speed.recent(now)))
        return None

    def is_live(self, variant: str) -> bool:
        """Whether an endpoint of it is in use, or about to be tried again."""
        now = self._clock()
        return any(e.breaker.is_live or _is_due(e, now) for e in self.endpoints if e.backend.variant == variant)

    def succeeded(self, endpoint: Endpoint, seconds: float | None = None) -> None:
        """A first token came, after so many seconds; or, without them, the answer went well to its end."""
        now = self._clock()
        if seconds is not None:
            endpoint.speed.add(seconds, now)
            endpoint.well_at = now
        elif endpoint.breaker.is_live:
            endpoint.breaker.succeeded()

    def bring_back(self, endpoint: Endpoint) -> None:
        """It works again: a probe passed, or a request that was sent there to see."""
        now = self._clock()
        endpoint.well_at = now
        if endpoint.breaker.is_live:
            endpoint.breaker.succeeded()
        else:
            endpoint.breaker.bring_back(now)
            self._on_event(Returned(backend=endpoint.backend.name))

    def failed(
        self, endpoint: Endpoint, error: InferenceError, *, waited: float, given: float | None, is_trial: bool = False
    ) -> None:
        """:param given: the seconds that it had for its first token; None when that had come.
        :param is_trial: whether it was left out when it was asked.
        """
        now = self._clock()
        if isinstance(error, FINAL):
            return
        if isinstance(error, Overloaded):
            rest = _REST_SECONDS if error.retry_after is None else min(error.retry_after, _MOST_REST_SECONDS)
            endpoint.rests_until = now + rest
            self._try_later(endpoint, error, is_trial, now)
            return
        if given is not None:
            endpoint.speed.add(max(waited, endpoint.speed.recent(now)), now)  # at least; failing fast is not being fast
            if given <= waited and given < self._policy.patience_seconds:
                return  # it was hurried
        if not endpoint.breaker.is_live:
            self._try_later(endpoint, error, is_trial, now)
            return
        endpoint.breaker.failed(now)
        if endpoint.breaker.is_spent and self._may_eject(endpoint):
            self._out(endpoint, error, now)

    def probe_failed(self, endpoint: Endpoint, error: Exception) -> None:
        if isinstance(error, Overloaded) and endpoint.breaker.is_live:
            return  # it is busy, not broken
        endpoint.breaker.broke(self._clock())
        if not endpoint.breaker.is_live or self._may_eject(endpoint):
            self._out(endpoint, error, self._clock())

    def health(self) -> Health:
        now = self._clock()
        bad = [e.backend.name for e in self.endpoints if not (e.breaker.is_live or _is_due(e, now))]
        bad += [e.backend.name for e in self.endpoints if e.breaker.is_live and e.breaker.is_failing(now)]
        if not bad:
            return FULL
        count = len(self.endpoints)
        names = ", ".join(bad)
        if len(bad) == count:
            what = f"None of the {count} model endpoints works" if count > 1 else "The model's endpoint does not work"
            return Health(state="none", reason=f"{what} ({names}); see their logs.")
        reason = f"{len(bad)} of {count} model endpoints do not work ({names}); answers may take longer."
        return Health(state="degraded", reason=reason)

    def _tiers(self, wanted: str, free: Sequence[Endpoint], now: float) -> Iterator[list[Endpoint]]:
        """The variant's own endpoints, then the stable ones; last those that are left out, better than nothing."""
        names = list(dict.fromkeys((wanted, self.stable)))
        for name in names:
            own = [e for e in free if e.backend.variant == name]
            yield [e for e in own if _is_due(e, now)]
            yield [e for e in own if e.breaker.is_live]
        yield [e for e in free if e.backend.variant in names]

    def _may_eject(self, endpoint: Endpoint) -> bool:
        """Another variant can be left out as a whole, as its users have the stable one."""
        if endpoint.backend.variant != self.stable:
            return True
        peers = [e for e in self.endpoints if e.backend.variant == self.stable]
        out = 1 + sum(not e.breaker.is_live for e in peers)
        return out < len(peers) and out <= max(1, int(self._policy.most_share * len(peers)))

    def _try_later(self, endpoint: Endpoint, error: Exception, is_trial: bool, now: float) -> None:
        """Only when its time had come: a request for want of anything better must not make the wait longer."""
        if is_trial and endpoint.breaker.due is not None and endpoint.breaker.due <= now:
            self._out(endpoint, error, now)

    def _out(self, endpoint: Endpoint, error: Exception, now: float) -> None:
        seconds = endpoint.breaker.eject(now)
        self._on_event(Ejected(backend=endpoint.backend.name, error=type(error).__name__, seconds=seconds))


def _is_due(endpoint: Endpoint, now: float) -> bool:
    """Half-open: without a probe, one request at a time finds out. Another endpoint takes it over if it fails."""
    due = endpoint.breaker.due
    return due is not None and due <= now and not endpoint.backend.probe and not endpoint.trials
