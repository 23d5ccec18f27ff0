"""Run the tests of the unchanged workspace in the sandbox and note what each executed and how it failed."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assist.observation import Failure, Frame, Observation, ObservedTest
from assist.ports import Progress
from sandbox.job import JobResult, Phase, Record, run_job
from sandbox.plan import test_phase
from sandbox.ports import UNPRIVILEGED, Limits, Runner, Status
from sandbox.scratch import Scratch
from sandbox.testrun import clean, tree_mounts
from workspace.project import Project
from workspace.tests import is_test_path

TEST_SECONDS = 10.0
"""For one test, with its lines being counted; one that takes longer counts as hanging."""

_TARGETS, _OTHERS = "targets", "others"


async def observe(
    project: Project,
    runner: Runner,
    *,
    test: str | None = None,
    near: Sequence[str] = (),
    seconds: float = 60.0,
    progress: Progress = lambda _: None,
) -> Observation:
    """Run `test` (a node id, a file or a folder), then the other tests, those of the files in `near` first.

    When `test` is given and passes, the others are not run. What is left when the time is up is left out.

    :raises SandboxError: when the project's Python cannot run pytest.
    """
    stages: list[tuple[str, tuple[str, ...]]] = [(_OTHERS, ())] if test is None else [(_TARGETS, (test,))]
    if test not in (None, "."):
        stages.append((_OTHERS, ()))
    phase = _phase(project, stages, near, test, seconds)
    collected = _Collected()
    progress("running the tests as they are")
    job = await _run(project, runner, phase, collected)
    tests, selected = collected.tests(), collected.selected()
    return Observation(
        tests=tests,
        targets=tuple(each for each in selected if each.failed),
        selected=selected if test is not None else tests,
        modules=collected.modules(),
        detail=_detail(job, collected),
    )


def _phase(
    project: Project,
    stages: Sequence[tuple[str, tuple[str, ...]]],
    near: Sequence[str],
    test: str | None,
    seconds: float,
) -> Phase:
    """One phase in which pytest is imported once, and a forked process runs each stage."""
    phases = [
        test_phase(name, project, cwd=str(project.root), user=UNPRIVILEGED, seconds=seconds, selection=selection)
        for name, selection in stages
    ]
    config: dict[str, Any] = {
        "mode": "observe",
        "stages": [[phase.name, phase.config["args"]] for phase in phases],
        "skip": test or "",
        "first": list(near),
        "limit": TEST_SECONDS,
        "seconds": seconds,
    }
    return replace(phases[0], seconds=seconds + 3 * TEST_SECONDS, config=dict(phases[0].config) | config)


async def _run(project: Project, runner: Runner, phase: Phase, collected: _Collected) -> JobResult:
    folder = Path(tempfile.mkdtemp(prefix="assay-observe-"))
    try:
        scratch = await asyncio.to_thread(Scratch.make, project, None, folder / "tree")
        mounts = tree_mounts(project, scratch, str(project.root))
        return await run_job(
            runner, project.python, [phase], mounts, folder / "job", limits=Limits(), on_record=collected.add
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Collected:
    """What the records say. They were made beside untrusted code, so each is checked before it is believed."""

    def __init__(self) -> None:
        self._tests: dict[str, ObservedTest] = {}
        self._selected: dict[str, None] = {}
        self._modules: dict[str, None] = {}
        self._known: set[str] = set()
        self.codes: dict[str, int] = {}

    def add(self, record: Record) -> None:
        stage, event = str(record.get("stage")), record["event"]
        if event == "observed":
            test = read_test(record)
            if test is not None and test.id not in self._tests:
                self._tests[test.id] = test
                if stage == _TARGETS:
                    self._selected[test.id] = None
        elif event == "tests":
            self._known.update(str(test) for test in record["ids"])
        elif event == "modules":
            self._modules.update(dict.fromkeys(str(name) for name in record["names"]))
        elif event == "pytest":
            self.codes[stage] = int(record["code"])

    def selected(self) -> tuple[ObservedTest, ...]:
        return tuple(self._tests[name] for name in self._selected)

    @property
    def left_out(self) -> int:
        return len(self._known - self._tests.keys())

    def tests(self) -> tuple[ObservedTest, ...]:
        return tuple(self._tests.values())

    def modules(self) -> tuple[str, ...]:
        return tuple(self._modules)


def read_test(record: Mapping[str, Any]) -> ObservedTest | None:
    """One record as a value; None when it is not in the expected form."""
    try:
        test, found = str(record["id"]), record["failure"]
        failure = None
        if found:
            failure = _failure(found)
        return ObservedTest(
            id=test,
            outcome=str(record["outcome"]),
            seconds=float(record["seconds"]),
            path=test.partition("::")[0],
            lines={str(path): _unrolled(runs) for path, runs in record["lines"].items()},
            failure=failure,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def mentioning(project: Project, path: str) -> tuple[str, ...]:
    """Test files that name a module: where the tests of a function most likely are."""
    stem = Path(path).stem.encode()
    name = Path(path).parent.name.encode() if stem == b"__init__" else stem
    tests = [other for other in project.files if other.endswith(".py") and is_test_path(other)]
    found = [other for other in tests if name in (project.read(other) or b"")]
    return tuple(sorted(found, key=lambda other: Path(path).stem not in other))


def _failure(found: Mapping[str, Any]) -> Failure:
    """What was noted of an exception; of a file that could not be collected there is only the text."""
    text = clean(str(found.get("text", "")))
    frames = [(str(path), int(line)) for path, line in found.get("frames", ())]
    raised, message, missing = (str(found.get(name, "")) for name in ("raised", "message", "missing"))
    if not raised and (said := re.findall(r"^E +(\w+): (.*)$", text, re.MULTILINE)):
        raised, message = said[-1]
        missing = next(iter(re.findall(r"(?:name|attribute) '(\w+)'", message)), "")
    return Failure(
        text=text,
        raised=raised[:100],
        message=clean(message),
        wanted=tuple(str(literal) for literal in found.get("wanted", ())),
        missing=missing[:200],
        should_raise=_identifier(str(found.get("should_raise", ""))),
        frames=tuple(Frame(path=path, line=line) for path, line in frames or _frames_in(text)),
    )


def _frames_in(text: str) -> list[tuple[str, int]]:
    """Frames as pytest prints them: all there is of a file that could not be collected."""
    return [(path, int(line)) for path, line in re.findall(r"^(\S+\.py):(\d+): ", text, re.MULTILINE)]


def _unrolled(runs: Iterable[int]) -> frozenset[int]:
    numbers = [int(number) for number in runs]
    if any(last - first > 100_000 for first, last in zip(numbers[::2], numbers[1::2], strict=True)):
        raise ValueError("no file has so many lines")
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return frozenset(line for first, last in pairs for line in range(first, last + 1))


def _identifier(text: str) -> str:
    return text if text.isidentifier() else ""


def _detail(job: JobResult, collected: _Collected) -> str:
    if job.run.status not in (Status.OK, Status.FAILED):
        return job.run.detail or "The sandbox ended before the tests did."
    output = "".join(clean(phase.output) for phase in job.phases.values()).strip()[-300:]
    if any(code in (3, 4) for code in collected.codes.values()):
        return output
    if not collected.codes and not collected.tests():
        return f"The tests could not be started: {output or 'no reason was given'}"
    left = collected.left_out
    return f"{left} tests were not run, since the time was up." if left else ""
