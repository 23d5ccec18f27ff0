"""When a second endpoint is asked as well, because the first is slow: "hedged requests" in Dean and Barroso, "The Tail
at Scale", Communications of the ACM 56 (2013), who wait for the 95th percentile and so add five in a hundred requests.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_SAMPLES = 200  # first tokens, of which the percentile is
_FEWEST = 20  # of them; before, a percentile says nothing
_MOST_CREDIT = 3.0  # hedges in a row after a quiet time


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedging:
    """After `seconds`, or after as long as `percentile` of 100 first tokens take lately; one of the two."""

    seconds: float | None = None
    percentile: float | None = None
    share: float = 0.05
    """The most of requests that are sent twice."""

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.percentile is None):
            raise ValueError("Hedging waits either for seconds or for a percentile.")
        if not (self.seconds or self.percentile or 0) > 0 or (self.percentile or 0) >= 100 or not 0 < self.share <= 1:
            raise ValueError("Hedging's wait is above 0, a percentile is below 100, and its share is of 1.")


class Hedge:
    """Every request pays in a share of one hedge, and each hedge takes a whole one out."""

    def __init__(self, hedging: Hedging) -> None:
        self._hedging = hedging
        self._times: deque[float] = deque(maxlen=_SAMPLES)
        self._credit = 1.0

    def requested(self) -> None:
        self._credit = min(_MOST_CREDIT, self._credit + self._hedging.share)

    def answered(self, seconds: float) -> None:
        """:param seconds: to a first token."""
        self._times.append(seconds)

    def after(self) -> float | None:
        """Seconds to wait for a first token; None when there shall be no hedge."""
        if self._credit < 1:
            return None
        if self._hedging.seconds is not None:
            return self._hedging.seconds
        if len(self._times) < _FEWEST:
            return None
        times = sorted(self._times)
        return times[min(len(times) - 1, int(len(times) * (self._hedging.percentile or 0) / 100))]

    def take(self) -> bool:
        """Whether there may be one now, which is then paid for."""
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
