"""What in an open document an action can be about: tests and functions, seen without running anything."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from server.lines import split_lines
from workspace.tests import TestCase, is_test_path, tests_in

_MAX_TEXT = 512 << 10  # characters; parsing more would keep the editor waiting
_DEF = re.compile(r"([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    name: str
    """Qualified: `Cart.total`."""
    line: int
    """0-based line of `def`."""
    end_line: int
    """0-based, inclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    tests: tuple[TestCase, ...]
    functions: tuple[Function, ...]
    """Those that are not in a file of tests."""


def targets_in(path: str, text: str, *, is_test: bool = False) -> Targets:
    """:param path: relative to the root; decides whether this is a file of tests, unless `is_test` says so."""
    if len(text) > _MAX_TEXT:
        return Targets(tests=(), functions=())
    tests = tests_in(path, text)
    if is_test and not tests and not is_test_path(path):
        # A project's own name for test files: look at it as if it had a usual one.
        tests = tuple(_renamed(case, path) for case in tests_in("test_.py", text))
    if is_test or is_test_path(path):
        return Targets(tests=tests, functions=())
    return Targets(tests=(), functions=tuple(functions_in(text)))


def function_at(functions: tuple[Function, ...], line: int) -> Function | None:
    """The innermost function around a 0-based line."""
    around = [each for each in functions if each.line <= line <= each.end_line]
    return max(around, key=lambda each: each.line, default=None)


def functions_in(text: str) -> Iterator[Function]:
    """In the order of the text. A file with a syntax error is read line by line: the fault may be what is to fix."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        yield from _defined(tree, "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _by_indentation(text)


def _defined(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = prefix + child.name
            yield Function(name=name, line=child.lineno - 1, end_line=(child.end_lineno or child.lineno) - 1)
            yield from _defined(child, f"{name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _defined(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.expr):
            yield from _defined(child, prefix)


def _by_indentation(text: str) -> Iterator[Function]:
    lines = split_lines(text)
    for number, line in enumerate(lines):
        if (found := _DEF.match(line)) is None:
            continue
        indent, last = len(found[1].expandtabs()), number
        for later in range(number + 1, len(lines)):
            code = lines[later].strip()
            if code and not code.startswith("#"):
                if len(lines[later].expandtabs()) - len(lines[later].expandtabs().lstrip()) <= indent:
                    break
                last = later
        yield Function(name=found[2], line=number, end_line=last)


def _renamed(case: TestCase, path: str) -> TestCase:
    return TestCase(id=f"{path}::{case.name}", name=case.name, path=path, line=case.line, end_line=case.end_line)
