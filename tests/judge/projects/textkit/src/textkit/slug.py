"""Slugs for addresses."""

import re

from textkit._fold import fold


def slugify(text, separator="-", max_length=None):
    """Return an ASCII slug: lower case words joined by one separator."""
    folded = fold(text.lower())
    slug = re.sub(r"[^a-z0-9]", separator, folded)
    slug = slug.strip(separator)
    if max_length is not None:
        slug = _shorten(slug, separator, max_length)
    return slug


def unique_slug(text, taken, separator="-"):
    """Return a slug that is not in `taken`, with a number added when needed."""
    base = slugify(text, separator)
    if base not in taken:
        return base
    number = 2
    while f"{base}{separator}{number}" in taken:
        number += 1
    return f"{base}{separator}{number}"


def _shorten(slug, separator, max_length):
    if len(slug) <= max_length:
        return slug
    cut = slug[: max_length + 1]
    if separator in cut:
        cut = cut.rsplit(separator, 1)[0]
    return cut[:max_length]
