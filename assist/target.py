"""Which failing tests decide about a task, and what is missing when none does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assist.observation import Observation, ObservedTest
from assist.observe import mentioning
from assist.repair.scope import enclosing
from assist.task import Task
from sandbox.receipt import Grade
from workspace.project import Project
from workspace.tests import is_test_path, tests_in

# How a test ends that reaches out of the sandbox: by the class of the exception, or by that and what it says.
_NETWORK_ERRORS = frozenset(
    {"URLError", "gaierror", "ConnectError", "ConnectTimeout", "NewConnectionError", "MaxRetryError"}
    | {"ClientConnectorError", "NameResolutionError"}
)
_SYSTEM_ERRORS = frozenset({"OSError", "ConnectionError", "ConnectionRefusedError", "TimeoutError", "timeout"})
_NETWORK_SIGNS = (
    "Network is unreachable",
    "Name or service not known",
    "Temporary failure in name resolution",
    "No address associated with hostname",
    "nodename nor servname",
    "Network unreachable",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a task's tests are looked for."""

    test: str | None
    """What was asked to pass: a node id, a file or a folder."""
    near: tuple[str, ...] = ()
    """Test files that are run first."""
    path: str = ""
    lines: range = range(0)
    """Lines, from 1, of the function (or the line) that a task is about."""
    name: str = ""
    """For people: `overlaps in roombook/interval.py`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """There is nothing to do, or nothing that could decide; `reason` says which and what would help."""

    reason: str
    grade: str = Grade.FAILED.value


def where_to_look(task: Task, project: Project) -> Spot:
    """Before anything is run. A problem in a test file means the test it is in."""
    if task.kind == "make_test_pass" and task.test is not None:
        test = task.test.removeprefix("./").rstrip("/") or "."
        return Spot(test=test, near=(test.partition("::")[0],))
    path, line = task.path or "", task.line or 0
    content = project.read(path) or b""
    if is_test_path(path):
        cases = tests_in(path, content.decode("utf-8", "replace"))
        inside = [case for case in cases if case.line <= line <= case.end_line]
        return Spot(test=inside[-1].id if inside else path, near=(path,))
    lines, name = enclosing(path, content, line + 1)
    return Spot(test=None, near=mentioning(project, path), path=path, lines=lines, name=name)


def aim(task: Task, spot: Spot, seen: Observation) -> Observation | Nothing:
    """The observation with its targets, or why there are none."""
    away = [test for test in seen.tests if test.failed and _needs_network(test)]
    if away:  # making such a test pass would mean to take out what it tests
        seen = replace(
            seen,
            tests=tuple(test for test in seen.tests if test not in away),
            targets=tuple(test for test in seen.targets if test not in away),
        )
        asked = spot.test is not None and any(test in away for test in seen.selected)
        if asked and not seen.targets:
            return Nothing(reason=f"{away[0].id} needs the network, which the sandbox does not have.")
    if spot.test is not None:
        return _aim_at_test(spot.test, seen)
    touching = _tests_of(spot, seen)
    failing = tuple(test for test in touching if test.failed)
    if failing:
        return replace(seen, targets=failing)
    if not seen.tests:
        return Nothing(reason=seen.detail or "No tests were found; an edit can only be shown to work by one.")
    if task.kind == "fix_problem":
        return seen  # somebody may know what the diagnostic wants; the touching tests then have to stay green
    if not touching:
        return Nothing(reason=f"No test runs {spot.name}; write one that shows what is wrong, and fix that.")
    return Nothing(
        reason=f"Nothing to fix: {_tests(touching)} {spot.name}, and all that ran pass. A failing test that shows what"
        " is wrong is what the search needs."
    )


def _needs_network(test: ObservedTest) -> bool:
    failure = test.failure
    if failure is None:
        return False
    if failure.raised in _NETWORK_ERRORS:
        return True
    return failure.raised in _SYSTEM_ERRORS and any(sign in failure.message for sign in _NETWORK_SIGNS)


def _aim_at_test(test: str, seen: Observation) -> Observation | Nothing:
    if seen.targets:
        return seen
    if not seen.selected:
        why = f" ({' '.join(seen.detail.split())})" if seen.detail else ""
        return Nothing(reason=f"No test matches {test}{why}." if test != "." else f"No tests were found{why}.")
    skipped = [each for each in seen.selected if each.outcome == "skipped"]
    if len(skipped) == len(seen.selected):
        return Nothing(reason=f"{test} is skipped, so it says nothing about an edit.")
    return Nothing(reason=f"Nothing to fix: {test} already passes.")


def _tests_of(spot: Spot, seen: Observation) -> tuple[ObservedTest, ...]:
    """Tests that executed the function; when none did, failing ones that could not get so far."""
    touching = seen.touching(spot.path, spot.lines)
    if touching:
        return touching
    of_file = tuple(test for test in seen.tests if spot.path in test.lines)
    if of_file and len(spot.lines) == 1:
        return of_file  # code outside functions runs at import, which no test can be told by
    return tuple(test for test in seen.tests if test.failed and not test.lines and test.path in spot.near)


def _tests(tests: tuple[ObservedTest, ...]) -> str:
    return f"{len(tests)} tests run" if len(tests) != 1 else "1 test runs"
