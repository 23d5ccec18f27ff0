"""Every rule of the grade, as a table: what was observed, what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.receipt import Grade
from sandbox.testrun import CaseOutcome
from sandbox.units import MODULE, Unit
from sandbox.verdict import Observed, judge

_F = Unit(path="a.py", name="f", first=1, last=2, existed=True)
_G = Unit(path="a.py", name="g", first=3, last=4, existed=True)
_NEW = Unit(path="a.py", name="h", first=5, last=6, existed=False)
_TOP = Unit(path="a.py", name=MODULE, first=0, last=0, existed=True)
_RUNS_F = frozenset({("a.py", ""), ("a.py", "f")})
_IN_FILE = frozenset({("a.py", "")})


def cases(outcomes: Mapping[str, str], touched: frozenset[tuple[str, str]] = _RUNS_F) -> dict[str, CaseOutcome]:
    return {test: CaseOutcome(id=test, outcome=outcome, touched=touched) for test, outcome in outcomes.items()}


def check(expected: Grade, before: Mapping[str, str], after: Mapping[str, str], **more: Any) -> str:
    """`before` and `after`: outcome by test. What is not said was as an honest fix of f has it."""
    ran = cases(after, more.pop("touched", _RUNS_F))
    seen: dict[str, Any] = {
        "before": cases(before),
        "after": ran,
        "repeated": ran,
        "units": (_F,),
        "importing": frozenset(),
        "opened": frozenset(),
        "refuted": frozenset(ran),
    }
    judgement = judge(Observed(**(seen | more)))
    assert judgement.grade is expected, judgement.reason
    return f"{judgement.reason} | {judgement.claim} | {judgement.touched_by}"


def test_a_failing_test_that_passes_is_verified() -> None:
    said = check(Grade.VERIFIED, {"t": "failed", "u": "passed"}, {"t": "passed", "u": "passed"})
    assert "t failed before and passes now" in said
    assert "fixes t" in said
    assert said.endswith("coverage")


def test_a_refactoring_that_tests_run_is_verified() -> None:
    assert "before and after" in check(Grade.VERIFIED, {"t": "passed"}, {"t": "passed"})


@pytest.mark.parametrize("after", [{"t": "failed"}, {"t": "error"}, {"t": "skipped"}, {}])
def test_a_passing_test_that_does_not_pass_is_a_failure(after: dict[str, str]) -> None:
    assert "passed before" in check(Grade.FAILED, {"t": "passed", "u": "passed"}, {"u": "passed", **after})


def test_what_still_fails_is_named_and_lowers_the_claim() -> None:
    said = check(Grade.VERIFIED, {"t": "failed", "u": "failed"}, {"t": "passed", "u": "failed"})
    assert "does not fix u" in said


def test_fixing_nothing_of_what_failed_there_is_a_failure() -> None:
    check(Grade.FAILED, {"t": "failed", "u": "passed"}, {"t": "failed", "u": "passed"})


def test_a_failing_test_that_has_nothing_to_do_with_it_is_only_named() -> None:
    after = cases({"u": "passed"}) | cases({"t": "failed"}, frozenset())
    before = {"t": "failed", "u": "passed"}
    said = judge(
        Observed(
            before=cases(before), after=after, repeated=after, units=(_F,), importing=(), opened=(), refuted=("u",)
        )
    )
    assert said.grade is Grade.VERIFIED
    assert "does not fix t" in said.claim


def test_a_change_that_no_test_runs_is_checked() -> None:
    check(Grade.CHECKED, {"t": "passed"}, {"t": "passed"}, touched=_IN_FILE)


def test_a_changed_function_that_no_test_runs_is_checked_whatever_else_runs() -> None:
    assert "no test runs g" in check(Grade.CHECKED, {"t": "passed"}, {"t": "passed"}, units=(_F, _G))


def test_a_new_function_need_not_be_run() -> None:
    check(Grade.VERIFIED, {"t": "passed"}, {"t": "passed"}, units=(_F, _NEW))


def test_a_fix_need_not_be_run_in_every_part() -> None:
    check(Grade.VERIFIED, {"t": "failed"}, {"t": "passed"}, units=(_F, _G))


def test_a_test_that_does_not_fail_when_spoiled_is_no_evidence() -> None:
    check(Grade.CHECKED, {"t": "failed"}, {"t": "passed"}, refuted=frozenset())
    check(Grade.CHECKED, {"t": "passed"}, {"t": "passed"}, refuted=frozenset())


def test_a_test_that_does_not_pass_again_is_no_evidence() -> None:
    check(Grade.CHECKED, {"t": "failed"}, {"t": "passed"}, repeated=cases({"t": "failed"}))


def test_module_level_is_run_by_whoever_imports_it() -> None:
    tests = {"test_a.py::t": "passed"}
    said = check(Grade.VERIFIED, tests, tests, units=(_TOP,), touched=frozenset(), importing={"test_a.py"})
    assert said.endswith("imports")
    check(Grade.CHECKED, tests, tests, units=(_TOP,), touched=frozenset())


def test_data_is_run_by_whoever_opens_it() -> None:
    check(Grade.VERIFIED, {"t": "passed"}, {"t": "passed"}, units=(), touched=frozenset(), opened={"t"})


def test_added_tests_count_when_they_failed_without_the_edit() -> None:
    said = check(Grade.VERIFIED, {"t": "passed"}, {"t": "passed"}, new_fixed=("n",), new_touched=_RUNS_F)
    assert "n failed before and passes now" in said


def test_a_file_that_could_not_be_collected_and_now_passes_is_fixed() -> None:
    said = check(Grade.VERIFIED, {"test_a.py": "error"}, {"test_a.py::t": "passed"})
    assert "fixes test_a.py::t" in said
    assert "does not fix" not in said


@pytest.mark.parametrize("more", [{"faults": ("it lints worse",)}, {"ended": "the test process left early"}])
def test_a_fault_decides_alone(more: dict[str, Any]) -> None:
    assert "nothing" in check(Grade.FAILED, {"t": "failed"}, {"t": "passed"}, **more)


def test_no_tests_at_all_is_checked() -> None:
    assert "there are no tests" in check(Grade.CHECKED, {}, {})


def test_an_expected_failure_may_stay_one() -> None:
    check(Grade.VERIFIED, {"t": "passed", "x": "xfailed"}, {"t": "passed", "x": "xfailed"})
