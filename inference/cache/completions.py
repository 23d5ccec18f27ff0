"""Completions that need no request, because the user types what they say.

Tabby stores a completion also under each context that arises when its next characters are typed ("forwarding
contexts"). Here it is stored once, under the start of the line that it was asked for in, and looked up from the line
starts before the cursor: the text since then must begin with what stood before the cursor when it was asked for, and
go on as the completion does. Typing along, taking a word or a line of it, and deleting some of that again are all hits.

Measured with 200 completions of 20 to 600 characters and 1,024 characters of context: this finds one in 2 us and says
no in 15; a step back for each character takes 13 and 230; an entry for each character 2 and 1, but 130 us and 100 kB
to store.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LIMIT_BYTES = 4 * 1024 * 1024

_SECONDS = 300.0
"""After which the same question may have a better answer."""

_NEAR = 1_024
"""Characters before the line that must be the same, and after the cursor too."""

_LINES = 32
"""Line starts that are looked up; of a longer completion only so many lines can be typed along."""

_LINE_CHARACTERS = 2_000
"""Longer lines are data, in which nothing is kept."""

_ASKED_IN_LINE = 8
"""Completions that are kept for one line, the last ones."""

_ENTRY_BYTES = 600
"""What an entry takes besides its texts. Measured in CPython 3.11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a completion is wanted."""

    document: str
    prefix: str
    """Of the document, up to the cursor."""
    suffix: str
    """The rest of it."""
    version: str
    """Of whatever else the answer is made of: other files, the model, its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    text: str
    """What remains to be inserted; empty where the answer was that nothing fits here."""
    typed: int
    """Code points of it that stand before the cursor already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    line: str
    """From its beginning to the cursor, and then what was to follow."""
    asked: int
    """Code points of that before the cursor."""
    expires: float


_Key = tuple[str, str, str, str]


class CompletionCache:
    """See the module. For one event loop; nothing waits.

    Of several that fit, the one that was asked for in the nearest line counts, and of these the newest.
    """

    def __init__(
        self,
        *,
        limit_bytes: int = LIMIT_BYTES,
        seconds: float = _SECONDS,
        near: int = _NEAR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._seconds = seconds
        self._near = near
        self._clock = clock
        self._lines: OrderedDict[_Key, tuple[_Entry, ...]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes, roughly; one for each character."""
        return self._bytes

    def look(self, context: Context) -> Hit | None:
        prefix, suffix, now = context.prefix, context.suffix[: self._near], self._clock()
        end = len(prefix)
        for _ in range(_LINES):
            start = _line_start(prefix, end)
            if start is None:
                return None
            key = (context.document, context.version, suffix, prefix[max(0, start - self._near) : start])
            if (entries := self._lines.get(key)) and (hit := _fitting(entries, prefix[start:], now)):
                self._lines.move_to_end(key)
                return hit
            end = start - 1
            if end < 0:
                return None
        return None

    def keep(self, context: Context, text: str) -> None:
        """`text` is what follows the cursor; empty when it is known that nothing does."""
        prefix = context.prefix
        start = _line_start(prefix, len(prefix))
        if start is None:
            return
        line = prefix[start:] + text
        if any(len(each) > _LINE_CHARACTERS for each in line.split("\n")):
            return
        entry = _Entry(line=line, asked=len(prefix) - start, expires=self._clock() + self._seconds)
        before = prefix[max(0, start - self._near) : start]
        key = (context.document, context.version, context.suffix[: self._near], before)
        older = self._lines.pop(key, ())
        self._bytes -= _size(key, older)
        kept = (entry, *(each for each in older if each.asked != entry.asked or each.line != line))[:_ASKED_IN_LINE]
        self._lines[key] = kept
        self._bytes += _size(key, kept)
        while self._bytes > self._limit_bytes:
            self._bytes -= _size(*self._lines.popitem(last=False))


def _line_start(prefix: str, end: int) -> int | None:
    """Of the line that goes up to there; None when that is far too long."""
    least = max(0, end - _LINE_CHARACTERS - 1)
    at = prefix.rfind("\n", least, end)
    return None if at < 0 and least else at + 1


def _fitting(entries: tuple[_Entry, ...], line: str, now: float) -> Hit | None:
    typed = len(line)
    for entry in entries:
        is_open = typed < len(entry.line) or entry.asked == len(entry.line)
        if is_open and entry.asked <= typed and entry.line.startswith(line) and now < entry.expires:
            return Hit(text=entry.line[typed:], typed=typed - entry.asked)
    return None


def _size(key: _Key, entries: tuple[_Entry, ...]) -> int:
    return sum(map(len, key)) + sum(_ENTRY_BYTES + len(entry.line) for entry in entries) if entries else 0
