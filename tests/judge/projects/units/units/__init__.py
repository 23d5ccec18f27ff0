"""Quantities with units."""

from units.convert import convert, dimension_of
from units.errors import IncompatibleUnits, UnitError, UnknownUnit
from units.parse import parse_quantity
from units.quantity import Quantity

__all__ = [
    "IncompatibleUnits",
    "Quantity",
    "UnitError",
    "UnknownUnit",
    "convert",
    "dimension_of",
    "parse_quantity",
]
