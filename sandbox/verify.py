"""Verify an edit: run the project's tests without it and with it, and doubt the answer before giving it.

In two sandboxes side by side (see sandbox/trial.py):

    base    lint, tests, and the tests that the edit adds, which must fail here to be evidence
    edited  compile, lint, tests; the tests again as another user, in another folder and order (repeat); spoiled
            tests, which must fail (control); the added tests; and the calls that tests made, answered once under
            a test runner and once where there has never been one (replay)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from sandbox.errors import SandboxError
from sandbox.imports import importers
from sandbox.instruments import (
    Reading,
    read_added,
    read_compile,
    read_control,
    read_doctests,
    read_lint,
    read_repeats,
    read_replay,
    read_tampering,
    read_tests,
)
from sandbox.job import NOT_STARTED, JobResult
from sandbox.ports import Limits, Runner, Status
from sandbox.receipt import Grade, Receipt, Step
from sandbox.screen import screen
from sandbox.store import new_receipt
from sandbox.testrun import TestRun, read_run
from sandbox.trial import REPEAT, Trial
from sandbox.units import MODULE
from sandbox.verdict import Judgement, Observed, judge
from sandbox.workdir import working_folder
from workspace.edit import Edit
from workspace.project import Project


async def verify(
    edit: Edit,
    project: Project,
    runner: Runner,
    *,
    scope: Sequence[str] = (),
    baseline: TestRun | None = None,
    seconds: float = 120.0,
    limits: Limits | None = None,
    progress: Callable[[str], None] = lambda _: None,
    model: str | None = None,
    context: Sequence[str] = (),
) -> Receipt:
    """Judge an edit by what running it shows. Never raises for what the edit does.

    :param scope: globs of tests, test data and configuration that the edit is meant to change.
    :param baseline: the outcomes without the edit, from `run_tests` on the same project, when they are known.
    :param seconds: the limit of each run of the tests; there are at most five.
    """
    screened = screen(edit, project, scope)
    finish = new_receipt(edit, runner.isolation.name, model, context, (*screened.notes, *project.notes))
    status = "failed" if screened.findings else "ok"
    steps = [Step(name="screen", status=status, seconds=0.0, detail="; ".join(screened.findings))]
    if screened.findings:
        return finish(steps, Judgement.of(Grade.FAILED, "; ".join(screened.findings[:3])))
    with working_folder() as folder:
        trial = Trial(
            project=project,
            runner=runner,
            screened=screened,
            folder=folder,
            seconds=seconds,
            limits=limits or Limits(),
            progress=progress,
        )
        try:
            judgement, log = await _try(trial, baseline, steps)
        except SandboxError as error:
            judgement, log = Judgement.of(Grade.UNVERIFIED, str(error)), ""
    return finish(steps, judgement, log)


async def _try(trial: Trial, baseline: TestRun | None, steps: list[Step]) -> tuple[Judgement, str]:
    trial.progress("running the tests without and with the edit")
    base, edited = await _both(trial.run_base(with_tests=baseline is None), trial.run_edited())
    for job in (base, edited):
        if job is not None and job.run.status in (Status.INFRA, Status.REFUSED):
            return Judgement.of(Grade.UNVERIFIED, job.run.detail or "the sandbox failed"), ""
    if (blocked := edited.phases.get("compile")) is not None and blocked.status == NOT_STARTED:
        return Judgement.of(Grade.UNVERIFIED, _unreadable(trial)), blocked.output
    before = baseline or _read_base(base, trial)
    run, repeat = read_run(edited, "tests", trial.root), read_run(edited, "repeat", REPEAT)
    control, refuted = read_control(edited, run)
    readings: list[Reading] = [
        read_compile(edited),
        read_lint(base, edited),
        (read_tests("tests-before", before), []),
        (read_tests("tests-after", run), []),
        (None, read_doctests(trial, before)),
        (None, read_tampering(trial, edited, before, (run, repeat))),
        await read_repeats(trial, edited, before, run),
        control,
        read_replay(edited),
    ]
    steps += [step for step, _ in readings if step is not None]
    if before.status is not Status.OK:
        return Judgement.of(Grade.UNVERIFIED, f"without the edit, {before.detail}"), before.log
    added = read_added(base, edited)
    opened = (
        {record["id"] for record in edited.phases["tests"].of("opened")} if "tests" in edited.phases else set[str]()
    )
    observed = Observed(
        before=before.by_id(),
        after=run.by_id(),
        repeated=repeat.by_id(),
        units=trial.units,
        importing=_importing(trial),
        opened=opened,
        refuted=refuted,
        new_fixed=sorted(added.keys() - before.by_id().keys()),
        new_touched={touch for case in added.values() for touch in case.touched},
        faults=tuple(dict.fromkeys(fault for _, faults in readings for fault in faults)),
        ended="" if run.status is Status.OK else run.detail,
    )
    return judge(observed), run.log if not run.detail else f"{run.log}\n{run.detail}"


async def _both(
    one: Coroutine[Any, Any, JobResult | None], other: Coroutine[Any, Any, JobResult]
) -> tuple[JobResult | None, JobResult]:
    """What both return. If one fails, or this is cancelled, both have ended before it goes on: they share a folder."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(other)
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    return first.result(), second.result()


def _read_base(base: JobResult | None, trial: Trial) -> TestRun:
    assert base is not None  # without a baseline, the base's job runs the tests
    return read_run(base, "base", trial.root)


def _unreadable(trial: Trial) -> str:
    python = trial.project.python
    return (
        f"{python.executable} cannot be started by another user, which is how tests are run;"
        f" let others read it: chmod -R o+rX {python.prefix}"
    )


def _importing(trial: Trial) -> frozenset[str]:
    project = trial.project
    sources = {path: content for path in project.files if path.endswith(".py")
               and (content := project.read(path)) is not None}  # fmt: skip
    at_module_level = [unit.path for unit in trial.units if unit.name == MODULE]
    return importers(at_module_level or [unit.path for unit in trial.units], sources)
