"""What a replay shows: calls answered under a test runner, where there is none, and by the base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.instruments import read_replay
from sandbox.job import JobResult, PhaseResult
from sandbox.ports import RunResult, Status

FINISHED = {"event": "finished"}


def asked(value: str | None = "3", *, seconds: float = 0.01, steady: bool = True, later: str | None = None) -> Any:
    """Records of one call, `f(…)`, that was answered again and again."""
    first = {"event": "first", "index": 0, "name": "f", "seconds": seconds}
    return [first, {"event": "answer", "index": 0, "name": "f", "value": value, "steady": steady, "later": later}]


def unanswered(seconds: float = 0.01) -> Any:
    """Records of one that was answered once, until the phase came to its limit."""
    return [{"event": "first", "index": 0, "name": "f", "seconds": seconds}]


def replayed(**phases: Any) -> JobResult:
    """`tested`, `plain`, `again`, `base`: the records of each; one that left a call unanswered was cut."""
    found: dict[str, PhaseResult] = {}
    for name, records in ({"tested": asked(), "plain": asked(), "again": asked(), "base": asked()} | phases).items():
        is_cut = not any(record["event"] == "answer" for record in records)
        found[f"replay-{name}"] = PhaseResult(
            name=name, status=None if is_cut else 0, timed_out=is_cut, seconds=1.0, forged=0, replaced=(), output="",
            records=tuple(records if is_cut else [*records, FINISHED]),
        )  # fmt: skip
    result = RunResult(status=Status.OK, exit_code=0, stdout=b"", stderr=b"", seconds=4.0)
    return JobResult(run=result, phases=found)


AGAIN = "f() answers differently when it is asked again"
OUTSIDE = "f() answers differently outside the tests"
LATER = "f() answers differently when time has passed"
STUCK = "f() does not answer when it is asked again"


@pytest.mark.parametrize(
    ("phases", "faults"),
    [
        ({}, []),
        ({"base": asked("4")}, []),
        ({"tested": asked("4"), "plain": asked("3")}, [OUTSIDE]),
        ({"plain": asked("4"), "again": asked("4")}, [OUTSIDE]),
        ({"plain": asked("4"), "again": asked("5")}, []),
        ({"tested": asked(None)}, []),
        ({"plain": asked(None)}, []),
        ({"tested": asked(steady=False)}, [AGAIN]),
        ({"plain": asked(steady=False)}, [AGAIN]),
        ({"tested": asked(steady=False), "base": asked(steady=False)}, []),
        ({"plain": asked(later="4"), "base": asked(later="3")}, [LATER]),
        ({"plain": asked(later="4"), "base": asked("9", later="8")}, []),
        ({"tested": unanswered()}, [STUCK]),
        ({"plain": unanswered()}, [STUCK]),
        ({"tested": unanswered(), "base": unanswered()}, []),
        ({"tested": unanswered(seconds=4.0)}, []),
    ],
)
def test_answers_must_agree_as_far_as_they_did_before(phases: Mapping[str, Any], faults: list[str]) -> None:
    step, found = read_replay(replayed(**phases))
    assert found == faults
    assert step is None or step.status == ("failed" if faults else "ok")


def test_the_calls_that_were_compared_are_counted() -> None:
    step, _ = read_replay(replayed())
    assert step is not None
    assert (step.name, step.detail) == ("replay", "1 calls compared")


def test_code_that_ends_the_process_outside_the_tests_is_a_fault() -> None:
    job = replayed()
    gone = {name: phase for name, phase in job.phases.items() if name != "replay-plain"}
    ended = PhaseResult(name="plain", status=0, timed_out=False, seconds=1.0, forged=0, replaced=(), output="",
                        records=())  # fmt: skip
    _, found = read_replay(JobResult(run=job.run, phases=gone | {"replay-plain": ended}))
    assert found == ["the changed code ends the process when it runs outside the tests"]
    assert read_replay(JobResult(run=job.run, phases=gone)) == (None, [])
