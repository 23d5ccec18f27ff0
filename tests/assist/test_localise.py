"""Suspicion from coverage, and the order of candidates that follows from it."""

from __future__ import annotations

from assist.observation import Failure, Frame, ObservedTest
from assist.repair.localise import clues, ochiai, with_definitions
from assist.repair.rank import ordinariness, rank
from assist.repair.scope import Clues, enclosing, scopes
from assist.repair.source import apply, parse
from assist.repair.templates import mutations


def ran(name: str, outcome: str, lines: set[int], **more: object) -> ObservedTest:
    return ObservedTest(
        id=name, outcome=outcome, seconds=0.1, path="test_m.py", lines={"m.py": frozenset(lines)}, **more
    )  # type: ignore[arg-type]


def test_lines_that_only_failing_tests_execute_are_worst() -> None:
    failing = ran("a", "failed", {1, 2, 3})
    found = ochiai([failing], [failing, ran("b", "passed", {1, 2}), ran("c", "passed", {1}), ran("d", "skipped", {3})])
    assert found == {"m.py": {1: 1 / 3**0.5, 2: 1 / 2**0.5, 3: 1.0}}


def test_a_crash_names_its_line() -> None:
    frames = (Frame(path="test_m.py", line=3), Frame(path="m.py", line=1), Frame(path="m.py", line=2))
    failing = ran("a", "failed", {1, 2, 3}, failure=Failure(text="", frames=frames))
    lines = ochiai([failing], [failing])["m.py"]
    assert lines[2] > lines[1] > lines[3] == 1.0


def test_what_suspicious_lines_use_is_suspicious() -> None:
    source = parse("m.py", b"LIMIT = 3\nOTHER = 4\n\ndef f(n=LIMIT):\n    return n > LIMIT\n\nclass A:\n    size = 1\n")
    assert source is not None
    lines = with_definitions(source, {5: 1.0})
    assert lines[5] == 1.0
    assert 0 < lines[1] == lines[4] < 1.0
    assert 2 not in lines
    assert 8 not in lines


def test_clues_come_from_the_failures() -> None:
    first = Failure(text="", raised="KeyError", wanted=("1", "2"), missing="'x'")
    second = Failure(text="", raised="ValueError", wanted=("2", "3"), should_raise="TypeError")
    found = clues([ran("a", "failed", set(), failure=first), ran("b", "failed", set(), failure=second)])
    assert found == Clues(wanted=("1", "2", "3"), raised="KeyError", missing="'x'", should_raise="TypeError")


def test_rank_puts_likely_and_ordinary_changes_first() -> None:
    source = parse("m.py", b"def f(a, b):\n    if a < b:\n        return a\n    return b\n")
    assert source is not None
    made = [each for scope in scopes(source) for each in mutations(scope, Clues(wanted=("7",)))]
    ranked = rank(made, {"m.py": {2: 1.0, 3: 0.2}}, {"m.py": source})
    assert ranked[0].mutation.title == "compare with <= instead of <"
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
    assert not any(each.mutation.lines == range(4, 5) for each in ranked), "no failing test executes line 4"
    recital = next(each.mutation for each in ranked if each.mutation.mined)
    plain = next(each.mutation for each in ranked if not each.mutation.mined and each.mutation.size >= recital.size)
    assert ordinariness(recital) < ordinariness(plain)


def test_each_result_is_tried_once() -> None:
    source = parse("m.py", b"def f(n):\n    return n - 1\n")
    assert source is not None
    made = [each for scope in scopes(source) for each in mutations(scope, Clues())]
    ranked = rank(made, {"m.py": {2: 1.0}}, {"m.py": source})
    results = [apply(source.raw, each.mutation.splices) for each in ranked]
    assert len(ranked) < len(made)
    assert len(set(results)) == len(results)


def test_the_function_around_a_line() -> None:
    code = b"x = 1\n\n@wrap\ndef outer(a):\n    def inner():\n        return a\n    return inner\n"
    assert enclosing("m.py", code, 6) == (range(5, 7), "inner in m.py")
    assert enclosing("m.py", code, 3) == (range(3, 8), "outer in m.py")
    assert enclosing("m.py", code, 1) == (range(1, 2), "line 1 of m.py")
    assert enclosing("m.py", b"def f(:", 1) == (range(1, 2), "line 1 of m.py")
