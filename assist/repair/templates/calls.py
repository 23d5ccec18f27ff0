"""Templates that change how something is called, or wrap a value in a call."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope
from assist.repair.source import Function

_WRAPPERS = (
    "list",
    "sorted",
    "set",
    "tuple",
    "str",
    "int",
    "float",
    "abs",
    "len",
    "dict",
    "bool",
    "reversed",
)
_METHODS = ("copy", "strip", "lower", "upper", "items", "values", "keys")


def arguments(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`f(a, b)` becomes `f(b, a)`, `f(a)` or `f(b)`; `sorted(x)` becomes `sorted(x, reverse=True)`."""
    for node in scope.each(ast.Call):
        args = node.args
        if any(isinstance(argument, ast.Starred) for argument in args):
            continue
        for left, right in itertools.pairwise(args):
            if scope.source.text(left) != scope.source.text(right):
                span = (scope.source.span(left)[0], scope.source.span(right)[1])
                between = scope.source.raw[scope.source.span(left)[1] : scope.source.span(right)[0]].decode()
                text = scope.source.text(right) + between + scope.source.text(left)
                title = f"swap {scope.short(left)} and {scope.short(right)}"
                yield scope.splice(span, text, node, "arguments", title, 0.6)
        for index, argument in enumerate(args):
            if len(args) > 1:
                first = scope.source.span(args[index - 1])[1] if index else scope.source.span(argument)[0]
                last = scope.source.span(argument)[1] if index else scope.source.span(args[1])[0]
                title = f"drop the argument {scope.short(argument)}"
                yield scope.splice((first, last), "", node, "arguments", title, 0.2)
        for place, keyword in enumerate(node.keywords):
            if keyword.arg is None or not (args or place):
                continue
            before = node.keywords[place - 1] if place else args[-1]
            span = (scope.source.span(before)[1], scope.source.span(keyword)[1])
            title = f"drop the argument {keyword.arg}"
            yield scope.splice(span, "", node, "arguments", title, 0.3)
        yield from _ordering(scope, node)
        yield from _names_of_parameters(scope, node)


