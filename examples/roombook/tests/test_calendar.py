from datetime import timedelta

import pytest

from roombook import Clash, Interval


def test_a_taken_room_cannot_be_booked(room, at):
    with pytest.raises(Clash, match="ada has the room until 10:00"):
        room.book(Interval(at(9, 30), at(10, 30)), by="alan")


def test_a_booking_may_begin_when_another_ends(room, at):
    assert room.book(Interval(at(10), at(11)), by="alan").by == "alan"


def test_a_closed_room_cannot_be_booked(room, at):
    with pytest.raises(Clash, match="closed"):
        room.book(Interval(at(17), at(19)), by="alan")


def test_cancelling_frees_the_room(room, at):
    room.cancel(room.bookings[0])
    assert room.busy(at(8)) == [Interval(at(11), at(12, 30))]


def test_openings_lie_between_bookings(room, at):
    half_an_hour = timedelta(minutes=30)
    assert room.openings(at(8), half_an_hour) == [
        Interval(at(8), at(9)),
        Interval(at(10), at(11)),
        Interval(at(12, 30), at(18)),
    ]


def test_short_openings_are_left_out(room, at):
    assert room.openings(at(8), timedelta(minutes=90)) == [Interval(at(12, 30), at(18))]


def test_an_opening_may_fit_exactly(room, at):
    assert room.openings(at(8), timedelta(hours=1)) == [
        Interval(at(8), at(9)),
        Interval(at(10), at(11)),
        Interval(at(12, 30), at(18)),
    ]


def test_an_empty_day_is_one_opening(room, at):
    assert room.openings(at(8, day=3), timedelta(hours=10)) == [Interval(at(8, day=3), at(18, day=3))]


def test_the_next_opening_is_not_in_the_past(room, at):
    assert room.next_opening(at(12), timedelta(hours=1)) == Interval(at(12, 30), at(13, 30))


def test_the_next_opening_may_be_tomorrow(room, at):
    assert room.next_opening(at(17, 30), timedelta(hours=1)) == Interval(at(8, day=3), at(9, day=3))
