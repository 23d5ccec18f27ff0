"""What the sandbox said last: about tests, for lenses and diagnostics; about fixes, for titles."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_KEPT_FIXES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    __test__ = False

    outcome: str
    """passed, failed, error, skipped, xfailed or xpassed."""
    path: str | None = None
    line: int | None = None
    """0-based, of the failing assertion."""
    message: str = ""

    @property
    def is_failure(self) -> bool:
        return self.outcome in ("failed", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A failure that the editor shows in a document."""

    test: str
    line: int
    message: str


@dataclass(slots=True)
class Results:
    tests: dict[tuple[Path, str], TestResult] = field(default_factory=dict[tuple[Path, str], TestResult])
    """By root and node id."""
    shown: dict[str, dict[str, Shown]] = field(default_factory=dict[str, dict[str, Shown]])
    """Published diagnostics: by uri, then by node id."""
    fixes: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict[tuple[str, str], tuple[int, str]])
    """Titles of fixes that were found: by uri and action, with the version they are about."""

    def failed(self, root: Path, test: str) -> bool:
        """Whether a test failed when it last ran, with any of its parameters."""
        return any(
            result.is_failure
            for (folder, name), result in self.tests.items()
            if folder == root and (name == test or name.startswith(f"{test}["))
        )

    def keep_fix(self, uri: str, action: str, version: int, title: str) -> None:
        self.fixes.pop((uri, action), None)
        self.fixes[uri, action] = (version, title)
        while len(self.fixes) > _KEPT_FIXES:
            del self.fixes[next(iter(self.fixes))]

    def title_of_fix(self, uri: str, action: str, version: int) -> str | None:
        known = self.fixes.get((uri, action))
        return known[1] if known is not None and known[0] == version else None
