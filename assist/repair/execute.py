"""Try ranked mutations in bulk, inside one sandbox. Its results are a filter: winners are verified elsewhere."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assist.observation import Observation, ObservedTest
from assist.repair.scope import Mutation
from sandbox.job import Record, run_job
from sandbox.plan import test_phase
from sandbox.ports import UNPRIVILEGED, Limits, Runner, Status
from sandbox.scratch import Scratch
from sandbox.testrun import clean, tree_mounts
from workspace.project import Project

_WIDTH = 2  # candidates at once: the sandbox has two processors
_ENOUGH = 12  # candidates that pass: choosing among more of them needs a person
_BEYOND = 200  # candidates tried after the first that passes, to see whether the answer is the only one
_GROUP = 60  # tests that must go on passing, run for a candidate that fixed something
_GROUP_SECONDS = 5.0
_SLOWER = 3.0  # how much longer than the tests took before a candidate may take
_LEAST = 1.5  # seconds a candidate has at least
_LEAST_OF_LOOPS = 0.5  # the same where a target hangs: then most candidates hang as well
_MOST = 15.0
_PROCESSES = 64  # what tests may start, beside our own


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one mutation."""

    mutation: Mutation
    result: str
    """passed, partial (a first part of the targets), failed, broke (another test), invalid, timeout or crash."""
    fixed: int
    """How many of the targets passed, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One input for which changes that pass the same tests give different answers: a question for a person."""

    input: str
    """As a call: `clamp(5, 0, 3)`."""
    answers: Mapping[int, str]
    """By a mutation's identity."""


@dataclass(slots=True)
class SearchRun:
    """What came of a whole search so far; filled while it runs."""

    trials: list[Trial] = field(default_factory=list[Trial])
    tried: int = 0
    ready: float = 0.0
    """Seconds until the first candidate could start."""
    seconds: float = 0.0
    """For all of it, inside the sandbox."""
    trying: float = 0.0
    """From the first candidate's start to the last one's end."""
    groups: dict[int, int] = field(default_factory=dict[int, int])
    """By a mutation's identity: those that pass and answer alike on generated inputs share a number."""
    differences: list[Difference] = field(default_factory=list["Difference"])
    """Inputs on which mutations that pass differ, the shortest first."""
    detail: str = ""
    """One sentence when it did not come to its own end."""


async def search(
    mutations: Sequence[Mutation],
    observation: Observation,
    project: Project,
    runner: Runner,
    run: SearchRun,
    *,
    seconds: float,
    on_trial: Callable[[SearchRun], None] = lambda _: None,
    width: int = _WIDTH,
) -> None:
    """Run every mutation against the targets, and what passes them against the tests that touch its lines.
    What comes of it is put into `run` as it comes.

    Ends when all were tried, the time is up, or enough candidates passed. `on_trial` is called after each.

    :param width: candidates at once.

    :raises SandboxError: when the project's Python cannot run pytest.
    """
    targets = observation.targets
    began = 0.0

    def on_record(record: Record) -> None:
        nonlocal began
        if record["event"] == "tried":
            run.trying = time.monotonic() - began
            mutation = mutations[int(record["index"])]
            run.trials.append(Trial(mutation=mutation, result=str(record["result"]), fixed=int(record.get("fixed", 0))))
            run.tried += 1
            on_trial(run)
        elif record["event"] == "ready":
            if not run.ready:  # each round says so
                run.ready, began = float(record["seconds"]), time.monotonic()
        elif record["event"] == "start":
            began = began or time.monotonic()
        elif record["event"] == "agreement":
            run.groups = {id(mutations[int(at)]): int(group) for at, group in record["groups"].items()}
            run.differences = [_difference(each, mutations) for each in record["differences"]]
        elif record["event"] == "searched":
            run.seconds = float(record["seconds"])

    groups = _Groups(observation, targets)
    config: dict[str, Any] = {
        "mode": "search",
        "candidates": [_candidate(mutation, groups) for mutation in mutations],
        "targets": [test.id for test in targets],
        "limit": _limit(targets),
        "more": 2 * _GROUP_SECONDS,
        "seconds": seconds,
        "enough": _ENOUGH,
        "beyond": _BEYOND,
        "width": width,
        "modules": list(observation.modules),
    }
    config["groups"] = groups.tests
    phase = test_phase(
        "search",
        project,
        cwd=str(project.root),
        user=UNPRIVILEGED,
        seconds=seconds + _MOST,
        selection=_files(targets, groups.tests),
    )
    folder = Path(tempfile.mkdtemp(prefix="assay-search-"))
    try:
        scratch = Scratch.make(project, None, folder / "tree")
        job = await run_job(
            runner,
            project.python,
            [replace(phase, config=dict(phase.config) | config)],
            tree_mounts(project, scratch, str(project.root)),
            folder / "job",
            limits=Limits(processes=2 * _PROCESSES),
            on_record=on_record,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not run.seconds:
        output = "".join(clean(result.output) for result in job.phases.values()).strip()
        ended = job.run.detail if job.run.status not in (Status.OK, Status.FAILED) else output[-300:]
        run.detail = ended or "the search ended early"


def _difference(found: Mapping[str, Any], mutations: Sequence[Mutation]) -> Difference:
    answers = {id(mutations[int(at)]): clean(str(said)) for at, said in found["answers"].items()}
    return Difference(input=clean(str(found["input"])), answers=answers)


class _Groups:
    """Tests that pass and touch a mutation's lines; most mutations share theirs with others."""

    def __init__(self, observation: Observation, targets: Sequence[ObservedTest]) -> None:
        self._observation = observation
        self._targets = {test.id for test in targets}
        self._places: dict[tuple[str, ...], int] = {}
        self.tests: list[list[str]] = []

    def place(self, mutation: Mutation) -> int:
        touching = [
            test
            for test in self._observation.touching(mutation.path, mutation.lines)
            if test.outcome == "passed" and test.id not in self._targets
        ]
        chosen: list[str] = []
        spent = 0.0
        for test in sorted(touching, key=lambda test: test.seconds)[:_GROUP]:
            spent += test.seconds
            if spent > _GROUP_SECONDS:
                break
            chosen.append(test.id)
        key = tuple(chosen)
        if key not in self._places:
            self._places[key] = len(self.tests)
            self.tests.append(chosen)
        return self._places[key]


def _candidate(mutation: Mutation, groups: _Groups) -> list[Any]:
    splices = [[splice.start, splice.end, splice.text] for splice in mutation.splices]
    return [mutation.path, splices, groups.place(mutation)]


def _limit(targets: Sequence[ObservedTest]) -> float:
    """Seconds for a candidate's targets. A target that hung says nothing about how long it takes when it works."""
    taken = sum(test.seconds for test in targets if test.outcome != "timeout")
    least = _LEAST_OF_LOOPS if any(test.outcome == "timeout" for test in targets) else _LEAST
    return min(_MOST, max(least, taken * _SLOWER))


def _files(targets: Sequence[ObservedTest], groups: list[list[str]]) -> tuple[str, ...]:
    """The test files to collect."""
    ids = [test.id for test in targets] + [test for group in groups for test in group]
    return tuple(dict.fromkeys(test.partition("::")[0] for test in ids))
