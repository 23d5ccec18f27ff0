from roombook import Interval, Room, choose


def test_takes_the_smallest_that_suits(at):
    rooms = [Room("hall", 80), Room("den", 4), Room("loft", 12)]
    assert choose(rooms, Interval(at(9), at(10)), people=5).name == "loft"


def test_needs_are_met(at):
    rooms = [Room("den", 4), Room("studio", 8, frozenset({"screen"}))]
    assert choose(rooms, Interval(at(9), at(10)), people=2, needs=frozenset({"screen"})).name == "studio"


def test_taken_rooms_are_left_out(at):
    den, loft = Room("den", 4), Room("loft", 12)
    den.calendar.book(Interval(at(9), at(10)), by="ada")
    assert choose([den, loft], Interval(at(9, 30), at(10)), people=2) is loft
    assert choose([den], Interval(at(9, 30), at(10)), people=2) is None
