"""Spans of time, closed at the start and open at the end: 9 to 10 and 10 to 11 do not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Interval:
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("an interval must end after it starts")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: Interval) -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def clipped(self, to: Interval) -> Interval | None:
        """The part inside another interval, or None when they do not overlap."""
        if not self.overlaps(to):
            return None
        return Interval(max(self.start, to.start), min(self.end, to.end))


def merged(intervals: list[Interval]) -> list[Interval]:
    """The same time, as few intervals as possible, in order."""
    result: list[Interval] = []
    for interval in sorted(intervals):
        if result and interval.start <= result[-1].end:
            last = result.pop()
            result.append(Interval(last.start, max(last.end, interval.end)))
        else:
            result.append(interval)
    return result
