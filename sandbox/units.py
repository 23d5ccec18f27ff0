"""What a Python change changes: the functions whose meaning differs, not the lines that moved."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

MODULE = ""
"""The name of the unit that is everything outside functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A function (or the module level) of one file."""

    path: str
    name: str
    """Qualified name, or MODULE."""
    first: int
    """1-based line of its first decorator or its `def`, as in `co_firstlineno`; 0 for the module level."""
    last: int
    existed: bool
    """Whether the base has a function of this name."""
    meaning: str = field(default="", repr=False)
    """Equal for functions that differ in docstrings, annotations, comments and layout alone."""


def changed_units(path: str, before: bytes | None, after: bytes | None) -> tuple[Unit, ...]:
    """The units of `after` that mean something else than in `before`, or are new.

    Docstrings, annotations, comments and layout mean nothing. A unit that was deleted is not listed; what
    used to call it is, if it still compiles.
    """
    new_tree, old_tree = _parse(after), _parse(before)
    if new_tree is None:
        return ()
    old = {name: _meaning(node) for name, node in functions(old_tree)} if old_tree else {}
    units = [
        Unit(
            path=path,
            name=name,
            first=_first_line(node),
            last=node.end_lineno or 0,
            existed=name in old,
            meaning=_meaning(node),
        )
        for name, node in functions(new_tree)
        if old.get(name) != _meaning(node)
    ]
    elsewhere = _module_meaning(new_tree) != (_module_meaning(old_tree) if old_tree else None)
    if elsewhere or (not units and not same_meaning(before, after)):  # the latter: something was deleted
        units.append(Unit(path=path, name=MODULE, first=0, last=0, existed=old_tree is not None))
    return tuple(units)


def same_meaning(before: bytes | None, after: bytes | None) -> bool:
    """Whether two versions of a file differ in comments, docstrings, annotations and layout alone."""
    old, new = _parse(before), _parse(after)
    if old is None or new is None:
        return before == after
    return ast.dump(_Bare().visit(old)) == ast.dump(_Bare().visit(new))


def with_moves(units: Sequence[Unit], sources: Iterable[tuple[bytes | None, bytes | None]]) -> tuple[Unit, ...]:
    """The units of a whole edit, where a new function that takes the name of one that went is no new one.

    A function that moved, unchanged, is new where it is now: nobody has to test a move.
    """
    gone: dict[str, list[str]] = {}
    for before, after in sources:
        old, new = _parse(before), _parse(after)
        kept = {name for name, _ in functions(new)} if new else set[str]()
        for name, node in functions(old) if old else ():
            if name not in kept:
                gone.setdefault(name.rpartition(".")[2], []).append(_meaning(node))
    return tuple(replace(unit, existed=unit.existed or _replaces(unit, gone)) for unit in units)


def _replaces(unit: Unit, gone: Mapping[str, Sequence[str]]) -> bool:
    meanings = gone.get(unit.name.rpartition(".")[2])
    return bool(meanings) and unit.name != MODULE and unit.meaning not in meanings


Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Functions, methods and named lambdas with qualified names; those nested belong to the outer one.

    A second definition of a name (overloads, property setters, branches) is numbered: `name#2`.
    """
    seen: dict[str, int] = {}
    for name, node in _functions(tree, prefix):
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name}#{seen[name]}"), node


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield prefix + target.id, node.value
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif not isinstance(node, ast.expr):
            yield from _functions(node, prefix)


def _parse(source: bytes | None) -> ast.Module | None:
    if source is None:
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _first_line(node: Function) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _meaning(node: Function) -> str:
    return ast.dump(_Bare().visit(ast.parse(ast.unparse(node))))


def _module_meaning(tree: ast.Module) -> str:
    return ast.dump(_Hollow().visit(_Bare().visit(ast.parse(ast.unparse(tree)))))


class _Bare(ast.NodeTransformer):
    """Without docstrings and annotations."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


class _Hollow(ast.NodeTransformer):
    """Without functions: they are units of their own."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        del node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        del node
