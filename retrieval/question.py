"""What is asked of an index, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.chunk import Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    text: str
    limit: int = 10
    languages: tuple[str, ...] = ()
    path_prefix: str = ""
    window: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    hits: tuple[Hit, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    """What the answer lacks: vectors that are not there yet, an embedder that does not answer."""
