"""One room's bookings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from .interval import Interval, merged


class Clash(Exception):
    """The room is taken, or closed, at that time."""


@dataclass(frozen=True)
class Booking:
    when: Interval
    by: str


class Calendar:
    def __init__(self, opens: int = 8, closes: int = 18) -> None:
        self.opens = time(opens)
        self.closes = time(closes)
        self._bookings: list[Booking] = []

    @property
    def bookings(self) -> list[Booking]:
        return sorted(self._bookings, key=lambda booking: booking.when)

    def book(self, when: Interval, by: str) -> Booking:
        hours = self.hours(when.start)
        if when.start < hours.start or when.end > hours.end:
            raise Clash(f"the room is closed at {when.start:%H:%M}")
        for other in self._bookings:
            if other.when.overlaps(when):
                raise Clash(f"{other.by} has the room until {other.when.end:%H:%M}")
        booking = Booking(when, by)
        self._bookings.append(booking)
        return booking

    def cancel(self, booking: Booking) -> None:
        self._bookings.remove(booking)

    def hours(self, day: datetime) -> Interval:
        """When the room is open on that day."""
        return Interval(datetime.combine(day, self.opens), datetime.combine(day, self.closes))

    def busy(self, day: datetime) -> list[Interval]:
        """When the room is taken on that day, in order, without gaps of no length."""
        hours = self.hours(day)
        parts = [booking.when.clipped(hours) for booking in self._bookings]
        return merged([part for part in parts if part is not None])

    def openings(self, day: datetime, length: timedelta) -> list[Interval]:
        """The free intervals of a day that are long enough for a meeting of that length."""
        hours = self.hours(day)
        found: list[Interval] = []
        cursor = hours.start
        for taken in self.busy(day):
            if taken.start - cursor > length:
                found.append(Interval(cursor, taken.start))
            cursor = taken.end
        if hours.end - cursor >= length:
            found.append(Interval(cursor, hours.end))
        return found

    def next_opening(self, after: datetime, length: timedelta, days: int = 5) -> Interval | None:
        """The first free time of that length, on one of the coming days."""
        for offset in range(days):
            for opening in self.openings(after + timedelta(days=offset), length):
                start = max(opening.start, after)
                if start + length <= opening.end:
                    return Interval(start, start + length)
        return None
