"""Amounts in cents, parsed from and formatted as text."""


def parse_amount(text):
    """Return the cents in a text such as ``12.34``, ``12`` or ``-0.5``."""
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-")
    if not text:
        raise ValueError("empty amount")
    whole, _, fraction = text.partition(".")
    if len(fraction) > 2:
        raise ValueError(f"more than two decimals: {text}")
    fraction = fraction.ljust(2, "0")
    return sign * (int(whole or "0") * 100 + int(fraction))


def format_amount(cents):
    """Return cents as text with two decimals and a thousands separator."""
    sign = "-" if cents < 0 else ""
    whole, fraction = divmod(abs(cents), 100)
    return f"{sign}{whole:,}.{fraction:02d}"


def split_evenly(cents, ways):
    """Split an amount so that the parts differ by at most one cent and sum to the whole."""
    if ways < 1:
        raise ValueError("ways must be positive")
    base, rest = divmod(cents, ways)
    return [base + 1 if i < rest else base for i in range(ways)]
