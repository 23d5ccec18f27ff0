"""Templates that change a regular expression, or a format, by one sign."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope

_CALLS = frozenset({"compile", "sub", "subn", "match", "search", "fullmatch", "findall", "finditer", "split"})
# One atom of a pattern and its quantifier: a class, an escape, the end of a group, or a plain character.
_ATOM = re.compile(r"(\[\^?\]?[^\]]*\]|\\.|\)|[^\\\[\](){}*+?|^$])([*+?]\??|\{\d*,?\d*\}\??)?")
_LONGEST = 120  # characters of a pattern
_QUANTIFIERS = {
    "": ("+", "*", "?"),
    "+": ("*", "", "+?"),
    "*": ("+", "*?", ""),
    "?": ("", "*"),
    "*?": ("*",),
    "+?": ("+",),
}


def pattern(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`[^a-z]` becomes `[^a-z]+`; an anchor comes or goes; a dot is escaped."""
    del clues
    for node in scope.each(ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0] if node.args else None
        if name not in _CALLS or not isinstance(first, ast.Constant) or not isinstance(first.value, str | bytes):
            continue
        start, _ = scope.source.span(first)
        literal = scope.source.text(first)
        opening = re.match(r"[rRbBuU]*('''|\"\"\"|'|\")", literal)
        if opening is None or len(literal) > _LONGEST or not literal.isascii() or "\n" in literal:
            continue
        quote = len(opening.group(1))
        begin, stop = opening.end(), len(literal) - quote
        body, is_raw = literal[begin:stop], "r" in literal[:begin].lower()
        if "\\" in body and not is_raw:
            continue
        for at, upto, new, weight in _variants(body):
            new = new if is_raw else new.replace("\\", "\\\\")
            title = f"match {_brief(body[:at] + new + body[upto:])} instead of {_brief(body)}"
            yield scope.splice((start + begin + at, start + begin + upto), new, first, "pattern", title, weight)


def _variants(body: str) -> Iterator[tuple[int, int, str, float]]:
    """(start, end, text, weight) of each small change of a pattern."""
    for found in _ATOM.finditer(body):
        quantifier = found.group(2) or ""
        likely = 0.9 if found.group(1)[0] in "[\\)." else 0.3
        for other in _QUANTIFIERS.get(quantifier, ()):
            yield found.end(1), found.end(), other, likely
        if found.group(1) == ".":
            yield found.start(), found.end(1), r"\.", 0.7
        elif found.group(1).startswith("[^"):
            yield found.start(), found.start() + 2, "[", 0.4
        elif found.group(1).startswith("["):
            yield found.start(), found.start() + 1, "[^", 0.3
        for one, other in (r"\d", r"\w"), (r"\w", r"\d"), (r"\w", r"\S"), (r"\s", " "), (r"\b", ""):
            if found.group(1) == one:
                yield found.start(), found.end(1), other, 0.3
    if body.startswith("^"):
        yield 0, 1, "", 0.5
    else:
        yield 0, 0, "^", 0.5
    if body.endswith("$") and not body.endswith(r"\$"):
        yield len(body) - 1, len(body), "", 0.5
    else:
        yield len(body), len(body), "$", 0.5


def _brief(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"
