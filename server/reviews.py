"""What reviews found, by document, until the lines that they are about are gone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from server.lines import split_lines

if TYPE_CHECKING:
    from assist.actions.review import Severity
    from workspace.edit import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding where it is shown."""

    id: str
    root: Path
    path: str
    line: int
    """0-based."""
    text: str
    """Of that line, by which it is found again."""
    severity: Severity
    message: str
    fix: Edit | None
    model: str


@dataclass(slots=True)
class Reviews:
    """Owned by the event loop."""

    found: dict[str, tuple[Found, ...]] = field(default_factory=dict[str, tuple[Found, ...]])
    """By `key_of` the document's uri."""

    def of(self, key: str) -> tuple[Found, ...]:
        return self.found.get(key, ())

    def one(self, wanted: str) -> Found | None:
        return next((each for found in self.found.values() for each in found if each.id == wanted), None)

    def put(self, key: str, found: tuple[Found, ...]) -> None:
        if found:
            self.found[key] = found
        else:
            self.found.pop(key, None)

    def drop(self, key: str, wanted: str) -> None:
        """Its fix was applied."""
        self.put(key, tuple(each for each in self.of(key) if each.id != wanted))

    def follow(self, key: str, text: str) -> None:
        """The document changed: each finding is where its line stands now, or gone with it."""
        lines = [line.strip() for line in split_lines(text)]
        places: dict[str, list[int]] = {}
        for number, line in enumerate(lines):
            places.setdefault(line, []).append(number)
        kept: list[Found] = []
        for each in self.of(key):
            if where := places.get(each.text):
                kept.append(replace(each, line=min(where, key=lambda at: abs(at - each.line))))
        self.put(key, tuple(kept))
