"""Sizes such as 10k, 4 MiB or 1.5G; the units are powers of 1024."""

import re

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?")


def parse_size(text):
    """Return a number of bytes."""
    match = _PATTERN.match(text.strip().lower())
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    number, unit = match.groups()
    return int(float(number) * _UNITS[unit])


def format_size(count):
    """Return the shortest text for a number of bytes."""
    for unit in ("t", "g", "m", "k"):
        factor = _UNITS[unit]
        if count >= factor and count % factor == 0:
            return f"{count // factor}{unit}"
    return str(count)
