"""The `Proposer` port: candidate edits for a task. Contract: tests/assist/test_proposer_contract.py."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assist.observation import Observation
from assist.task import Candidate, Task
from sandbox.receipt import Receipt

Progress = Callable[[str], None]
"""Called with one short sentence in plain words whenever the work reaches a new stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A candidate that was verified and not good enough, with what came out."""

    candidate: Candidate
    receipt: Receipt


class Proposer(Protocol):
    """Implementations: `assist.repair.SearchRepair`, `assist.model.ModelProposer`."""

    @property
    def name(self) -> str: ...

    @property
    def tried(self) -> int:
        """How many candidates it has run in trials of its own, or offered, so far."""
        ...

    def propose(
        self, task: Task, observation: Observation, failed: Sequence[Attempt], progress: Progress
    ) -> AsyncGenerator[Candidate, None]:
        """Candidates, best first. Called again with the attempts that failed while the budget lasts; one that
        yields nothing has nothing (more) to offer. Never raises: what goes wrong is said through `progress`.

        `observation` is what the tests showed before any edit.
        Closing the generator or cancelling the task stops all work behind it.
        """
        ...
