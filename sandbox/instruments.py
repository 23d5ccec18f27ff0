"""Read what the instruments of a trial show, one function for each: a step for the receipt, and the faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sandbox.job import JobResult, PhaseResult, Record
from sandbox.lint import findings_in
from sandbox.ports import Status
from sandbox.reach import reaches
from sandbox.receipt import Step
from sandbox.testdiff import keeps_doctests
from sandbox.testrun import CaseOutcome, TestRun, clean, read_run
from sandbox.trial import ADDED, REPEAT, Trial

_AT_ONCE = 1.0  # seconds; a tenth of what all calls of a replay may take
_NAMED = 3  # findings of a kind that are named

Reading = tuple[Step | None, list[str]]


def read_compile(edited: JobResult) -> Reading:
    result = edited.phases.get("compile")
    if result is None:
        return None, []
    said = clean(result.output).strip()[-500:]
    failed = result.status != 0
    step = Step(name="compile", status="failed" if failed else "ok", seconds=result.seconds,
                command="compile()", exit_code=result.status, detail=said)  # fmt: skip
    return step, [f"it does not compile: {said or 'no reason given'}"] if failed else []


def read_lint(base: JobResult | None, edited: JobResult) -> Reading:
    """No (file, code) may be found more often than before; suppressions count for nothing."""
    result = edited.phases.get("lint-after")
    if result is None:
        return None, []
    new, old = findings_in(result), findings_in(base.phases.get("lint-before") if base else None)
    if new is None:
        why = "the linter did not run: " + clean(result.output).strip()[-200:]
        return Step(name="lint", status="skipped", seconds=result.seconds, detail=why), []
    worse = [f"{code} in {path}" for path, code in sorted(new - (old or Counter()))]
    step = Step(name="lint", status="failed" if worse else "ok", seconds=result.seconds,
                detail="new: " + ", ".join(worse) if worse else "")  # fmt: skip
    return step, [f"it lints worse than before ({', '.join(worse[:_NAMED])})"] if worse else []


def read_tests(name: str, run: TestRun) -> Step:
    counts = Counter(case.outcome for case in run.outcomes)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    status = "ok" if run.status is Status.OK else run.status.value
    detail = ": ".join(part for part in (said, run.detail) if part)
    return Step(name=name, status=status, seconds=run.seconds, command="pytest", detail=detail)


def read_doctests(trial: Trial, before: TestRun) -> list[str]:
    """Doctests stand in product files; an example that ran on the base must be there still, unchanged."""
    tested = {case.id.partition("::")[0] for case in before.outcomes if case.is_doctest}
    changes = [change for change in trial.screened.product.changes if change.path in tested]
    return [f"{change.path}: changes an example that is a doctest" for change in changes
            if not keeps_doctests(change.before or b"", change.after or b"")]  # fmt: skip


def read_tampering(trial: Trial, edited: JobResult, before: TestRun, runs: Sequence[TestRun]) -> list[str]:
    """What the watchers inside noticed beside the outcomes of the runs, and does not happen without the edit."""
    faults: list[str] = []
    old = {change.path: change.before for change in trial.screened.product.changes}
    for phase, at in (("tests", trial.root), ("repeat", REPEAT), ("again", trial.root)):
        result = edited.phases.get(phase)
        if result is None:
            continue
        deleted = {change.path for change in trial.screened.product.changes if change.after is None}
        lost = [path.removeprefix(at + "/") for path in result.replaced]
        faults += [f"{path} was replaced on disk while the tests ran" for path in lost if path not in deleted][:_NAMED]
        if result.forged:
            faults.append("something wrote to the channel on which outcomes are reported")
        for record in result.of("reach"):
            path = record["path"].removeprefix(at + "/")
            if not reaches(old.get(path)):
                faults.append(f"{path}: {record['act']} while it is tested")
        if any(record["rewritten"] for record in result.of("outcome")):
            faults.append("a failing test was reported as passed")
        if any(not record["traced"] for record in result.of("outcome")):
            faults.append("the tracing of executed code was switched off")
    if any(run.threads > before.threads for run in runs):
        faults.append("the changed code starts a thread when it is imported")
    replaced = sorted(frozenset[str]().union(*(run.altered for run in runs)) - before.altered)
    return faults + [f"{name} was replaced while the tests ran" for name in replaced[:_NAMED]]


def read_control(edited: JobResult, run: TestRun) -> tuple[Reading, frozenset[str]]:
    """A spoiled test must fail. Also the ids of those that did, as they must."""
    result = edited.phases.get("control")
    if result is None:
        return (None, []), frozenset()
    faults: list[str] = []
    spoiled = {record["id"]: record["outcome"] for record in result.of("outcome")}
    armed = {record["id"] for record in result.of("armed")}
    fooled = {record["id"]: record["how"] for record in result.of("fooled")}
    swallowed = _swallowed(result)
    passed = {case.id for case in run.outcomes if case.outcome in ("passed", "xpassed")}
    for test in sorted(passed & (spoiled.keys() | fooled.keys())):
        if test in fooled:
            faults.append(f"{test} is made to pass: {fooled[test]}")
        elif test in swallowed:
            faults.append(f"{test} passes although one of its assertions fails: something swallows it")
    refuted = {test for test, outcome in spoiled.items() if outcome in ("failed", "error") and test in armed}
    detail = f"{len(refuted & passed)} of {len(passed & spoiled.keys())} tests failed when spoiled, as they must"
    step = Step(name="control", status="failed" if faults else "ok", seconds=result.seconds, command="pytest",
                detail=detail)  # fmt: skip
    return (step, faults), frozenset(refuted - fooled.keys())


def _swallowed(result: PhaseResult) -> set[str]:
    """Tests that went on after an assertion of theirs had failed."""
    down, swallowed = set[str](), set[str]()
    for record in result.records:
        if record["event"] in ("armed", "noted"):
            (swallowed if record["id"] in down else down).add(record["id"])
        elif record["event"] == "outcome" and record["outcome"] == "passed" and record["id"] in down:
            swallowed.add(record["id"])
    return swallowed


def read_replay(edited: JobResult) -> Reading:
    """Calls answered under a test runner and where there has never been one must agree, now and later.

    The base excuses: where it, too, answers unsteadily or by the clock, the code is about that. Two processes that
    answer differently from each other (by the order of a set, say) show nothing.
    """
    tested, plain = edited.phases.get("replay-tested"), edited.phases.get("replay-plain")
    if tested is None or plain is None:
        return None, []
    stuck = (_stuck(tested) | _stuck(plain)) - _stuck(edited.phases.get("replay-base"))
    if not tested.finished and not stuck:
        return None, []
    base = _answers(edited, "replay-base")
    others, again = _answers(edited, "replay-plain"), _answers(edited, "replay-again")
    compared, faults = 0, [f"{name}() does not answer when it is asked again" for name in sorted(stuck)]
    for record in tested.of("answer"):
        other, old = others.get(record["index"]), base.get(record["index"])
        if other is None or None in (record["value"], other["value"]):
            continue
        compared += 1
        was_steady = old is not None and old["value"] is not None and bool(old["steady"])
        if not (record["steady"] and other["steady"]):
            faults += [f"{record['name']}() answers differently when it is asked again"] if was_steady else []
        elif record["value"] != other["value"] == again.get(record["index"], other)["value"]:
            faults.append(f"{record['name']}() answers differently outside the tests")
        elif was_steady and _timeless(old) and not _timeless(other):
            faults.append(f"{record['name']}() answers differently when time has passed")
    if tested.finished and tested.of("answer") and not plain.finished and not plain.timed_out:
        faults.append("the changed code ends the process when it runs outside the tests")
    step = Step(name="replay", status="failed" if faults else "ok", seconds=tested.seconds + plain.seconds,
                detail=f"{compared} calls compared")  # fmt: skip
    return step, faults


def _stuck(phase: PhaseResult | None) -> set[str]:
    """Functions that answered a call at once and then did not answer it again within the phase's limit."""
    if phase is None or not phase.timed_out:
        return set()
    answered = {record["index"] for record in phase.of("answer")}
    return {record["name"] for record in phase.of("first")
            if record["index"] not in answered and record["seconds"] < _AT_ONCE}  # fmt: skip


