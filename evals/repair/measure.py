"""Run the repair, and the baseline, on one fault at a time, and see how much of the answer is right."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from assist.edit import fix
from assist.observation import Observation
from assist.observe import observe
from assist.repair import SearchRepair
from assist.repair.source import apply
from assist.task import Budget, Task
from evals.repair.functions import function_at, same_code
from evals.repair.plain import plain_search
from evals.repair.programs import MODULE, TESTS, Program
from evals.repair.real import Fault, blob, check_out
from sandbox.ports import Runner
from sandbox.testrun import run_tests
from workspace.project import Project, open_project

_ENV = {"PATH": "/usr/bin:/bin"}
_HELD = 3  # of the failing tests of a real fault, one of so many is held out
_OBSERVING = 25.0  # seconds
_TESTING = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one search made of one fault."""

    plausible: bool
    """All the tests that it was given pass."""
    survives: bool | None = None
    """The held-out tests pass, too; None when there are none, or nothing was found."""
    equal: bool = False
    """It is the true fix but for layout."""
    in_function: bool = False
    """It changes the function that the true fix changed."""
    seconds: float = 0.0
    tried: int = 0
    rivals: int = 0
    """Other patches that passed the same tests."""
    title: str = ""
    ending: str = ""
    """Why there is none, in the words that a person would read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    name: str
    kind: str
    ours: Answer
    plain: Answer


async def measure_program(program: Program, root: Path, runner: Runner, python: Path, *, seconds: float) -> Measured:
    """The whole loop with its verification, as `assay fix --test .` does it; then the baseline."""
    project = _written(root, program.faulty, program.tests, python)
    started = time.monotonic()
    seen = await observe(project, runner, test=".", seconds=_OBSERVING)
    observing = time.monotonic() - started
    failing = frozenset(test.id.partition("::")[2] for test in seen.targets)
    held = program.held_out(failing)
    project = _written(root, program.faulty, program.without(held), python)
    search = SearchRepair(runner, project)
    task = Task(kind="make_test_pass", root=project.root, test=".")
    started = time.monotonic()
    outcome = await fix(task, project, runner, [search], budget=Budget(seconds=seconds))
    taken = time.monotonic() - started
    is_whole = outcome.grade == "verified" and outcome.edit is not None and not outcome.still_failing
    after = outcome.edit.changes[0].after if is_whole and outcome.edit is not None else None
    ours = Answer(plausible=False, seconds=taken, tried=search.tried, ending=outcome.reason)
    if after is not None and outcome.edit is not None:
        ours = replace(
            ours,
            plausible=True,
            survives=await _passes(root, after, program, runner, python),
            equal=same_code(after, program.good.encode()),
            in_function=True,
            rivals=len(outcome.runners_up),
            title=outcome.edit.title,
            ending="",
        )
    started = time.monotonic()
    seen = _given(seen, held)
    mutation, run = await plain_search(seen, project, runner, seconds=seconds)
    taken = observing + time.monotonic() - started
    plain = Answer(plausible=mutation is not None, seconds=taken, tried=run.tried)
    if mutation is not None:
        after = apply(program.faulty.encode(), mutation.splices)
        survives = await _passes(root, after, program, runner, python)
        equal = same_code(after, program.good.encode())
        plain = replace(plain, survives=survives, equal=equal, title=mutation.title)
    return Measured(name=program.name, kind=program.kind, ours=ours, plain=plain)


async def measure_fault(
    fault: Fault, folder: Path, work: Path, runner: Runner, python: Path, *, seconds: float
) -> Measured | str:
    """The search alone on a fault of a real repository; a sentence when its tests cannot be had here."""
    root = work / "tree"
    check_out(folder, fault.commit, root)
    fixed = (root / fault.path).read_bytes()
    (root / fault.path).write_bytes(blob(folder, f"{fault.commit}^", fault.path))
    project = open_project(root, python=python, env=_ENV)
    file = fault.failing[0].partition("::")[0]
    started = time.monotonic()
    seen = await observe(project, runner, test=file, near=(file,), seconds=_OBSERVING)
    spent = time.monotonic() - started
    given, held = split_tests(fault.failing)
    targets = tuple(test for test in seen.targets if test.id in given)
    if not targets:
        return f"{fault.id}: its tests do not fail here. {seen.detail}".strip()
    known = tuple(test for test in seen.tests if test.id in given or not test.failed)
    seen = replace(seen, targets=targets, tests=known, selected=targets)
    ours = await _searched(fault, fixed, project, seen, runner, seconds, held)
    started = time.monotonic()
    mutation, run = await plain_search(seen, project, runner, seconds=seconds)
    plain = Answer(plausible=mutation is not None, seconds=time.monotonic() - started + spent, tried=run.tried)
    if mutation is not None:
        after = apply(project.read(mutation.path) or b"", mutation.splices)
        shown = await _judged(fault, fixed, project, mutation.path, after, runner, held)
        plain = replace(shown, title=mutation.title, seconds=plain.seconds, tried=plain.tried)
    return Measured(name=fault.id, kind=fault.kind, ours=replace(ours, seconds=ours.seconds + spent), plain=plain)


def split_tests(failing: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """What the search is given, and what is held out of it: every third failing test, or the last of two."""
    if len(failing) == 1:
        return frozenset(failing), frozenset()
    held = frozenset(failing[_HELD - 1 :: _HELD]) or frozenset(failing[-1:])
    return frozenset(failing) - held, held


async def _searched(
    fault: Fault,
    fixed: bytes,
    project: Project,
    seen: Observation,
    runner: Runner,
    seconds: float,
    held: frozenset[str],
) -> Answer:
    search = SearchRepair(runner, project, seconds=seconds)
    task = Task(kind="make_test_pass", root=project.root, test=seen.targets[0].id)
    said: list[str] = []
    started = time.monotonic()
    offers = search.propose(task, seen, (), said.append)
    async with aclosing(offers):
        found = [candidate async for candidate in offers if candidate.plausible]
    taken = time.monotonic() - started
    if not found:
        return Answer(plausible=False, seconds=taken, tried=search.tried, ending=said[-1] if said else "")
    change = found[0].edit.changes[0]
    answer = await _judged(fault, fixed, project, change.path, change.after or b"", runner, held)
    title = found[0].edit.title
    return replace(answer, seconds=taken, tried=search.tried, rivals=len(found) - 1, title=title)


async def _judged(
    fault: Fault, fixed: bytes, project: Project, path: str, after: bytes, runner: Runner, held: frozenset[str]
) -> Answer:
    """The patch in a fresh sandbox: the tests of the fix's files, those that were held out among them."""
    patched = replace(project, overlay={path: after})
    files = sorted({test.partition("::")[0] for test in fault.failing})
    run = await run_tests(patched, runner, selection=files, seconds=_TESTING)
    passed = {case.id for case in run.outcomes if case.outcome == "passed"}
    before, here = project.read(path) or b"", path == fault.path
    line = _first_difference(before, after)
    return Answer(
        plausible=set(fault.failing) - held <= passed,
        survives=held <= passed if held else None,
        equal=here and same_code(after, fixed),
        in_function=here and function_at(before, line) == fault.function,
    )