def wrap(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`return x` becomes `return sorted(x)`, `return x.strip()` or `return x.copy()`."""
    for node, weight in _values(scope):
        text = scope.source.text(node)
        primary = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        for name in _WRAPPERS:
            if not text.startswith(f"{name}("):
                title = f"wrap {scope.short(node)} in {name}()"
                wanted = 2.0 if _is_wanted(name, clues) else 1.0
                yield scope.replace(node, f"{name}({text})", "wrap", title, min(1.0, weight * wanted))
        for name in _METHODS:
            if not text.endswith(f".{name}()"):
                title = f"take .{name}() of {scope.short(node)}"
                whole = text if primary else f"({text})"
                yield scope.replace(node, f"{whole}.{name}()", "wrap", title, weight)
        for call in ("round({}, 2)", "round({})", "max({}, 0)", "max(0, {})", "min({}, 1)", "max({}, 1)"):
            if _may_be_number(node):
                title = f"use {call.format(scope.short(node))}"
                yield scope.replace(node, call.format(text), "wrap", title, weight * 0.6)


def unwrap(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`sorted(x)` becomes `x`, `x.strip()` becomes `x`."""
    for node in scope.each(ast.Call):
        if isinstance(node.func, ast.Name) and len(node.args) == 1:
            inner, name = node.args[0], node.func.id
            if not isinstance(inner, ast.Starred | ast.GeneratorExp):
                primary = isinstance(inner, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant)
                text = scope.source.text(inner)
                title = f"drop the call of {name}"
                yield scope.replace(node, text if primary else f"({text})", "unwrap", title, 0.4)
        elif isinstance(node.func, ast.Attribute) and len(node.args) <= 1 and not node.keywords:
            title = f"drop the call of .{node.func.attr}()"
            yield scope.replace(node, scope.source.grouped_text(node.func.value), "unwrap", title, 0.4)


def missing_call(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`x.total` becomes `x.total()`, a coroutine is awaited."""
    for node in scope.each(ast.Attribute):
        parent = scope.source.parents.get(node)
        called = isinstance(parent, ast.Call) and parent.func is node
        if isinstance(node.ctx, ast.Load) and not called and not isinstance(parent, ast.Attribute):
            title = f"call {scope.short(node)}"
            yield scope.replace(node, f"{scope.source.text(node)}()", "missing_call", title, 0.4)
    if not scope.is_async:
        return
    for node in scope.each(ast.Call):
        parent = scope.source.parents.get(node)
        if not isinstance(parent, ast.Await):
            bare = isinstance(parent, ast.Expr | ast.Assign | ast.Return | ast.AnnAssign)
            text = f"await {scope.source.text(node)}"
            title = f"await {scope.short(node)}"
            yield scope.replace(node, text if bare else f"({text})", "missing_call", title, 0.9)


def lookup(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`d[k]` becomes `d.get(k)`, `d.get(k)` becomes `d.get(k, 0)`."""
    keyed = 1.0 if clues.raised in ("KeyError", "IndexError") else 0.3
    defaults = dict.fromkeys(("0", "None", "[]", "{}", '""', "False", *clues.wanted[:3]))
    for node in scope.each(ast.Subscript):
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice | ast.Tuple):
            value, key = scope.source.grouped_text(node.value), scope.source.text(node.slice)
            for default in defaults:
                text = f"{value}.get({key})" if default == "None" else f"{value}.get({key}, {default})"
                title = f"look {scope.short(node.slice)} up with the default {default}"
                mined = default in clues.wanted
                yield scope.replace(node, text, "lookup", title, keyed * 0.8, mined=mined)
    for node in scope.each(ast.Call):
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("get", "pop", "setdefault"):
            continue
        if len(node.args) != 1 or node.keywords:
            continue
        key, target = scope.source.text(node.args[0]), scope.source.text(node.func)
        for default in defaults:
            title = f"look {scope.short(node.args[0])} up with the default {default}"
            mined = default in clues.wanted
            yield scope.replace(node, f"{target}({key}, {default})", "lookup", title, 0.5, mined=mined)
        if node.func.attr == "get":
            text = f"{scope.source.grouped_text(node.func.value)}[{key}]"
            yield scope.replace(node, text, "lookup", f"require {scope.short(node.args[0])}", 0.3)


def _ordering(scope: Scope, node: ast.Call) -> Iterator[Mutation]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name == "enumerate" and len(node.args) == 1 and not node.keywords:
        yield _add_argument(scope, node, "start=1", "count from 1", 0.9)
    if name not in ("sorted", "sort", "max", "min"):
        return
    if name in ("sorted", "sort") and not any(keyword.arg == "reverse" for keyword in node.keywords):
        yield _add_argument(scope, node, "reverse=True", "sort in descending order", 0.5)
    if not any(keyword.arg == "key" for keyword in node.keywords):
        for key in ("len", "str.lower"):
            yield _add_argument(scope, node, f"key={key}", f"compare by {key}", 0.2)


def _names_of_parameters(scope: Scope, node: ast.Call) -> Iterator[Mutation]:
    """An option of the enclosing function that a call of a function of this module forgot to pass on."""
    target = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    given = {keyword.arg for keyword in node.keywords}
    other = scope.source.once("first of each name", lambda: _first_of_each_name(scope.source.tree)).get(target)
    if other is not None:
        accepted = [argument.arg for argument in (*other.args.args, *other.args.kwonlyargs)]
        method = bool(accepted) and accepted[0] in ("self", "cls")
        for name in accepted[len(node.args) + method :]:
            if name in scope.names and name not in given:
                yield _add_argument(scope, node, f"{name}={name}", f"pass {name} on", 0.7)


def _first_of_each_name(tree: ast.Module) -> dict[str, Function]:
    found: dict[str, Function] = {}
    for node in ast.walk(tree):
        if isinstance(node, Function):
            found.setdefault(node.name, node)
    return found


def _add_argument(scope: Scope, node: ast.Call, text: str, title: str, weight: float) -> Mutation:
    last = (*node.args, *node.keywords)
    at = scope.source.span(last[-1])[1] if last else scope.source.span(node)[1] - 1
    text = f", {text}" if last else text
    return scope.splice((at, at), text, node, "arguments", title, weight)


def _values(scope: Scope) -> Iterator[tuple[ast.expr, float]]:
    for node in scope.nodes:
        if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            yield node.value, 0.5
        elif isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant | ast.Lambda):
            yield node.value, 0.3
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Name | ast.Attribute | ast.Call):
            yield node.iter, 0.3
        elif isinstance(node, ast.Call):
            yield from ((argument, 0.15) for argument in node.args if isinstance(argument, ast.Name | ast.Attribute))
        elif isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            yield from ((side, 0.2) for side in sides if isinstance(side, ast.Name | ast.Attribute | ast.Subscript))


def floor_at_zero(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """A difference that should not be negative: `n - k` becomes `max(0, n - k)`."""
    del clues
    for node in scope.each(ast.BinOp):
        parent = scope.source.parents.get(node)
        outer = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub)
        if isinstance(node.op, ast.Sub) and not outer:
            text = scope.source.text(node)
            for new in (f"max(0, {text})", f"max(1, {text})"):
                yield scope.replace(node, new, "floor_at_zero", f"use {new[:7]}{scope.short(node)})", 0.5)


def _is_wanted(name: str, clues: Clues) -> bool:
    """Whether a wanted value looks like what the wrapper makes."""
    opens = {"list": "[", "sorted": "[", "set": "{", "tuple": "(", "dict": "{"}.get(name)
    return opens is not None and any(text.startswith(opens) for text in clues.wanted)


def _may_be_number(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp | ast.Name | ast.Attribute | ast.Call | ast.UnaryOp)
