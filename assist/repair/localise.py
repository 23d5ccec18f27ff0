"""Fault localisation: which lines are executed by failing tests and not by passing ones."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from assist.observation import ObservedTest
from assist.repair.scope import Clues
from assist.repair.source import Source, parse, walk
from workspace.tests import is_test_path, tests_in

# A crash names its line: the innermost frame is the likeliest, its callers somewhat. Ochiai is at most 1.
_CRASH_SITE = 0.5
_CRASH_CALLER = 0.15

_DEFINED_APART = 0.6  # module constants, class attributes and defaults, relative to the line that uses them

_OUTSIDE_LOOP = 0.3  # where a test hangs, relative to the lines that keep a loop going
_MANY = 24  # literals kept as clues
_TESTS_READ = 3  # failing tests whose source is looked at for them
_LONGEST = 60  # characters of one


def ochiai(targets: Iterable[ObservedTest], others: Iterable[ObservedTest]) -> dict[str, dict[int, float]]:
    """Suspicion by path and line (from 1), above 0: failed(line) / sqrt(failed * executed(line))."""
    targets = tuple(targets)
    failing, passing = _counts(targets), _counts(test for test in others if test.outcome == "passed")
    found: dict[str, dict[int, float]] = {}
    for (path, line), failed in failing.items():
        executed = failed + passing.get((path, line), 0)
        found.setdefault(path, {})[line] = failed / math.sqrt(len(targets) * executed)
    for test in targets:
        frames = [frame for frame in (test.failure.frames if test.failure else ()) if not is_test_path(frame.path)]
        for depth, frame in enumerate(reversed(frames)):
            lines = found.setdefault(frame.path, {})
            extra = _CRASH_SITE if depth == 0 else _CRASH_CALLER
            lines[frame.line] = lines.get(frame.line, 0.1) + extra / len(targets)
    return found


def with_definitions(source: Source, lines: Mapping[int, float]) -> dict[int, float]:
    """The same, with lines that ran at import time and define what suspicious lines use: constants, defaults."""
    uses: dict[str, float] = {}
    found = dict(lines)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = node.id if isinstance(node, ast.Name) else node.attr
            uses[name] = max(uses.get(name, 0.0), lines.get(node.lineno, 0.0))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            worst = max((lines.get(line, 0.0) for line in range(node.lineno, (node.end_lineno or 0) + 1)), default=0)
            for line in range(node.lineno, node.body[0].lineno):
                found[line] = max(found.get(line, 0.0), worst * _DEFINED_APART)
    for node in walk(source.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            worst = max((uses.get(target.id, 0.0) for target in targets if isinstance(target, ast.Name)), default=0)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                found[line] = max(found.get(line, 0.0), worst * _DEFINED_APART)
    return {line: value for line, value in found.items() if value > 0}


def in_loops(source: Source, lines: Mapping[int, float]) -> dict[int, float]:
    """For tests that never end: what decides about a `while` and what moves it on is suspicious, the rest less so."""
    found = {line: value * _OUTSIDE_LOOP for line, value in lines.items()}
    for loop in ast.walk(source.tree):
        if not isinstance(loop, ast.While):
            continue
        deciding = {node.id for node in ast.walk(loop.test) if isinstance(node, ast.Name)}
        for node in (loop, *(inner for inner in ast.walk(loop) if isinstance(inner, ast.Assign | ast.AugAssign))):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            moves = any(isinstance(target, ast.Name) and target.id in deciding for target in targets)
            if node.lineno in lines and (node is loop or moves):
                found[node.lineno] = lines[node.lineno]
    return found


def clues(targets: Iterable[ObservedTest], read: Callable[[str], bytes | None] = lambda _: None) -> Clues:
    """What the failures give away, the first target first; then the literals in the tests' own source."""
    tests = tuple(targets)
    failures = [test.failure for test in tests if test.failure is not None]
    wanted = dict.fromkeys(literal for failure in failures for literal in failure.wanted)
    for test in tests[:_TESTS_READ]:
        wanted.update(dict.fromkeys(_literals(test, read(test.path) or b"")))
    return Clues(
        wanted=tuple(wanted)[:_MANY],
        raised=next((failure.raised for failure in failures if failure.raised), ""),
        missing=next((failure.missing for failure in failures if failure.missing), ""),
        should_raise=next((failure.should_raise for failure in failures if failure.should_raise), ""),
    )


def _literals(test: ObservedTest, content: bytes) -> Iterator[str]:
    """Constants and displays of constants in a test's assertions, then elsewhere in it."""
    source = parse(test.path, content)
    if source is None:
        return
    name = test.id.partition("[")[0]
    cases = [case for case in tests_in(test.path, content.decode("utf-8", "replace")) if case.id == name]
    lines = range(cases[0].line + 1, cases[0].end_line + 2) if cases else range(1, len(source.starts) + 1)
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.expr) and node.lineno in lines]

    def is_asserted(node: ast.expr) -> bool:
        return isinstance(source.statement(node), ast.Assert)

    for node in sorted(nodes, key=lambda node: (not is_asserted(node), node.lineno)):
        if not isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.UnaryOp):
            continue
        text = source.text(node)
        if len(text) <= _LONGEST and "\n" not in text and _is_literal(text):
            yield text


def _is_literal(text: str) -> bool:
    try:
        return ast.literal_eval(text) is not Ellipsis
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False


def _counts(tests: Iterable[ObservedTest]) -> dict[tuple[str, int], int]:
    counts: dict[tuple[str, int], int] = {}
    for test in tests:
        for path, lines in test.lines.items():
            for line in lines:
                counts[path, line] = counts.get((path, line), 0) + 1
    return counts