def _first_difference(before: bytes, after: bytes) -> int:
    """The line, from 1, in which two texts first differ."""
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=False)
    return next((number for number, (one, other) in enumerate(pairs, 1) if one != other), 1)


def _written(root: Path, code: str, tests: str, python: Path) -> Project:
    root.mkdir(parents=True, exist_ok=True)
    (root / MODULE).write_text(code)
    (root / TESTS).write_text(tests)
    return open_project(root, python=python, env=_ENV)


def _given(seen: Observation, held: frozenset[str]) -> Observation:
    """What the tests showed, without those that are held out."""
    tests = tuple(test for test in seen.tests if test.id.partition("::")[2] not in held)
    targets = tuple(test for test in tests if test.failed)
    return replace(seen, tests=tests, targets=targets, selected=tests)


async def _passes(root: Path, code: bytes, program: Program, runner: Runner, python: Path) -> bool:
    """All tests, those held out among them, in a fresh sandbox; the very fix passes them anyway."""
    if same_code(code, program.good.encode()):
        return True
    project = _written(root, code.decode(), program.tests, python)
    run = await run_tests(project, runner, seconds=_TESTING)
    names = {case.id.partition("::")[2] for case in run.outcomes if case.outcome == "passed"}
    return names >= set(program.test_names)
