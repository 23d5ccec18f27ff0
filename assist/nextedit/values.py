"""What a next edit is made from, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["model", "rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A text in which edits may follow. Whoever makes one has asked the policy."""

    document: str
    """One name for it, whether it is open or not."""
    path: str
    """Relative to the workspace's root."""
    language: str
    """As in `retrieval.chunking.languages`."""
    text: str
    version: int | None = None
    """None for a file that is not open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody changed, in a file as it is now."""

    file: File
    first: int
    """0-based line."""
    before: str
    """Whole lines."""
    after: str
    at: float = 0.0
    """Seconds of a clock that only grows."""

    @property
    def start(self) -> int:
        """Code points before it in the text."""
        return _start_of(self.file.text, self.first)

    @property
    def end(self) -> int:
        return self.start + len(self.after)

    @property
    def text_before(self) -> str:
        """The whole file without the change."""
        return self.file.text[: self.start] + self.before + self.file.text[self.end :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One replacement."""

    document: str
    start: int
    """Code points before it."""
    end: int
    """Exclusive."""
    text: str
    origin: Origin = "rule"


def _start_of(text: str, line: int) -> int:
    at = 0
    for _ in range(line):
        ends = [each for each in (text.find("\n", at), text.find("\r", at)) if each >= 0]
        if not ends:
            return len(text)
        at = min(ends)
        at += 2 if text.startswith("\r\n", at) else 1
    return at
