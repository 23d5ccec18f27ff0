"""Edits and texts that were made and can still be asked for: to be shown, and to be applied by parts."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workspace.edit import Edit

DIFF_SCHEME = "assay-diff"
"""Of documents that are a file as an edit would leave it: `assay-diff:/ID/PATH`."""
ANSWER_SCHEME = "assay-answer"
"""Of documents that are an answer in words: `assay-answer:/ID/NAME.md`."""
_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    id: str
    root: Path
    edit: Edit
    kind: str
    """Of the action that made it."""
    grade: str
    reason: str
    title: str
    """For people, with the grade: `Simplify total (verified, 3 tests)`."""
    model: str = ""
    context: tuple[str, ...] = ()
    """Paths that were shown to the model."""


@dataclass(slots=True)
class Proposals:
    """The newest of each kind. Owned by the event loop."""

    edits: OrderedDict[str, Proposal] = field(default_factory=OrderedDict[str, Proposal])
    answers: OrderedDict[str, str] = field(default_factory=OrderedDict[str, str])
    """Markdown by id."""

    def keep(self, proposal: Proposal) -> None:
        self.edits[proposal.id] = proposal
        _shorten(self.edits)

    def keep_answer(self, text: str, name: str) -> str:
        """The uri under which an editor may open it. `name` is for people, in its title."""
        key = new_id()
        self.answers[key] = text
        _shorten(self.answers)
        plain = "".join(char if char.isalnum() or char in "._-" else "-" for char in name)[:60]
        return f"{ANSWER_SCHEME}:/{key}/{plain}.md"


def new_id() -> str:
    return uuid.uuid4().hex[:12]


def _shorten(kept: OrderedDict[str, Proposal] | OrderedDict[str, str]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
