import re

from units.convert import dimension_of
from units.errors import UnitError
from units.quantity import Quantity

_PATTERN = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def parse_quantity(text):
    """Parse text such as ``12 km`` or ``-3.5C``."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise UnitError(f"not a quantity: {text!r}")
    value, unit = match.groups()
    dimension_of(unit)
    return Quantity(float(value), unit)
