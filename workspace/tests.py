"""Find tests without running anything: what pytest would collect from a file, read from its syntax tree."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workspace.conventions import DEFAULTS, Conventions, is_test_path, is_test_support, read_conventions

__all__ = ["Conventions", "TestCase", "is_test_path", "is_test_support", "read_conventions", "tests_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    __test__ = False  # not a test class, whatever pytest thinks of the name

    id: str
    """The pytest node id: `tests/test_cart.py::TestCart::test_total`. All parameters of a test share one."""
    name: str
    """`TestCart::test_total`."""
    path: str
    line: int
    """0-based line of `def`."""
    end_line: int
    """0-based, the last line of the body, inclusive."""


def tests_in(path: str, source: str, conventions: Conventions = DEFAULTS) -> tuple[TestCase, ...]:
    """The tests of a file in the order of their lines; () for a file that is no test file or cannot be parsed.

    Follows pytest: functions and methods by name, classes by name and without a constructor, unittest's test
    cases by their base class, tests inherited from a base in the same file, `__test__ = False`. A base class that
    is imported counts as a test case when its name ends with `TestCase`. Tests that are made at run time are not
    seen.

    :param path: relative to the root, with forward slashes.
    """
    if not conventions.is_test_file(path):
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        found = dict(_Module(tree, conventions).tests())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    cases = (
        TestCase(
            id=f"{path}::{name}",
            name=name,
            path=path,
            line=node.lineno - 1,
            end_line=(node.end_lineno or node.lineno) - 1,
        )
        for name, node in found.items()
    )
    return tuple(sorted(cases, key=lambda case: (case.line, case.name)))


tests_in.__dict__["__test__"] = False  # its name makes pytest take it for a test where a test file imports it


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scope = Mapping[str, ast.stmt]
_UNITTEST = ("TestCase", "IsolatedAsyncioTestCase")
_NO_TEST = frozenset({"fixture", "yield_fixture", "property", "cached_property", "overload"})


class _Module:
    def __init__(self, tree: ast.Module, conventions: Conventions) -> None:
        self._conventions = conventions
        self._scope = _bindings(tree.body)
        self._cases = {f"unittest.{name}" for name in _UNITTEST}
        for statement in _statements(tree.body):
            if isinstance(statement, ast.Import):
                modules = [alias.asname for alias in statement.names if alias.name == "unittest" and alias.asname]
                self._cases |= {f"{module}.{name}" for module in modules for name in _UNITTEST}
            elif isinstance(statement, ast.ImportFrom):
                cases = [alias for alias in statement.names if alias.name.endswith("TestCase")]
                self._cases |= {alias.asname or alias.name for alias in cases}

    def tests(self) -> Iterator[tuple[str, _Function]]:
        """Names from the module on, such as `TestCart::test_total`, with where each is written."""
        if not _is_off(self._scope):
            yield from self._members(self._scope, self._scope, "")

    def _members(self, members: _Scope, scope: _Scope, prefix: str) -> Iterator[tuple[str, _Function]]:
        for name, node in members.items():
            if isinstance(node, ast.ClassDef):
                yield from self._class(node, scope, f"{prefix}{name}")
            elif self._conventions.is_function(name) and isinstance(node, _Function) and not _is_no_test(node):
                yield f"{prefix}{name}", node

    def _class(self, node: ast.ClassDef, scope: _Scope, full_name: str) -> Iterator[tuple[str, _Function]]:
        line = list(_line(node, scope, set()))
        members: dict[str, ast.stmt] = {}
        for ancestor in reversed(line):
            members.update(_bindings(ancestor.body))
        if _is_off(members):
            return
        if any(self._is_case(base) for ancestor in line for base in ancestor.bases):
            for name, member in members.items():
                if name.startswith("test") and isinstance(member, _Function):
                    yield f"{full_name}::{name}", member
        elif self._conventions.is_class(node.name) and "__init__" not in members and "__new__" not in members:
            yield from self._members(members, {**scope, **members}, f"{full_name}::")

    def _is_case(self, base: ast.expr) -> bool:
        name = ast.unparse(base) if isinstance(base, (ast.Name, ast.Attribute)) else ""
        # `django.test.TestCase` and the like; a class of this file is judged by its own bases.
        return name in self._cases or ("." in name and name.endswith("TestCase"))


def _line(node: ast.ClassDef, scope: _Scope, seen: set[str]) -> Iterator[ast.ClassDef]:
    """A class and its ancestors in the same file, nearest first."""
    yield node
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id not in seen and base.id != node.name:
            seen.add(base.id)
            if isinstance(ancestor := scope.get(base.id), ast.ClassDef):
                yield from _line(ancestor, scope, seen)


def _bindings(body: Sequence[ast.stmt]) -> dict[str, ast.stmt]:
    """What each name stands for at the end of a body; the last statement that binds it wins, as when it runs."""
    names: dict[str, ast.stmt] = {}
    for statement in _statements(body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            names.update({target.id: statement for target in statement.targets if isinstance(target, ast.Name)})
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            names[statement.target.id] = statement
    return names


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, with those under `if`, `try` and `with`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            yield from _statements(statement.orelse)
            yield from _statements(statement.body)
        elif isinstance(statement, (ast.Try, ast.TryStar)):
            for handler in statement.handlers:
                yield from _statements(handler.body)
            yield from _statements(statement.body)
            yield from _statements(statement.orelse)
            yield from _statements(statement.finalbody)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            yield from _statements(statement.body)


def _is_off(scope: _Scope) -> bool:
    """Whether `__test__ = False` says that there are no tests in here."""
    node = scope.get("__test__")
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    return isinstance(value, ast.Constant) and value.value is False


def _is_no_test(node: _Function) -> bool:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""
        if name in _NO_TEST:
            return True
    return False
