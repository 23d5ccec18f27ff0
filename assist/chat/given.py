"""What an editor says beside the message: where the person is, what is selected, what checkers and a terminal say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A diagnostic of some checker."""

    path: str
    line: int
    """0-based."""
    message: str
    severity: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    path: str = ""
    """Of the document in front, relative to the workspace; empty without one."""
    line: int = 0
    """0-based, of the cursor."""
    selected: tuple[int, int] | None = None
    """Lines, 0-based and exclusive; None when nothing is selected."""
    problems: tuple[Problem, ...] = ()
    terminal: str = ""
    images: int = 0
    """How many came along; their content is not read, since no model here takes any."""
