import pytest

from roombook import Interval, Tariff, price

TARIFF = Tariff(per_hour=4000, per_day=20000)


@pytest.mark.parametrize(
    ("start", "end", "cents"),
    [((9, 0), (10, 0), 4000), ((9, 0), (9, 40), 4000), ((9, 0), (9, 30), 2000), ((8, 0), (16, 0), 20000)],
)
def test_by_the_started_half_hour(at, start, end, cents):
    assert price(Interval(at(*start), at(*end)), TARIFF) == cents


def test_evenings_cost_more(at):
    assert price(Interval(at(16), at(17)), TARIFF) == 4800
