import pytest

from units import Quantity, UnitError, parse_quantity


@pytest.mark.parametrize(
    "text, value, unit",
    [("12 km", 12, "km"), ("-3.5C", -3.5, "C"), ("  7  lb ", 7, "lb")],
)
def test_parse(text, value, unit):
    quantity = parse_quantity(text)
    assert (quantity.value, quantity.unit) == (value, unit)


@pytest.mark.parametrize("text", ["", "km", "12", "1 2 km", "12 parsec"])
def test_parse_rejects(text):
    with pytest.raises(UnitError):
        parse_quantity(text)


def test_equality_across_units():
    assert Quantity(1, "km") == Quantity(1000, "m")
    assert Quantity(1, "km") != Quantity(1, "m")
    assert Quantity(1, "km") != Quantity(1, "kg")


def test_add():
    assert (Quantity(1, "h") + Quantity(30, "min")).value == pytest.approx(1.5)


def test_text():
    assert str(Quantity(2.0, "h")) == "2 h"
