"""What chat asks of others: code that a question is about, and what changed in the working tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Lines of a file of the workspace. The text is read where it is shown, under the policy and as it is then."""

    path: str
    start_line: int
    """0-based."""
    end_line: int
    """0-based, exclusive."""
    symbol: str = ""
    score: float = 0.0
    """Higher is better."""
    reasons: tuple[str, ...] = ()
    """For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    places: tuple[Place, ...] = ()
    """Best first."""
    notes: tuple[str, ...] = ()
    """What the answer lacks, in words."""


class Finder(Protocol):
    """Implementations: `server.finder.IndexFinder`. No method raises: what goes
    wrong is a note."""

    async def find(self, query: str, *, limit: int, prefix: str = "") -> Found:
        """:param prefix: of the paths that may be found."""
        ...

    async def beginning(self, prefix: str) -> Found:
        """Symbols whose simple name begins with a text."""
        ...

    async def defined(self, name: str) -> Found:
        """Where a symbol is defined, by its simple or qualified name."""
        ...
