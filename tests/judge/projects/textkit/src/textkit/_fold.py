"""Folding of accented letters to ASCII."""

import unicodedata

_EXTRA = {"ß": "ss", "æ": "ae", "ø": "o", "đ": "d", "ł": "l"}


def fold(text):
    replaced = "".join(_EXTRA.get(char, char) for char in text)
    decomposed = unicodedata.normalize("NFKD", replaced)
    return "".join(char for char in decomposed if not unicodedata.combining(char))
