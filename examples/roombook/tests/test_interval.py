import pytest

from roombook.interval import Interval, merged


def test_neighbours_do_not_overlap(at):
    assert not Interval(at(9), at(10)).overlaps(Interval(at(10), at(11)))


def test_a_shared_minute_is_an_overlap(at):
    assert Interval(at(9), at(10, 1)).overlaps(Interval(at(10), at(11)))


def test_the_end_is_outside(at):
    interval = Interval(at(9), at(10))
    assert interval.contains(at(9))
    assert not interval.contains(at(10))


def test_must_end_after_it_starts(at):
    with pytest.raises(ValueError):
        Interval(at(10), at(10))


def test_clipping(at):
    day = Interval(at(8), at(18))
    assert Interval(at(7), at(9)).clipped(day) == Interval(at(8), at(9))
    assert Interval(at(6), at(7)).clipped(day) is None


def test_merging_joins_neighbours(at):
    parts = [Interval(at(11), at(12)), Interval(at(9), at(10)), Interval(at(10), at(11))]
    assert merged(parts) == [Interval(at(9), at(12))]
