"""Time several ways in turn, A B A B …, so that a comparison holds when the machine's speed drifts."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

REPORTS = Path(__file__).parent / "reports"
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each round, in order."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def against(self, other: Times) -> float:
        """The median of the ratios round by round."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.rounds, other.rounds, strict=True))

    def __str__(self) -> str:
        return f"{self.median * 1000:.0f} ({min(self.rounds) * 1000:.0f}-{max(self.rounds) * 1000:.0f})"


async def in_turn(ways: Mapping[str, Callable[[], Awaitable[object]]], rounds: int) -> dict[str, Times]:
    """One round of each that does not count, then `rounds` that do."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            await way()
            if number:
                times[name].append(time.perf_counter() - started)
    return {name: Times(tuple(each)) for name, each in times.items()}


def heading(title: str, command: str) -> str:
    """The beginning of a report: what made it, where and when."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    lines = [
        f"# {title}",
        "",
        f"`{command}`, commit {commit()}, {datetime.now(UTC):%Y-%m-%d}.",
        f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()};"
        f" load average at the end {load}.",
        "",
    ]
    return "\n".join(lines)


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def write(name: str, text: str) -> Path:
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{name}.md"
    path.write_text(text.rstrip() + "\n")
    return path


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
