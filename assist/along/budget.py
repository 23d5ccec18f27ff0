"""Seconds that may be spent in any hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

HOUR = 3600.0


class Spending:
    """What was spent, forgotten an hour later."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """:param clock: seconds that only grow."""
        self._clock = clock
        self._spent: deque[tuple[float, float]] = deque()

    def spend(self, seconds: float) -> None:
        self._spent.append((self._clock(), max(0.0, seconds)))

    def left(self, per_hour: float) -> float:
        """Seconds, never less than none."""
        while self._spent and self._clock() - self._spent[0][0] >= HOUR:
            self._spent.popleft()
        return max(0.0, per_hour - sum(seconds for _, seconds in self._spent))