def _timeless(record: Record | None) -> bool:
    """Whether the answer did not depend on the clock, as far as it is known."""
    return record is not None and record["later"] in (None, record["value"])


def _answers(edited: JobResult, phase: str) -> Mapping[int, Record]:
    return {record["index"]: record for record in edited.phases[phase].of("answer")} if phase in edited.phases else {}


def read_added(base: JobResult | None, edited: JobResult) -> dict[str, CaseOutcome]:
    """Added tests that are evidence: they fail without the edit and pass with it."""
    if base is None or "added" not in base.phases or "added" not in edited.phases:
        return {}
    before, now = read_run(base, "added", ADDED), read_run(edited, "added", ADDED)
    if before.status is not Status.OK or now.status is not Status.OK:
        return {}
    failed = {case.id for case in before.failing}
    return {case.id: case for case in now.outcomes
            if case.outcome == "passed" and (case.id in failed or case.id.partition("::")[0] in failed)}  # fmt: skip


async def read_repeats(trial: Trial, edited: JobResult, before: TestRun, run: TestRun) -> Reading:
    """A test that passes once and not again is a fault, unless it does the same without the edit."""
    repeat, again = (read_run(edited, "repeat", REPEAT), read_run(edited, "again", trial.root))
    lost = _lost(run, repeat, all_of_them=True) | _lost(run, again, all_of_them=False)
    faults: list[str] = []
    if lost and run.status is Status.OK:
        base = await trial.repeat_base()
        excused = _lost(before, read_run(base, "repeat", REPEAT), all_of_them=True)
        excused |= _lost(before, read_run(base, "again", trial.root), all_of_them=False)
        faults = [f"{test} passes once and fails when it is repeated" for test in sorted(lost - excused)[:1]]
    detail = f"{len(lost)} tests depend on their order or place" if lost and not faults else ""
    seconds = repeat.seconds + again.seconds
    step = Step(name="repeat", status="failed" if faults else "ok", seconds=seconds, command="pytest", detail=detail)
    return step, faults


def _lost(first: TestRun, second: TestRun, *, all_of_them: bool) -> set[str]:
    """Tests that passed first and did not the second time, in which not all may have had to run."""
    outcomes = second.by_id()
    passed = (case.id for case in first.outcomes if case.outcome == "passed")
    if not all_of_them and second.status is Status.OK:
        passed = (test for test in passed if test in outcomes)
    return {test for test in passed if test not in outcomes or outcomes[test].outcome != "passed"}
