import pytest

from units import IncompatibleUnits, UnknownUnit, convert, dimension_of


@pytest.mark.parametrize(
    "value, source, target, expected",
    [
        (1, "km", "m", 1000),
        (2.54, "cm", "in", 1),
        (3, "ft", "in", 36),
        (1, "lb", "kg", 0.45359237),
        (90, "min", "h", 1.5),
    ],
)
def test_factors(value, source, target, expected):
    assert convert(value, source, target) == pytest.approx(expected)


@pytest.mark.parametrize(
    "celsius, fahrenheit",
    [(0, 32), (100, 212), (-40, -40), (37, 98.6)],
)
class TestTemperature:
    def test_from_fahrenheit(self, celsius, fahrenheit):
        assert convert(fahrenheit, "F", "C") == pytest.approx(celsius)

    def test_to_fahrenheit(self, celsius, fahrenheit):
        assert convert(celsius, "C", "F") == pytest.approx(fahrenheit)


def test_kelvin():
    assert convert(0, "C", "K") == pytest.approx(273.15)


def test_unknown_unit():
    with pytest.raises(UnknownUnit, match="parsec") as caught:
        convert(1, "parsec", "m")
    assert caught.value.name == "parsec"


def test_incompatible():
    with pytest.raises(IncompatibleUnits):
        convert(1, "m", "kg")


def test_dimension():
    assert dimension_of("K") == "temperature"
