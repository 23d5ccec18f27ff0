"""How fast the search tries candidates, beside what the bare tests cost, on one processor and on two.

`python -P -m benchmarks.repair`; `measure` is for whoever runs several benchmarks.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from assist.observation import Observation
from assist.observe import observe
from assist.repair.execute import SearchRun, search
from assist.repair.scope import Mutation
from assist.repair.source import Splice
from sandbox.find import find_runner
from sandbox.ports import Runner
from sandbox.testrun import run_tests
from workspace.project import Project, open_project

_CANDIDATES = 600
_MODULE = "def answer(n):\n    total = 0\n    for each in range(n):\n        total += each\n    return total + 7\n"
_TESTS = (
    "import pytest\nfrom m import answer\n\n@pytest.mark.parametrize('n', range(8))\n"
    "def test_answer(n):\n    assert answer(n * 50) == sum(range(n * 50))\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    width: int
    """Candidates at once."""
    candidates: int
    seconds: float
    """From the first candidate's start to the last one's end."""
    ready: float
    """Seconds until the first could start."""
    test_seconds: float
    """What the failing test that each candidate runs takes by itself, one of them, in a warm process."""

    @property
    def per_second(self) -> float:
        return self.candidates / self.seconds if self.seconds else 0.0

    @property
    def overhead(self) -> float:
        """How many times the bare test a candidate costs, for each of the processors."""
        return self.seconds * self.width / self.candidates / self.test_seconds if self.candidates else 0.0


async def measure(runner: Runner, folder: Path) -> tuple[Rate, ...]:
    """The rate with one candidate at a time and with two."""
    project = _project(folder)
    seen = await observe(project, runner, test="test_m.py")
    bare = await run_tests(project, runner, selection=["test_m.py"])
    test = min(case.seconds for case in bare.outcomes)
    return tuple([await _rate(project, seen, runner, width, test) for width in (1, 2)])


async def _rate(project: Project, seen: Observation, runner: Runner, width: int, test: float) -> Rate:
    run = SearchRun()
    one = replace(seen, targets=seen.targets[:1])
    await search(_candidates(), one, project, runner, run, seconds=120.0, width=width)
    return Rate(width=width, candidates=run.tried, seconds=run.trying, ready=run.ready, test_seconds=max(test, 1e-4))


def _candidates() -> list[Mutation]:
    """Other constants, all of them wrong, so that none ends the search."""
    at = _MODULE.index("7")
    return [
        Mutation(
            path="m.py",
            splices=(Splice(at, at + 1, str(number + 8)),),
            template="constant",
            title=str(number),
            lines=range(5, 6),
            weight=1.0,
        )
        for number in range(_CANDIDATES)
    ]


def _project(folder: Path) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.py").write_text(_MODULE)
    (folder / "test_m.py").write_text(_TESTS)
    return open_project(folder, python=Path(sys.executable), env={"PATH": "/usr/bin:/bin"})


async def main() -> None:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        runner = await find_runner(state_dir=Path(folder) / "state")
        try:
            rates = await measure(runner, Path(folder) / "project")
        finally:
            await runner.close()
    for rate in rates:
        print(
            f"{rate.width} at once: {rate.per_second:.0f} candidates a second, {rate.overhead:.1f} times the bare test"
            f" ({1000 * rate.test_seconds:.1f} ms); the first could start after {rate.ready:.1f} s"
        )
    one, two = rates
    print(
        f"two processors: {two.per_second / one.per_second:.2f} times one; all in {time.perf_counter() - started:.0f} s"
    )


if __name__ == "__main__":
    asyncio.run(main())
