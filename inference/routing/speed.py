"""How slow an endpoint has been lately. Pure: the caller brings the time."""

from __future__ import annotations

import math

_MEMORY_SECONDS = 10.0  # as Finagle's `decayTime`


class Speed:
    """The recent time to first token: a moving average that rises at once and sinks slowly ("peak EWMA", from Twitter's
    Finagle). It is forgotten with time, so that an endpoint which was slow is tried again.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._at = 0.0

    def add(self, seconds: float, now: float) -> None:
        kept = math.exp(-max(0.0, now - self._at) / _MEMORY_SECONDS)
        self._seconds = seconds if seconds > self._seconds else self._seconds * kept + seconds * (1 - kept)
        self._at = now

    def recent(self, now: float) -> float:
        """Seconds; 0 for one that is not known."""
        return self._seconds * math.exp(-max(0.0, now - self._at) / _MEMORY_SECONDS)
