"""What a person asks for, what a proposer offers, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sandbox.receipt import Receipt
from workspace.edit import Edit

Kind = Literal["make_test_pass", "fix_problem", "fix_function"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One request for an edit."""

    kind: Kind
    root: Path
    """The workspace root on this machine."""
    test: str | None = None
    """For make_test_pass: a pytest node id, a file or a folder, relative to the root."""
    path: str | None = None
    """For fix_problem and fix_function: the file, relative to the root."""
    line: int | None = None
    """0-based line in that file: the problem's, or any line of the function."""
    message: str = ""
    """For fix_problem: what the diagnostic says."""
    overlay: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Unsaved buffers by path relative to the root: they stand in for what is on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An edit somebody proposes, with where it came from: `repair:comparison` or `model:NAME`."""

    edit: Edit
    origin: str
    context: tuple[str, ...] = ()
    """Paths that were shown to a model."""
    plausible: bool = False
    """Whether it already passed the deciding tests in its proposer's own trial, which proves nothing yet."""
    rivals: str = ""
    """How others that passed the same tests compare: `2 of them differ on f(3): 4 here, 5 there`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    seconds: float = 120.0
    tries: int = 4
    """Candidates that may be verified in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one request. `edit` is set only when it may be offered; `reason` always says why it ended so."""

    grade: str
    """verified, checked, failed or unverified: see sandbox.receipt.Grade."""
    reason: str
    edit: Edit | None = None
    receipt: Receipt | None = None
    candidates: int = 0
    """How many candidate edits were run."""
    seconds: float = 0.0
    runners_up: tuple[Candidate, ...] = ()
    """Other candidates that passed the same tests."""
    still_failing: tuple[str, ...] = ()
    """Tests that were to pass and do not, with the edit applied."""
