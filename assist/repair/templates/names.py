"""Templates that use another variable, attribute or function."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from functools import lru_cache

from assist.repair.scope import Clues, Mutation, Scope

_EACH = 6  # other names tried at one place
_TWICE = 0.15  # `f(a, b)` was hardly meant to be `f(a, a)`

# Names that are mistaken for each other, in groups.
_KIN: tuple[tuple[str, ...], ...] = (
    ("min", "max", "sum"),
    ("any", "all"),
    ("floor", "ceil", "round", "trunc", "int"),
    ("append", "extend", "add", "insert", "update"),
    ("remove", "discard", "pop"),
    ("pop", "popleft", "popitem"),
    ("append", "appendleft"),
    ("lower", "upper", "casefold", "title", "capitalize"),
    ("strip", "lstrip", "rstrip"),
    ("removeprefix", "lstrip", "removesuffix", "rstrip"),
    ("startswith", "endswith"),
    ("find", "rfind", "index", "rindex"),
    ("split", "rsplit", "splitlines", "partition", "rpartition"),
    ("ljust", "rjust", "center", "zfill"),
    ("keys", "values", "items"),
    ("get", "pop", "setdefault"),
    ("isdigit", "isalpha", "isalnum", "isnumeric", "isdecimal"),
    ("islower", "isupper"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("issubset", "issuperset", "isdisjoint"),
    ("sorted", "reversed", "list"),
    ("match", "search", "fullmatch"),
    ("findall", "finditer"),
    ("list", "tuple", "set", "sorted"),
    ("days", "seconds", "total_seconds"),
    ("isinstance", "issubclass"),
    ("encode", "decode"),
    ("copy", "deepcopy"),
    ("sin", "cos", "tan"),
    ("log", "log2", "log10"),
)


def variable(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`start` becomes `end`, where both are in scope."""
    others = scope.names
    for node in scope.each(ast.Name):
        if not isinstance(node.ctx, ast.Load) or _is_callee(scope, node) or _is_annotation(scope, node):
            continue
        if node.id not in others and node.id != clues.missing:
            continue
        choices = [name for name in others if name != node.id]
        for name in sorted(choices, key=lambda name: -_alike(name, node.id))[:_EACH]:
            weight = 0.3 + 0.5 * _alike(name, node.id)
            if name in _companions(scope, node):
                weight *= _TWICE
            yield scope.replace(node, name, "variable", f"use {name} instead of {node.id}", weight)


def attribute(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`self.start` becomes `self.end`; `x.lower()` becomes `x.upper()`."""
    seen = scope.source.once("attributes", lambda: _attributes(scope))
    for node in scope.each(ast.Attribute):
        stored = isinstance(node.ctx, ast.Store)
        if not isinstance(node.ctx, ast.Load) and not (stored and isinstance(node.value, ast.Name)):
            continue
        called = _is_callee(scope, node)
        base = scope.source.text(node.value)
        kin = _kin(node.attr)
        for name in kin:
            weight = 0.6 if clues.missing != node.attr else 1.0
            yield _other_attribute(scope, node, name, weight)
        choices = [name for name in seen.get((base, called), ()) if name != node.attr and name not in kin]
        if clues.missing == node.attr:
            everywhere = {name for (_, call), names in seen.items() if call == called for name in names}
            choices += [name for name in sorted(everywhere) if name not in choices and name != node.attr]
        for name in sorted(choices, key=lambda name: -_alike(name, node.attr))[:_EACH]:
            yield _other_attribute(scope, node, name, 0.2 + 0.6 * _alike(name, node.attr))


def function_name(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`min(...)` becomes `max(...)`; a function of the module becomes another one with a like name."""
    defined = [
        node.name
        for node in scope.source.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    for node in scope.each(ast.Name):
        if not isinstance(node.ctx, ast.Load) or not _is_callee(scope, node):
            continue
        kin = _kin(node.id)
        for name in kin:
            yield scope.replace(node, name, "function_name", f"call {name} instead of {node.id}", 0.6)
        if node.id in defined or node.id == clues.missing:
            choices = [name for name in defined if name not in (node.id, *kin)]
            for name in sorted(choices, key=lambda name: -_alike(name, node.id))[:_EACH]:
                weight = 0.5 * _alike(name, node.id)
                yield scope.replace(node, name, "function_name", f"call {name} instead of {node.id}", weight)


def qualified(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """A name that is not defined becomes `self.name` or a local of a like name."""
    if not clues.missing or clues.raised not in ("NameError", "UnboundLocalError"):
        return
    if scope.function is None or not any(argument.arg == "self" for argument in scope.function.args.args[:1]):
        return
    for node in scope.each(ast.Name):
        if node.id == clues.missing and isinstance(node.ctx, ast.Load):
            yield scope.replace(node, f"self.{node.id}", "qualified", f"use self.{node.id}", 1.0)


def _companions(scope: Scope, node: ast.Name) -> set[str]:
    """Names that stand beside it in the same call, comparison or operation: one of them twice would be odd."""
    parent = scope.source.parents.get(node)
    if not isinstance(parent, ast.Call | ast.Compare | ast.BinOp | ast.BoolOp | ast.Tuple):
        return set()
    return {child.id for child in ast.iter_child_nodes(parent) if isinstance(child, ast.Name) and child is not node}


def _other_attribute(scope: Scope, node: ast.Attribute, name: str, weight: float) -> Mutation:
    end = scope.source.span(node)[1]
    span = (end - len(node.attr.encode()), end)
    return scope.splice(span, name, node, "attribute", f"use .{name} instead of .{node.attr}", weight)


def _attributes(scope: Scope) -> dict[tuple[str, bool], tuple[str, ...]]:
    """What the module reads or calls on each expression: `("self", False)` to the names after `self.`."""
    found: dict[tuple[str, bool], dict[str, None]] = {}
    for node in ast.walk(scope.source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault((node.value.id, _is_callee(scope, node)), {})[node.attr] = None
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    is_call = not any(
                        isinstance(decorator, ast.Name) and "property" in decorator.id
                        for decorator in statement.decorator_list
                    )
                    found.setdefault(("self", is_call), {})[statement.name] = None
                elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    found.setdefault(("self", False), {})[statement.target.id] = None
    return {key: tuple(names) for key, names in found.items()}


def _kin(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(other for group in _KIN if name in group for other in group if other != name))


def _is_callee(scope: Scope, node: ast.expr) -> bool:
    parent = scope.source.parents.get(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _is_annotation(scope: Scope, node: ast.expr) -> bool:
    at: ast.AST | None = node
    while at is not None and not isinstance(at, ast.stmt):
        parent = scope.source.parents.get(at)
        if isinstance(parent, ast.AnnAssign) and parent.annotation is at:
            return True
        at = parent
    return False


@lru_cache(maxsize=1 << 16)
def _alike(left: str, right: str) -> float:
    return difflib.SequenceMatcher(None, left, right).ratio()
