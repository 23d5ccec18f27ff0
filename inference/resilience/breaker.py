"""When one endpoint is left out, and when it is tried again. Pure: the caller brings the time.

Closed, open and half-open as in Nygard, "Release It!" (2007), section 5.2; how long it stays open doubles as for
Envoy's ejection times, with "equal jitter" ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that
many clients do not come back to an endpoint together.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

_MOST_DOUBLINGS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    failures: int = 3
    """In a row, after which the endpoint is left out. Envoy takes 5, and has far more requests in a second."""
    base_seconds: float = 5.0
    """The longest first time; it doubles each time. Short, as one probe or one request is all that it costs."""
    most_seconds: float = 300.0
    memory_seconds: float = 30.0
    """After which the failures of an endpoint that is in use say nothing about how it is now."""

    def __post_init__(self) -> None:
        if self.failures < 1 or not 0 < self.base_seconds <= self.most_seconds:
            raise ValueError("At least one failure ejects, and an ejection's times are above 0 and in order.")


class Breaker:
    def __init__(self, policy: BreakerPolicy, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._policy = policy
        self._draw = draw
        self._failures = 0
        self._ejections = 0
        self._failed_at = float("-inf")
        self._until: float | None = None
        self._returned = float("-inf")

    @property
    def is_live(self) -> bool:
        return self._until is None

    @property
    def is_spent(self) -> bool:
        """Whether it has failed often enough; it may be live all the same, when nothing else is left."""
        return self._failures >= self._policy.failures

    @property
    def due(self) -> float | None:
        """When to try it again; None for one that is live."""
        return self._until

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, now: float) -> None:
        self._failures += 1
        self._failed_at = now

    def broke(self, now: float) -> None:
        """A failure that needs no others beside it."""
        self._failures = max(self._failures, self._policy.failures)
        self._failed_at = now

    def is_failing(self, now: float) -> bool:
        """Whether it is spent, and failed a short while ago. Later nobody knows."""
        return self.is_spent and now - self._failed_at < self._policy.memory_seconds

    def eject(self, now: float) -> float:
        """For how many seconds. Called again for one that is out, it stays out longer."""
        if self.is_live and now - self._returned > self._policy.most_seconds:
            self._ejections = 0  # it was well for long
        longest = min(self._policy.most_seconds, self._policy.base_seconds * 2 ** min(self._ejections, _MOST_DOUBLINGS))
        self._ejections += 1
        seconds = self._draw(longest / 2, longest)
        self._until = now + seconds
        return seconds

    def bring_back(self, now: float) -> None:
        self._until = None
        self._failures = 0
        self._returned = now
