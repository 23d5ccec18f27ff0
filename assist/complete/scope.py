"""Where a suggestion ends: at the end of the scope that the cursor is in, found while the text still comes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assist.complete.lexical import code, columns, current_line, missing, next_line
from assist.complete.shape import opens
from assist.complete.values import Shape

_MOST_LINES = 16
"""What is longer hides the code around it, and nobody reads it before taking it."""
_GOES_ON = re.compile(r"(?:elif|else|except|finally|catch|rescue|ensure|when|case|and|or|\.|\?|:|&&|\|\|)")
"""How a line begins that goes on with what was opened."""
_CLOSES = re.compile(r"(?:[)\]}]+[;,]?|end|fi|done|esac)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    shape: Shape
    language: str
    base: int
    """Columns of indentation at the cursor."""
    opened: bool
    """Whether the cursor's own line opens the block that is asked for."""
    starts_line: bool
    """Whether there is nothing but indentation before the cursor."""
    closers: str
    """Brackets that the suggestion has to close."""
    below: str
    """The next line that is there already, stripped."""
    tab_size: int = 4


def scope_at(before: str, after: str, language: str, shape: Shape, *, tab_size: int = 4) -> Scope:
    line = current_line(before)
    return Scope(
        shape=shape,
        language=language,
        base=columns(line, tab_size),
        opened=bool(line.strip()) and opens(line, language),
        starts_line=not line.strip(),
        closers=missing(before, after, language) if shape == "block" else "",
        below=next_line(after).strip(),
        tab_size=tab_size,
    )


def end_of_scope(text: str, scope: Scope, *, is_whole: bool = False) -> int | None:
    """The code point at which the text leaves the scope; None while it does not.

    Only lines that are whole count, so that the answer is the same however the text was cut into pieces.

    :param is_whole: nothing follows the text.
    """
    if scope.shape == "line":
        return _end_of_line(text)
    lines = text.split("\n")
    whole = len(lines) if is_whole else len(lines) - 1
    at, kept, depth, blank = 0, 0, 0, 0
    base = scope.base
    for number, line in enumerate(lines[:whole]):
        end = at + len(line)
        stripped = line.strip()
        if number == 0:
            depth = _depth(line, scope.language)
            kept, at = end, end + 1
            if depth < -len(scope.closers):
                return None if scope.closers else end
            if scope.starts_line and not scope.base and stripped:
                base = columns(line, scope.tab_size)  # nothing was indented yet: the first line says how deep it is
            continue
        if not stripped:
            blank += 1
            if blank > 1 or (base == 0 and not scope.opened and kept and text[:kept].strip()):
                return kept
            at = end + 1
            continue
        width = columns(line, scope.tab_size)
        closing = _CLOSES.match(stripped) is not None
        after = depth + _depth(line, scope.language)
        if number >= _MOST_LINES or width < base or (stripped == scope.below and len(stripped) > 1 and not closing):
            return kept
        if after < -len(scope.closers):
            return kept
        if scope.opened and width == base:
            if closing:
                wanted = bool(scope.closers) or (stripped[0].isalpha() and stripped != scope.below)
                return end if wanted or depth > 0 else kept
            if not _GOES_ON.match(stripped) and stripped[0] not in ")]}" and depth <= 0:
                return kept
        depth, kept, at, blank = after, end, end + 1, 0
        if scope.closers and depth <= -len(scope.closers):
            return end
    return None


def _end_of_line(text: str) -> int | None:
    end = text.find("\n")
    return None if end < 0 else end


def _depth(line: str, language: str) -> int:
    """How much deeper a line's end is in brackets than its beginning."""
    plain = code(line, language)
    return sum(plain.count(sign) for sign in "([{") - sum(plain.count(sign) for sign in ")]}")
