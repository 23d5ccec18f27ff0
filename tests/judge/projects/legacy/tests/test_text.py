from dates import format_date, parse_date
from journal import line, total


def test_format():
    assert format_date(1999, 8, 3) == "3 août 1999"


def test_parse():
    assert parse_date("3 août 1999") == (1999, 8, 3)


def test_round_trip():
    for month in range(1, 13):
        assert parse_date(format_date(2001, month, 9)) == (2001, month, 9)


def test_line():
    assert line((2001, 2, 9), "thé", 120) == "9 février 2001 | thé | +120"
    assert line((2001, 2, 9), "thé", -5).endswith("-5")


def test_total():
    assert total(["a | b | +5", "a | b | -7"]) == -2
