"""One line or several: by what the place can hold."""

from __future__ import annotations

import re
from typing import Literal

from assist.complete.lexical import columns, current_line, in_code, is_indented, is_prose, last_line, next_line
from assist.complete.values import Shape

_OPENS = re.compile(r"(?:[\[({:]|=>|->|\b(?:do|then|begin|else|try)|\|\w*(?:,\s*\w+)*\|)\s*$")
"""How a line ends after which a block begins, in the languages of the table."""
_COLON_LANGUAGES = re.compile(r":\s*$")
_LEADS = re.compile(r"\s*(?:#|//|/\*|\*|--|;;|@\w|\"\"\"|''')")
"""A comment or a decorator: the block that it is about follows."""


def shape_of(before: str, after: str, language: str, wish: Literal["auto", "always", "never"] = "auto") -> Shape:
    """A block where one begins: behind what opens it, and on an empty line below that or below a comment or decorator.

    Otherwise the rest of the line, and so always in comments, strings and prose, and where text follows in the line.
    """
    if wish != "auto":
        return "block" if wish == "always" else "line"
    line = current_line(before)
    rest = after.partition("\n")[0]
    if is_prose(language) or rest.strip() or line.rstrip().endswith("(") or not in_code(before, after, language):
        return "line"
    if line.strip():
        return "block" if opens(line, language) and _is_empty_below(line, after) else "line"
    above = last_line(before)
    if not above:
        return "line"
    if opens(above, language):
        return "block" if columns(next_line(after)) <= columns(above) else "line"
    return "block" if _LEADS.match(above) else "line"


def opens(line: str, language: str) -> bool:
    """Whether a block begins behind a line."""
    if is_indented(language):
        return _COLON_LANGUAGES.search(line) is not None or line.rstrip().endswith(("(", "[", "{"))
    return _OPENS.search(line) is not None


def _is_empty_below(line: str, after: str) -> bool:
    """Whether the block that the line opens has nothing in it yet."""
    return columns(next_line(after)) <= columns(line)
