import pytest

from money import format_amount, parse_amount, split_evenly


def test_parse_whole():
    assert parse_amount("12") == 1200


def test_parse_decimals():
    assert parse_amount("12.34") == 1234
    assert parse_amount("0.5") == 50


def test_parse_negative():
    assert parse_amount("-1.05") == -105


def test_parse_rejects_nothing():
    with pytest.raises(ValueError):
        parse_amount("  ")


def test_parse_rejects_three_decimals():
    with pytest.raises(ValueError, match="more than two"):
        parse_amount("1.234")


def test_format():
    assert format_amount(123456) == "1,234.56"
    assert format_amount(-5) == "-0.05"


def test_split():
    assert split_evenly(100, 3) == [34, 33, 33]
    assert sum(split_evenly(101, 7)) == 101
