"""The converter between JSON and LSP types: strict about types, and cheap when it refuses."""

from __future__ import annotations

from functools import cache
from typing import Any

import cattrs
from lsprotocol import converters


@cache
def strict_converter() -> cattrs.Converter:
    """A converter that refuses what it would otherwise coerce: 5 for a string, "5" or true for a number.

    Without cattrs' detailed validation, which adds notes to an exception per nested level: thousands of bad
    messages would cost seconds and megabytes. One is enough for the process: building it takes 20 ms.
    """
    converter = converters.get_converter(cattrs.Converter(detailed_validation=False))
    # These are also used for the enumerations made of them, hence `kind`.
    converter.register_structure_hook(str, _string)
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(bool, _boolean)
    return converter


def reason(error: Exception) -> str:
    """Why a message could not be decoded, without quoting any of its values."""
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return f"{error.args[0]!r} is missing"
    return "a value has the wrong type or is not one of those allowed"


def _string(value: Any, kind: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value if kind is str else kind(value)


def _integer(value: Any, kind: Any) -> int:
    if isinstance(value, float) and value.is_integer():  # some clients have one type for all numbers
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an integer")
    return value if kind is int else kind(value)


def _boolean(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not a boolean")
    return value
