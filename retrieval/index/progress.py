"""How far the index is, as a value that is shown everywhere in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    phase: str = "opening"
    """opening, looking (for changes), indexing, ready, waiting (for a store that cannot be reached)."""
    files: int = 0
    """In the workspace, as of the last look."""
    chunks: int = 0
    pending: int = 0
    """Files that are known to differ from the index."""
    total: int = 0
    """Files of the present round; `total - pending` of them are done."""
    embedder: str = ""
    """Id of the embedder that new content goes to; empty without one."""
    embedded: int = 0
    """Chunks that have a dense vector of it."""
    problem: str = ""
    """What is in the way, in one sentence; empty when nothing is."""
    dense_problem: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Files and folders left out, by reason."""

    @property
    def is_lexical_ready(self) -> bool:
        return self.phase == "ready"

    @property
    def is_dense_ready(self) -> bool:
        return self.is_lexical_ready and (not self.embedder or self.embedded >= self.chunks)
