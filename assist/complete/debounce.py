"""How long to wait for the typing to rest: as long as this person takes from key to key, less what the model takes.

Tabby's `debouncer.ts` does the same: the average interval between keys, less the measured response time, clamped. A
model that is slow itself gives the person the time to go on typing, so waiting before it asks is wasted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_PAUSE = 1.5
"""Seconds. A longer interval is somebody thinking, and says nothing of how fast they type."""
_WEIGHT = 0.2
"""Of the newest measurement in an average; five of them count nearly alone."""
_ASSUMED = 0.18
"""Seconds from key to key before anything is known: 67 words a minute."""
_MARGIN = 1.3
"""Times the average interval, so that most of the keys that follow come within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    interval: float = _ASSUMED
    """Seconds from key to key, on average."""
    response: float = 0.0
    """Seconds from a request to the model's answer, on average."""
    last: float | None = None
    """When the last key was, by the caller's clock."""


def typed(pace: Pace, now: float) -> Pace:
    """After a key."""
    if pace.last is None or not 0.0 < (gap := now - pace.last) <= _PAUSE:
        return replace(pace, last=now)
    return replace(pace, interval=pace.interval + _WEIGHT * (gap - pace.interval), last=now)


def answered(pace: Pace, seconds: float) -> Pace:
    """After an answer of the model."""
    if pace.response == 0.0:
        return replace(pace, response=seconds)
    return replace(pace, response=pace.response + _WEIGHT * (seconds - pace.response))


def wait(pace: Pace, *, least: float, most: float) -> float:
    """Seconds to wait before the model is asked."""
    return min(max(pace.interval * _MARGIN - pace.response, least), max(least, most))
