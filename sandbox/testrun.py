"""Run a project's tests in the sandbox and read the outcomes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.job import JobResult, PhaseResult, Record, run_job
from sandbox.lend import lent_mounts
from sandbox.mounts import python_mounts
from sandbox.plan import test_phase
from sandbox.ports import UNPRIVILEGED, Limits, Mount, Runner, Status
from sandbox.scratch import Scratch
from sandbox.workdir import working_folder
from workspace.edit import Edit
from workspace.project import Project

Progress = Callable[[str], None]

_LOG_KEPT = 20_000  # characters of output kept for people


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """How one test ended."""

    id: str
    """pytest node id, or the path of a file that could not be collected."""
    outcome: str
    """passed, failed, error, skipped, xfailed or xpassed."""
    seconds: float = 0.0
    path: str | None = None
    line: int | None = None
    """0-based, of the failing assertion in the test's own file."""
    message: str = ""
    touched: frozenset[tuple[str, str]] = frozenset()
    """Changed functions it executed: (path, qualified name), with an empty name for any function of the file."""
    spawned: bool = False
    """Whether it started a program, which may have executed anything."""
    is_doctest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    __test__ = False

    outcomes: tuple[CaseOutcome, ...]
    status: Status
    """OK when the run came to its own end, whatever the tests said; else why not."""
    seconds: float
    log: str
    detail: str = ""
    """One sentence for people when the status is not OK."""
    altered: frozenset[str] = frozenset()
    """Functions of the test library that were replaced during the run, by tests or by what they test."""
    threads: int = 1
    """How many threads there were when all was imported and no test had run."""

    @property
    def failing(self) -> tuple[CaseOutcome, ...]:
        return tuple(case for case in self.outcomes if case.outcome in ("failed", "error"))

    def by_id(self) -> dict[str, CaseOutcome]:
        return {case.id: case for case in self.outcomes}


async def run_tests(
    project: Project,
    runner: Runner,
    *,
    selection: Sequence[str] = (),
    edit: Edit | None = None,
    seconds: float = 120.0,
    limits: Limits | None = None,
    progress: Progress = lambda _: None,
) -> TestRun:
    """Run the selected tests (all when empty) once, with the edit applied when there is one.

    :raises SandboxError: when the project's Python cannot run pytest.
    """
    phase = test_phase("tests", project, cwd=str(project.root), user=UNPRIVILEGED, seconds=seconds, selection=selection)
    with working_folder() as folder:
        scratch = Scratch.make(project, edit, folder / "tree")
        job = await run_job(
            runner,
            project.python,
            [phase],
            tree_mounts(project, scratch, str(project.root)),
            folder / "job",
            limits=limits or Limits(),
            on_record=narrate(progress),
        )
    return read_run(job, "tests", str(project.root))


def tree_mounts(project: Project, scratch: Scratch, target: str) -> list[Mount]:
    """The scratch copy at `target`, with the project's Python around and over it."""
    tree = Mount(source=scratch.path, target=target, writable=True)
    return [tree, *python_mounts(project.python, project.root), *lent_mounts(project.python)]


def narrate(progress: Progress) -> Callable[[Record], None]:
    """Turns records into one short sentence now and then."""
    total, done = 0, 0

    def on_record(record: Record) -> None:
        nonlocal total, done
        if record["event"] == "collected":
            total, done = len(record["ids"]), 0
        elif record["event"] == "outcome":
            done += 1
            if done == total or done % max(1, total // 4) == 0:
                progress(f"{done} of {total} tests")

    return on_record


def read_run(job: JobResult, name: str, root: str) -> TestRun:
    """The outcomes of one test phase; ids that were collected but have no outcome are errors."""
    phase = job.phases.get(name)
    if phase is None:
        return TestRun(outcomes=(), status=_not_ok(job.run.status), seconds=job.run.seconds,
                       log=job.run.stderr.decode("utf-8", "replace")[-_LOG_KEPT:],
                       detail=job.run.detail or "the sandbox ended before the tests began")  # fmt: skip
    outcomes = {record["id"]: _case(record, root) for record in phase.of("outcome")}
    for record in phase.of("collect"):
        if record["outcome"] == "error":
            case = CaseOutcome(id=record["id"], outcome="error", path=record["id"].partition("::")[0],
                               line=_line_in(record), message=clean(record["message"]))  # fmt: skip
            outcomes.setdefault(record["id"], case)
    status, detail = _ending(job, phase)
    for record in phase.of("collected"):
        for test in record["ids"]:
            missing = CaseOutcome(id=test, outcome="error", message=detail or "the test has no outcome")
            outcomes.setdefault(test, missing)
    return TestRun(
        outcomes=tuple(sorted(outcomes.values(), key=lambda case: case.id)),
        status=status,
        seconds=phase.seconds,
        log=clean(phase.output)[-_LOG_KEPT:],
        detail=detail,
        altered=frozenset(_altered(phase)),
        threads=max((int(record["threads"]) for record in phase.of("collected")), default=1),
    )


def clean(text: str) -> str:
    """Output of hostile code made safe to show: control characters, escape sequences included, are removed."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\N{REPLACEMENT CHARACTER}", text)


def _case(record: Record, root: str) -> CaseOutcome:
    touched = frozenset((_relative(path, root), name) for path, name in record["touched"])
    return CaseOutcome(
        id=record["id"],
        outcome=record["outcome"],
        seconds=record["seconds"],
        path=record["path"],
        line=record["line"],
        message=clean(record["message"]),
        touched=touched,
        spawned=record["spawned"],
        is_doctest=record["doctest"],
    )


def _altered(phase: PhaseResult) -> list[str]:
    """At the end, or after a test: some put back what they replaced."""
    names = [name for record in phase.of("outcome") for name in record["altered"]]
    return names + [name for record in phase.of("altered") for name in record["names"]]


def _relative(path: str, root: str) -> str:
    return path.removeprefix(root + "/")


def _line_in(record: Record) -> int | None:
    """A collection error's line: the last `PATH:LINE:` of that file in the message."""
    found = re.findall(re.escape(record["id"]) + r":(\d+):", record["message"])
    return int(found[-1]) - 1 if found else None


def _not_ok(status: Status) -> Status:
    return Status.INFRA if status is Status.OK else status


def _ending(job: JobResult, phase: PhaseResult) -> tuple[Status, str]:
    if job.run.status not in (Status.OK, Status.FAILED):
        return job.run.status, job.run.detail
    if job.unprepared:
        return Status.INFRA, clean(job.unprepared)
    if phase.timed_out:
        return Status.TIMEOUT, f"the tests were stopped after {phase.seconds:.0f} s"
    if not phase.finished:
        how = "with a signal" if (phase.status or 0) < 0 else f"with exit code {phase.status}"
        return Status.FAILED, f"the test process left early {how}"
    code = next((record["code"] for record in phase.of("pytest")), 3)
    if code == 5:
        return Status.OK, "no tests were found"
    if code in (3, 4):
        return Status.FAILED, "pytest could not start: " + (clean(phase.output).strip()[-300:] or "no reason given")
    return Status.OK, ""
