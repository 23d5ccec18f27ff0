"""Write tests: they must run and pass twice, and fail on a mutated copy of the code; else they prove nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from assist.actions.ask import Model, ask_until_read
from assist.actions.focus import Focus, Spot
from assist.actions.judges import Bench
from assist.actions.mutants import Mutated, mutate
from assist.actions.rewrite import keeps_secrets
from assist.actions.seek import unrun
from assist.actions.suite import alone, shown_of
from assist.actions.syntax import no_worse
from assist.model.parse import read_edit
from assist.observation import Observation, ObservedTest
from assist.observe import observe
from inference.errors import BadOutput
from sandbox.receipt import Grade, Receipt, Step, TestOutcome
from sandbox.store import new_receipt
from sandbox.testdiff import keeps_existing_tests
from sandbox.testrun import TestRun, run_tests
from sandbox.verdict import Judgement
from workspace.edit import Edit
from workspace.project import Project
from workspace.tests import tests_in

_NAMED = 3
_OUTPUT = 4000
# A test may use its test library; what starts processes, opens connections or ends the interpreter is no test's.
_REFUSED = ("os.system(", "subprocess.", "socket.", "shutil.rmtree(", "os._exit(", "ctypes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What new tests are about."""

    path: str
    lines: range
    """From 1, of the definition."""
    test_path: str


async def write_tests(model: Model, project: Project, spot: Spot, focus: Focus, test_path: str, earlier: str) -> Edit:
    """An edit that adds tests to one file and changes none that is there.

    :raises ActionError: no answer could be used.
    :raises InferenceError: the model cannot answer.
    """
    before = project.read(test_path)
    existing = shown_of(before)
    messages = model.messages(
        "tests",
        context=earlier,
        path=spot.path,
        source=focus.source,
        existing=model.part("file", path=test_path, source=existing) if existing else "",
        name=focus.name,
        test_path=test_path,
    )
    model.progress(f"asking {model.name}" + (" again, with what went wrong" if earlier else ""))

    async def read(answer: str) -> Edit:
        edit = read_edit(answer, project, (test_path,), only=(test_path,))
        _check(edit)
        await no_worse(edit)
        return edit

    return await ask_until_read(model, messages, read)


def _check(edit: Edit) -> None:
    """:raises BadOutput: it adds no test, takes one away, or does what no test has a use for."""
    for change in edit.changes:
        before, after = change.before or b"", change.after or b""
        if change.before is not None and (lost := keeps_existing_tests(before, after)):
            raise BadOutput(f"It {lost} in {change.path}; only add tests.")
        if not new_tests(edit):
            raise BadOutput("It adds no test; a test is a function whose name begins with test_.")
        for word in _REFUSED:
            if after.count(word.encode()) > before.count(word.encode()):
                raise BadOutput(f"It uses {word.rstrip('(.')}, which these tests have no use for.")
    keeps_secrets(edit)


def new_tests(edit: Edit) -> list[str]:
    """Ids of the tests that an edit adds."""
    found: list[str] = []
    for change in edit.changes:
        before, after = ((content or b"").decode("utf-8", "replace") for content in (change.before, change.after))
        known = {case.id for case in tests_in(change.path, before)}
        found += [case.id for case in tests_in(change.path, after) if case.id not in known]
    return found


async def judge_tests(edit: Edit, bench: Bench, tested: Subject, *, model: str, context: tuple[str, ...]) -> Receipt:
    """`verified`: every new test passes, passes again, and some mutated copy of the code fails. Else `unverified`."""
    project, runner = bench.project, bench.runner
    if project is None or runner is None or bench.why_not:
        return unrun(edit, f"Nothing was run: {bench.why_not}", model=model, context=context)
    finish = new_receipt(edit, runner.isolation.name, model, context, project.notes)
    with_tests = _with(project, edit)
    bench.progress("running the new tests")
    narrow = alone(with_tests, tested.test_path)
    seen = await observe(narrow, runner, test=tested.test_path, near=(tested.test_path,), seconds=bench.seconds)
    names = new_tests(edit)
    ours = [test for test in seen.selected if test.id.partition("[")[0] in names]
    steps = [_step("tests-after", seen, ours)]
    if problem := _problem(ours, seen):
        return finish(steps, _unverified(problem, ours), _log(ours, seen))
    bench.progress("running them again")
    again = await run_tests(with_tests, runner, selection=(tested.test_path,), seconds=bench.seconds)
    outcomes = {case.id: case.outcome for case in again.outcomes}
    steps.append(_repeat(again))
    if lost := [test.id for test in ours if outcomes.get(test.id) != "passed"]:
        return finish(steps, _unverified(f"{_names(lost)} passed once and not again", ours), again.log)
    bench.progress("checking that they fail when the code is wrong")
    mutated = await mutate(with_tests, runner, ours, tested.path, tested.lines, seen.modules)
    steps.append(_control(mutated))
    return finish(steps, _judged(ours, mutated))


