"""What can be told of a place in code by its words and signs alone, in any language and in a fraction of a millisecond.

A parse of 64 kB takes 8 ms, and the event loop has other requests; comments and strings are found by the language's
own patterns in a hundredth of that.
"""

from __future__ import annotations

import re
from functools import lru_cache

from retrieval.chunking.languages import TEXT, Language, language_named
from retrieval.chunking.references import code_only

_CURSOR = "\x01"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_OPENERS = frozenset(_PAIRS.values())
_BRACKET = re.compile(r"[()\[\]{}]")
_PROSE = frozenset({TEXT, "markdown", "rst", "html", "xml"})
_INDENTED = frozenset({"python", "yaml", "haskell", "makefile", "toml"})
"""Blocks end where the indentation does, and no sign says so."""
WINDOW = 16_000
"""Code points on each side of the cursor that are looked at."""


@lru_cache
def language(name: str) -> Language:
    """A language by its name; plain text for one that is not known."""
    try:
        return language_named(name)
    except KeyError:
        return language_named(TEXT)


def is_indented(name: str) -> bool:
    return name in _INDENTED


def is_prose(name: str) -> bool:
    return name in _PROSE


def code(text: str, name: str) -> str:
    """The text with a space for each comment and string."""
    return code_only(text.encode("utf-8", "replace"), language(name).lexis).decode("utf-8", "replace")


def in_code(before: str, after: str, name: str) -> bool:
    """Whether the cursor stands in code, and not in a comment or a string."""
    line_end = after.find("\n")
    rest = after if line_end < 0 else after[:line_end]
    near = before[-WINDOW:]
    near = near[near.find("\n") + 1 :] if len(before) > WINDOW else near
    return _CURSOR in code(f"{near}{_CURSOR}{rest}", name)


def unclosed(text: str) -> str:
    """The closing brackets that are missing at the end of code, the innermost first."""
    stack: list[str] = []
    for sign in _BRACKET.findall(text):
        if sign in _OPENERS:
            stack.append(sign)
        elif stack and stack[-1] == _PAIRS[sign]:
            stack.pop()
    closers = {opener: closer for closer, opener in _PAIRS.items()}
    return "".join(closers[opener] for opener in reversed(stack))


def unopened(text: str) -> str:
    """The closing brackets in code that nothing in it opened, in order."""
    stack: list[str] = []
    found: list[str] = []
    for sign in _BRACKET.findall(text):
        if sign in _OPENERS:
            stack.append(sign)
        elif stack and stack[-1] == _PAIRS[sign]:
            stack.pop()
        elif not stack:
            found.append(sign)
    return "".join(found)


def missing(before: str, after: str, name: str) -> str:
    """The closing brackets that are wanted at the cursor: open before it, and not closed behind it."""
    above, below = before[-WINDOW:], after[:WINDOW]
    whole = code(f"{above}{_CURSOR}{below}", name)
    if _CURSOR not in whole:  # in a string, which ends somewhere behind the cursor
        return unclosed(whole)
    wanted, there = (side(part) for side, part in zip((unclosed, unopened), whole.split(_CURSOR, 1), strict=True))
    return wanted[: len(wanted) - len(there)] if len(there) < len(wanted) else ""


def columns(line: str, tab_size: int = 4) -> int:
    """The width of a line's indentation."""
    width = 0
    for sign in line:
        if sign == " ":
            width += 1
        elif sign == "\t":
            width += tab_size - width % tab_size
        else:
            break
    return width


def current_line(before: str) -> str:
    """Of the cursor, up to it."""
    return before[before.rfind("\n") + 1 :]


def last_line(before: str) -> str:
    """The last line above the cursor's that has text; empty without one."""
    above = before[: before.rfind("\n") + 1].rstrip()
    return above[above.rfind("\n") + 1 :]


def next_line(after: str) -> str:
    """The first line below the cursor's that has text, without its line break; empty without one."""
    end = after.find("\n")
    if end < 0:
        return ""
    for line in after[end + 1 : end + 1 + WINDOW].split("\n"):
        if line.strip():
            return line.rstrip()
    return ""
