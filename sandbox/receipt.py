"""Receipts: what was run, what came out, and what that proves. Schema: docs/receipt.schema.json."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCHEMA = "assay.receipt/1"


class Grade(StrEnum):
    """The claim a receipt makes. The order is from strongest to weakest."""

    VERIFIED = "verified"
    """Compiles, lints no worse, no passing test broke, and a test that touches the change ran and passed."""
    CHECKED = "checked"
    """Compiles and lints no worse, but no test that counts as evidence touches the change."""
    FAILED = "failed"
    """A step failed; shown only as what was tried."""
    UNVERIFIED = "unverified"
    """Nothing was run: no isolation was available, or the workspace is not trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was run, or looked at."""

    name: str
    """screen, compile, lint, tests-before, tests-after, repeat, control or replay."""
    status: str
    """ok, failed, skipped, or a `sandbox.ports.Status` value when the run did not end by itself."""
    seconds: float
    command: str = ""
    exit_code: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    __test__ = False  # not a test class, whatever pytest thinks of the name

    id: str
    """A pytest node id, or module.Class.method for unittest."""
    before: str | None
    """passed, failed, error, skipped, xfailed, xpassed; None when it did not run."""
    after: str | None
    touches: bool | None = None
    """Whether it executed the change; None when that could not be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    id: str
    created: str
    """UTC, ISO 8601."""
    grade: Grade
    reason: str
    """One or two sentences: why this grade."""
    claim: str
    """What was shown to be fixed, and what was not."""
    isolation: str
    title: str
    diff: str
    digest: str
    """sha256 over the edit and the outcomes: see `digest_of`."""
    steps: tuple[Step, ...]
    tests: tuple[TestOutcome, ...]
    touched_by: str
    """How it was told which tests touch the change: coverage, imports or none."""
    notes: tuple[str, ...] = ()
    """Warnings: files left out, a missing environment, other plausible patches."""
    model: str | None = None
    context: tuple[str, ...] = ()
    """Paths shown to the model."""
    log: str = ""
    """The end of the test output, control characters escaped."""
