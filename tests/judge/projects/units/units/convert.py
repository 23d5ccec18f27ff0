from units.errors import IncompatibleUnits, UnknownUnit
from units.table import FACTORS, TEMPERATURES


def dimension_of(unit):
    if unit in TEMPERATURES:
        return "temperature"
    try:
        return FACTORS[unit][0]
    except KeyError:
        raise UnknownUnit(unit) from None


def convert(value, source, target):
    """Convert a value between two units of the same dimension."""
    if dimension_of(source) != dimension_of(target):
        raise IncompatibleUnits(source, target)
    if source in TEMPERATURES:
        return _from_celsius(_to_celsius(value, source), target)
    return value * FACTORS[source][1] / FACTORS[target][1]


def _to_celsius(value, unit):
    if unit == "F":
        return (value - 32) * 5 / 9
    if unit == "K":
        return value - 273.15
    return value


def _from_celsius(value, unit):
    if unit == "F":
        return (value + 32) * 9 / 5
    if unit == "K":
        return value + 273.15
    return value
