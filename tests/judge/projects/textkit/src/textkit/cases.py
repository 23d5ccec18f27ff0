"""Identifiers in several cases."""

import re

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def words_of(identifier):
    return [word.lower() for word in _WORD.findall(identifier)]


def snake(identifier):
    return "_".join(words_of(identifier))


def kebab(identifier):
    return "-".join(words_of(identifier))


def camel(identifier, upper=False):
    words = words_of(identifier)
    if not words:
        return ""
    first = words[0].capitalize() if upper else words[0]
    return first + "".join(word.capitalize() for word in words[1:])
