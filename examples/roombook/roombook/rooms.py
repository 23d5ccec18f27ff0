"""Which of several rooms to take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .calendar import Calendar
from .interval import Interval


@dataclass
class Room:
    name: str
    seats: int
    equipment: frozenset[str] = frozenset()
    calendar: Calendar = field(default_factory=Calendar)

    def is_free(self, when: Interval) -> bool:
        return not any(taken.overlaps(when) for taken in self.calendar.busy(when.start))

    def suits(self, people: int, needs: frozenset[str]) -> bool:
        return self.seats >= people and needs <= self.equipment


def choose(rooms: Iterable[Room], when: Interval, people: int, needs: frozenset[str] = frozenset()) -> Room | None:
    """The smallest free room that suits, the first by name among equals."""
    suitable = [room for room in rooms if room.suits(people, needs) and room.is_free(when)]
    return min(suitable, key=lambda room: (room.seats, room.name), default=None)
