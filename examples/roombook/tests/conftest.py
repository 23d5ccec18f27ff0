from datetime import datetime

import pytest

from roombook import Calendar, Interval


@pytest.fixture
def at():
    """`at(9)` to `at(10, 30)` on a Monday in March."""
    return lambda hour, minute=0, day=2: datetime(2026, 3, day, hour, minute)


@pytest.fixture
def room(at):
    """A room with two bookings: 9:00 to 10:00 and 11:00 to 12:30."""
    calendar = Calendar(opens=8, closes=18)
    calendar.book(Interval(at(9), at(10)), by="ada")
    calendar.book(Interval(at(11), at(12, 30)), by="grace")
    return calendar
