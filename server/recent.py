"""Where documents were changed last: what somebody works on besides the document at hand."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

_MOST = 12
"""Documents."""


@dataclass(slots=True)
class RecentEdits:
    """By `key_of` their uri, the last one last. A keystroke costs one entry of a dictionary."""

    lines: OrderedDict[str, int] = field(default_factory=OrderedDict[str, int])
    """0-based, of the last change."""

    def note(self, key: str, line: int) -> None:
        self.lines[key] = line
        self.lines.move_to_end(key)
        if len(self.lines) > _MOST:
            self.lines.popitem(last=False)

    def forget(self, key: str) -> None:
        self.lines.pop(key, None)

    def newest(self) -> list[tuple[str, int]]:
        return list(reversed(self.lines.items()))
