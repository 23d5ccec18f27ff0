"""From what was observed to a grade: pure, so that every rule can be read and tested."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sandbox.receipt import Grade, TestOutcome
from sandbox.testrun import CaseOutcome
from sandbox.units import MODULE, Unit

_NAMED = 3  # tests named in a sentence; the rest is counted
_PASSED = ("passed", "xpassed")
_FAILING = ("failed", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the steps found."""

    before: Mapping[str, CaseOutcome]
    after: Mapping[str, CaseOutcome]
    repeated: Mapping[str, CaseOutcome]
    """The second run of the edited tree, in another environment."""
    units: Sequence[Unit]
    """What the edit changes."""
    importing: Collection[str]
    """Test files that import a changed file, however far."""
    opened: Collection[str]
    """Ids of tests that opened a changed file that is not Python."""
    refuted: Collection[str]
    """Ids of tests that failed, as they must, when their assertions were spoiled."""
    new_fixed: Collection[str] = ()
    """Ids of tests that the edit adds which fail on the base and pass, repeatedly, with it."""
    new_touched: Collection[tuple[str, str]] = ()
    faults: Sequence[str] = ()
    """Findings that decide alone: reached for the judge, lints worse, edits tests, …"""
    ended: str = ""
    """Why the run of the edited tree did not come to its own end; empty when it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    grade: Grade
    reason: str
    claim: str
    tests: tuple[TestOutcome, ...] = ()
    touched_by: str = "none"

    @classmethod
    def of(cls, grade: Grade, reason: str) -> Judgement:
        """One that no test had a part in."""
        return cls(grade=grade, reason=reason, claim="nothing")


def judge(seen: Observed) -> Judgement:
    """The strongest grade that the observations allow."""
    broken = [test for test, case in seen.before.items() if _held(case.outcome) and not _holds(seen.after.get(test))]
    fixed = [
        test for test, case in seen.after.items() if case.outcome == "passed" and _failed_before(test, seen.before)
    ]
    still = [test for test, case in seen.before.items() if case.outcome in _FAILING and not _holds(seen.after.get(test))
             and not any(other.startswith(test + "::") for other in fixed)]  # fmt: skip
    touching = {test for test, case in seen.after.items() if _touches(test, case, seen)}
    # A program that a test starts is not traced. That its outcome changed with nothing but the edit tells as much.
    touching |= {test for test in fixed if seen.after[test].spawned}
    evidence = {test for test in touching if _holds(seen.after[test]) and _counts(test, seen)}
    related = [test for test in still if test in touching or _runs_changed_file(test, seen)]
    grade, reason = _grade(seen, broken, [test for test in fixed if test in evidence], related, evidence)
    tests = tuple(
        TestOutcome(
            id=test, before=_outcome(seen.before, test), after=_outcome(seen.after, test), touches=test in touching
        )
        for test in sorted(seen.before.keys() | seen.after.keys())
    )
    by_function = any(unit.name != MODULE for unit in seen.units)
    touched_by = "none" if not evidence else "coverage" if by_function else "imports"
    return Judgement(grade=grade, reason=reason, claim=_claim(grade, fixed, still, seen), tests=tests,
                     touched_by=touched_by)  # fmt: skip


def _grade(
    seen: Observed, broken: list[str], fixed: list[str], related: list[str], evidence: Collection[str]
) -> tuple[Grade, str]:
    if seen.faults:
        return Grade.FAILED, "; ".join(seen.faults[:_NAMED])
    if seen.ended:
        return Grade.FAILED, seen.ended
    if broken:
        return Grade.FAILED, f"{_names(broken)} passed before and no longer {_do(broken)}"
    if not seen.before and not seen.after and not seen.new_fixed:
        return Grade.CHECKED, "there are no tests, so nothing shows that the change is right"
    proven = [test for test in fixed if test in evidence]
    if related and not proven:
        return Grade.FAILED, f"{_names(related)} failed before and still {_fails(related)}"
    if fixed and not proven:
        return Grade.CHECKED, f"{_names(fixed)} {_passes(fixed)} now, but nothing shows that this is the edit's doing"
    if not evidence and not seen.new_fixed:
        return Grade.CHECKED, "no test that counts as evidence runs what was changed"
    if not proven and (untouched := _untouched(seen)):
        return Grade.CHECKED, f"no test runs {_names(untouched)}, which the edit changes"
    count = len(set(evidence) | set(seen.new_fixed))
    tests = f"{count} test{'s' * (count != 1)} that {'run' if count != 1 else 'runs'} the change passed"
    if shown := [*proven, *seen.new_fixed]:
        return Grade.VERIFIED, f"{_names(shown)} failed before and {_passes(shown)} now; {tests}, none broke"
    return Grade.VERIFIED, f"{tests} before and after, none broke"


def _claim(grade: Grade, fixed: list[str], still: list[str], seen: Observed) -> str:
    """What was shown, lowered by what still fails."""
    if grade not in (Grade.VERIFIED, Grade.CHECKED):
        return "nothing"
    shown = [*fixed, *seen.new_fixed]
    parts = [f"fixes {_names(shown)}" if shown else "keeps every passing test passing"]
    if still:
        parts.append(f"does not fix {_names(still)}, which failed before and still {_fails(still)}")
    return "; ".join(parts)


def _held(outcome: str) -> bool:
    return outcome in (*_PASSED, "xfailed")


def _holds(case: CaseOutcome | None) -> bool:
    return case is not None and _held(case.outcome)


def _outcome(cases: Mapping[str, CaseOutcome], test: str) -> str | None:
    return cases[test].outcome if test in cases else None


def _failed_before(test: str, before: Mapping[str, CaseOutcome]) -> bool:
    """Whether it failed on the base, or lies in a file that could not even be collected there."""
    case = before.get(test) or before.get(test.partition("::")[0])
    return case is not None and case.outcome in _FAILING


def _touches(test: str, case: CaseOutcome, seen: Observed) -> bool:
    if test in seen.opened:
        return True
    for unit in seen.units:
        if (unit.path, unit.name) in case.touched:
            return True
        if unit.name == MODULE and ((unit.path, "") in case.touched or test.partition("::")[0] in seen.importing):
            return True
    return False


def _runs_changed_file(test: str, seen: Observed) -> bool:
    case = seen.after.get(test)
    paths = {unit.path for unit in seen.units}
    if case is not None and any(path in paths for path, _ in case.touched):
        return True
    return (case is None or not case.touched) and test.partition("::")[0] in seen.importing


def _counts(test: str, seen: Observed) -> bool:
    """Passed again elsewhere, and could fail: doctests cannot be spoiled, and are compared as text instead."""
    return _holds(seen.repeated.get(test)) and (test in seen.refuted or seen.after[test].is_doctest)


def _untouched(seen: Observed) -> list[str]:
    """Functions that existed, were changed, and are run by no passing test."""
    touched = set(seen.new_touched).union(*(case.touched for case in seen.after.values() if _holds(case)))
    return [unit.name for unit in seen.units if unit.existed and unit.name != MODULE
            and (unit.path, unit.name) not in touched and not unit.name.endswith(("__repr__", "__str__"))]  # fmt: skip


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _do(tests: Sequence[str]) -> str:
    return "does" if len(tests) == 1 else "do"


def _fails(tests: Sequence[str]) -> str:
    return "fails" if len(tests) == 1 else "fail"


def _passes(tests: Sequence[str]) -> str:
    return "passes" if len(tests) == 1 else "pass"
