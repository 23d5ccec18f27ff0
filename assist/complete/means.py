"""What one request for a completion may use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from assist.complete.context import Sources
from assist.complete.filters.syntax import Question
from assist.complete.prompt import Dialect
from inference.ports import Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    generator: Generator
    dialect: Dialect


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """What one request may use."""

    model: Model | None = None
    """None: only what stands in the open files."""
    problem: str = ""
    """Why there is no model although one is set up, as a sentence."""
    sources: Sources | None = None
    others: Callable[[], Sequence[str]] = tuple
    """Texts of other open files that may be copied from."""
    is_worse: Callable[[Question], Awaitable[bool]] | None = None
    """The syntax filter's parsing, where it keeps nobody waiting; None leaves that filter out."""
    version: Callable[[], int | None]
    """Of the document, now; None when it is closed."""