def _judged(ours: list[ObservedTest], mutated: Mutated) -> Judgement:
    count = f"{len(ours)} new test{'s' * (len(ours) != 1)}"
    do = ("passes", "fails") if len(ours) == 1 else ("pass", "fail")
    if not mutated.run:
        return _unverified(f"the {count} {do[0]}, and no copy of the code with a fault in it could be run", ours)
    copies = f"{mutated.run} cop{'ies' if mutated.run != 1 else 'y'} of the code with a fault in it"
    if not mutated.noticed:
        return _unverified(
            f"the {count} {do[0]} on all of {copies} as well, which says that nothing would be noticed", ours
        )
    return Judgement(
        grade=Grade.VERIFIED,
        reason=f"{count} {do[0]}, and {do[1]} on {mutated.noticed} of {copies}",
        claim=f"adds {_names([test.id for test in ours])}",
        tests=_outcomes(ours),
        touched_by="coverage",
    )


def _unverified(why: str, ours: list[ObservedTest]) -> Judgement:
    return Judgement(grade=Grade.UNVERIFIED, reason=why, claim="nothing", tests=_outcomes(ours))


def _problem(ours: list[ObservedTest], seen: Observation) -> str:
    """Why the new tests are not seen to pass; empty when they are."""
    if not ours:
        return f"the new tests were not run: {' '.join(seen.detail.split()) or 'pytest did not find them'}"
    if failing := [test for test in ours if test.outcome != "passed"]:
        said = failing[0].failure
        why = f" ({said.raised}: {said.message.partition(chr(10))[0][:160]})" if said and said.raised else ""
        do = "does" if len(failing) == 1 else "do"
        return f"{_names([test.id for test in failing])} {do} not pass{why}"
    return ""


def _with(project: Project, edit: Edit) -> Project:
    overlay = {change.path: change.after for change in edit.changes if change.after is not None}
    files = tuple(sorted({*project.files, *overlay}))
    return replace(project, files=files, overlay={**project.overlay, **overlay})


def _step(name: str, seen: Observation, ours: list[ObservedTest]) -> Step:
    counts = Counter(test.outcome for test in ours)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "none ran"
    good = ours and all(test.outcome == "passed" for test in ours)
    seconds = round(sum(test.seconds for test in ours), 3)
    return Step(name=name, status="ok" if good else "failed", seconds=seconds, command="pytest",
                detail=" ".join([said, seen.detail]).strip())  # fmt: skip


def _repeat(run: TestRun) -> Step:
    return Step(name="repeat", status=run.status.value, seconds=run.seconds, command="pytest", detail=run.detail)


def _control(mutated: Mutated) -> Step:
    survivors = f"; not noticed: {', '.join(mutated.survivors[:_NAMED])}" if mutated.survivors else ""
    return Step(
        name="control",
        status="ok" if mutated.noticed else "failed",
        seconds=0.0,
        command="mutated copies",
        detail=f"{mutated.noticed} of {mutated.run} noticed{survivors}{mutated.detail and '; '}{mutated.detail}",
    )


def _outcomes(ours: list[ObservedTest]) -> tuple[TestOutcome, ...]:
    return tuple(TestOutcome(id=test.id, before=None, after=_after(test), touches=True) for test in ours)


def _after(test: ObservedTest) -> str:
    return "failed" if test.outcome == "timeout" else test.outcome


def _log(ours: list[ObservedTest], seen: Observation) -> str:
    texts = [test.failure.text for test in ours if test.failure]
    texts += [test.failure.text for test in seen.selected if test.failure and test not in ours]
    return "\n".join(texts)[-_OUTPUT:] or seen.detail


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
