"""What one rendering of a template may use of work, memory and time."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Values inside of a template have any type; each is looked at before it is used.

from __future__ import annotations

import time

MAX_TEXT = 4 << 20
"""Characters of a text in a template, and of all that it writes."""
MAX_VALUES = 100_000
"""In one list, with what is in its lists."""
MAX_BITS = 4_096
"""Of a number."""
_WORK = 5_000_000  # turns, calls and values looked at; known templates need a few dozen for a message
_MADE = 16 * MAX_TEXT  # characters of all texts that are made
_DEPTH = 64  # of lists in lists
_SECONDS = 2.0


class TemplateRefused(Exception):
    """What the template says against the messages, or did against the rules; the text completes "the template …"."""


class Meter:
    """What one rendering has used."""

    def __init__(self, *plain: type) -> None:
        """:param plain: types of values, beside text and numbers, whose text is short."""
        self._plain = plain
        self._work = _WORK
        self._made = _MADE
        self._until = time.monotonic() + _SECONDS

    def spend(self, work: int) -> None:
        self._work -= work
        if self._work < 0 or time.monotonic() > self._until:
            raise TemplateRefused("runs for too long")

    def made(self, characters: int) -> None:
        """Of text, that exists now and may be kept."""
        self._made -= characters
        if characters > MAX_TEXT or self._made < 0:
            raise TemplateRefused("makes too much text")

    def weigh(self, value: object) -> int:
        """Characters in a value of lists, dicts and plain values. What is none of these counts nothing."""
        waiting, looked_at, characters = [(value, 0)], 0, 0
        while waiting:
            item, depth = waiting.pop()
            looked_at += 1
            if isinstance(item, str):
                characters += len(item)
            elif isinstance(item, list | tuple | dict):
                if isinstance(item, dict):
                    waiting += [(each, depth + 1) for each in item]
                    item = item.values()
                if depth >= _DEPTH or len(item) + looked_at + len(waiting) > MAX_VALUES:
                    raise TemplateRefused("makes lists that are too long or too deep")
                waiting += [(each, depth + 1) for each in item]
            elif isinstance(item, int) and item.bit_length() > MAX_BITS:
                raise TemplateRefused("reckons with numbers that are too large")
            if characters > MAX_TEXT:
                raise TemplateRefused("makes too much text")
        self.spend(looked_at)
        return characters

    def printable(self, value: object) -> int:
        """As `weigh`, and refuses what has no text of its own; namespaces can hold each other twice, forty deep."""
        waiting = [value]
        characters = self.weigh(value)
        while waiting:
            item = waiting.pop()
            if isinstance(item, list | tuple):
                waiting += item
            elif isinstance(item, dict):
                waiting += [*item, *item.values()]
            elif not (item is None or isinstance(item, (str, int, float, *self._plain))):
                raise TemplateRefused(f"prints a {type(item).__name__}")
        return characters
