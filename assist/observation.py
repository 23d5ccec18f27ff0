"""What the tests of a workspace showed before anything was changed: outcomes, executed lines, failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of a traceback that lies in the workspace."""

    path: str
    """Relative to the root."""
    line: int
    """From 1, as Python counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a test failed. Everything in it was said by untrusted code."""

    text: str
    """What the test runner printed about it, bounded."""
    raised: str = ""
    """The class of the exception."""
    message: str = ""
    wanted: tuple[str, ...] = ()
    """Values the failing assertion compared with, as Python literals."""
    missing: str = ""
    """The name, attribute or key that was not there."""
    should_raise: str = ""
    """The exception class the test waited for in vain."""
    frames: tuple[Frame, ...] = ()
    """Outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedTest:
    id: str
    outcome: str
    """passed, failed, error, skipped, xfailed, xpassed, or timeout."""
    seconds: float
    path: str
    """The test's file, relative to the root."""
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict[str, frozenset[int]])
    """Lines, from 1, that it executed, by path relative to the root; lines run by imports do not count."""
    failure: Failure | None = None

    @property
    def failed(self) -> bool:
        return self.outcome in ("failed", "error", "timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    tests: tuple[ObservedTest, ...]
    targets: tuple[ObservedTest, ...] = ()
    """The failing tests that the edit has to make pass."""
    selected: tuple[ObservedTest, ...] = ()
    """The tests that were asked for; all of them when none were."""
    modules: tuple[str, ...] = ()
    """Modules from outside the workspace that its tests import."""
    detail: str = ""
    """One sentence when it could not be finished: what happened, what was left out."""

    def touching(self, path: str, lines: range) -> tuple[ObservedTest, ...]:
        """The tests that executed at least one of these lines."""
        return tuple(test for test in self.tests if any(line in lines for line in test.lines.get(path, ())))
