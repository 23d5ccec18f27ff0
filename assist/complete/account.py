"""The account of one completion while the work goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assist.complete.context import Found
from assist.complete.prompt import Prompt
from assist.complete.values import Considered, Explanation, Hole, Item, Shape, Snippet


@dataclass(slots=True, kw_only=True)
class Account:
    """What an `Explanation` is made of while the work goes on."""

    began: float
    waiting: bool = False
    shape: Shape = "line"
    model: str = ""
    family: str = ""
    backend: str = ""
    found: Found = field(default_factory=Found)
    prompt: Prompt | None = None
    waited: float = 0.0
    context_seconds: float = 0.0
    first: float | None = None
    fallback: str = ""
    detail: str = ""
    dropped: list[str] = field(default_factory=list[str])
    gate: float | None = None
    cache_hit: bool = False

    def explanation(self, hole: Hole, reason: str, items: Sequence[Item], now: float) -> Explanation:
        """The account as it is given to others."""
        paths = frozenset(self.prompt.paths if self.prompt is not None else ())
        return Explanation(
            document=hole.document,
            version=hole.version,
            reason=reason,
            origin=items[0].origin if items else None,
            model=self.model,
            backend=self.backend,
            family=self.family,
            shape=self.shape,
            cache_hit=self.cache_hit,
            snippets=tuple(_considered(snippet, paths) for snippet in self.found.snippets),
            late=self.found.late,
            budget=self.prompt.budget if self.prompt is not None else 0,
            tokens=self.prompt.tokens if self.prompt is not None else 0,
            waited=self.waited,
            context_seconds=self.context_seconds,
            first_seconds=self.first,
            seconds=now - self.began,
            fallback=self.fallback,
            detail=self.detail,
            dropped=tuple(self.dropped),
            gate=self.gate,
        )


def _considered(snippet: Snippet, paths: frozenset[str]) -> Considered:
    return Considered(
        kind=snippet.kind,
        source=snippet.source,
        path=snippet.path,
        start_line=snippet.start_line,
        end_line=snippet.end_line,
        score=round(snippet.score, 4),
        shown=snippet.path in paths,
    )
