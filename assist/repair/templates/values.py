"""Templates that change a constant, a bound or an initial value."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from functools import lru_cache

from assist.repair.scope import Clues, Mutation, Scope

# Numbers that are taken for each other: bases, units of time, bytes.
_CONFUSED = (
    (1000, 1024),
    (60, 100, 24, 3600),
    (12, 24),
    (8, 10, 16, 2),
    (28, 29, 30, 31),
    (365, 366),
    (7, 5),
    (360, 180, 90),
)
_MANY = 12  # alternatives for one constant; beyond that they are guesses


def off_by_one(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`range(n)` becomes `range(n + 1)`, `x[i]` becomes `x[i - 1]`, `n - 1` becomes `n`."""
    for node, weight in _bounds(scope):
        text, short = scope.source.text(node), scope.short(node)
        if isinstance(node, ast.Constant):
            continue  # `constant` does these
        if isinstance(node, ast.BinOp) and _is_step(node):
            bare = scope.source.grouped_text(node.left)
            title = f"use {bare} instead of {short}"
            yield scope.replace(node, bare, "off_by_one", title, weight)
            flipped = "+" if isinstance(node.op, ast.Sub) else "-"
            text = f"{bare} {flipped} {scope.source.text(node.right)}"
            yield scope.replace(node, text, "off_by_one", f"use {text} instead of {short}", weight * 0.4)
            continue
        plain = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.BinOp)
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv):
            plain = False
        whole = text if plain else f"({text})"
        for new, title in ((f"{whole} + 1", f"add 1 to {short}"), (f"{whole} - 1", f"subtract 1 from {short}")):
            new = f"({new})" if _binds_tighter(scope, node) else new
            yield scope.replace(node, new, "off_by_one", title, weight)


def bound(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`range(1, n)` becomes `range(n)`, `x[1:]` becomes `x`, `x[:n]` becomes `x[n:]`."""
    for node in scope.each(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "range" and node.args and not node.keywords:
            texts = [scope.source.text(argument) for argument in node.args]
            if len(texts) == 1:
                yield scope.replace(node, f"range(1, {texts[0]})", "bound", "start the range at 1", 0.4)
                yield scope.replace(node, f"range(1, {texts[0]} + 1)", "bound", "count from 1", 0.4)
            elif len(texts) == 2:
                yield scope.replace(node, f"range({texts[1]})", "bound", "start the range at 0", 0.4)
            if len(texts) == 3:
                title = "drop the step of the range"
                yield scope.replace(node, f"range({texts[0]}, {texts[1]})", "bound", title, 0.3)
    for node in scope.each(ast.Slice):
        lower = scope.source.text(node.lower) if node.lower else ""
        upper = scope.source.text(node.upper) if node.upper else ""
        if node.step is not None:
            yield scope.replace(node, f"{lower}:{upper}", "bound", "drop the step of the slice", 0.3)
            continue
        if lower and upper:
            yield scope.replace(node, f":{upper}", "bound", "drop the lower bound", 0.4)
            yield scope.replace(node, f"{lower}:", "bound", "drop the upper bound", 0.4)
        else:
            title = "swap the side of the bound"
            yield scope.replace(node, f"{upper}:{lower}", "bound", title, 0.4)
            if not lower:
                yield scope.replace(node, f"1:{upper}", "bound", "leave out the first item", 0.3)
            if not upper:
                yield scope.replace(node, f"{lower}:-1", "bound", "leave out the last item", 0.3)
            if lower == upper == "":
                yield scope.replace(node, "::-1", "bound", "reverse the slice", 0.3)
    for node in scope.each(ast.Subscript):
        if isinstance(node.slice, ast.Slice) and isinstance(node.ctx, ast.Load):
            title = f"use all of {scope.short(node.value)}"
            yield scope.replace(node, scope.source.grouped_text(node.value), "bound", title, 0.3)
        if isinstance(node.slice, ast.UnaryOp | ast.Constant) and isinstance(node.ctx, ast.Load):
            for index, name in (("0", "first"), ("-1", "last")):
                if scope.source.text(node.slice) != index:
                    title = f"take the {name} item"
                    yield scope.replace(node.slice, index, "bound", title, 0.5)


def constant(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`0` becomes `1`, `True` becomes `False`, `"a"` a string seen near by or wanted by the test."""
    nearby = scope.source.once("literals", lambda: _literals(scope))
    for node in scope.each(ast.Constant):
        parent = scope.source.parents.get(node)
        if isinstance(parent, ast.JoinedStr | ast.FormattedValue) or _is_docstring(parent):
            continue
        minus = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)
        target: ast.expr = parent if isinstance(parent, ast.UnaryOp) and minus else node
        old = scope.source.text(target)
        seen = {old}
        for text, weight, mined in _alternatives(node.value, minus, old, nearby, clues):
            if text not in seen:
                seen.add(text)
                title = f"use {_shorten(text)} instead of {_shorten(old)}"
                yield scope.replace(target, text, "constant", title, weight, mined=mined)


def initial_value(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`best = 0` becomes `best = None`, `items = []` becomes `items = {}`."""
    for node in scope.each(ast.Assign):
        if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name | ast.Attribute):
            continue
        old, name = scope.source.text(node.value), scope.short(node.targets[0])
        for choices in (
            ("0", "1", "None", 'float("inf")', 'float("-inf")', "-1"),
            ("[]", "{}", "set()", "()", '""', "None"),
        ):
            if old in choices:
                for other in choices:
                    if other != old:
                        title = f"start {name} with {other}"
                        yield scope.replace(node.value, other, "initial_value", title, 0.4)
        first = _first_item(scope, node)
        if first and (isinstance(node.value, ast.Constant) or old.startswith("float(")):
            title = f"start {name} with {first}"
            yield scope.replace(node.value, first, "initial_value", title, 0.3)


def _bounds(scope: Scope) -> Iterator[tuple[ast.expr, float]]:
    """Expressions that count something, with how often such a one is off by one."""
    seen: set[int] = set()
    for node in scope.nodes:
        found: list[tuple[ast.expr | None, float]] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            found = [(argument, 1.0) for argument in node.args[:2]]
        elif isinstance(node, ast.Slice):
            found = [(node.lower, 0.8), (node.upper, 0.8)]
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Tuple | ast.Constant):
            found = [(node.slice, 0.5)]
        elif isinstance(node, ast.Compare):
            found = [(side, 0.3) for side in (node.left, *node.comparators) if _counts(side)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and _is_step(node):
            found = [(node, 0.7)]
        elif isinstance(node, ast.BinOp):
            found = [(side, 0.15) for side in (node.left, node.right) if _counts(side)]
        elif isinstance(node, ast.Return | ast.Assign):
            found = [(node.value, 0.4)] if node.value is not None and _counts(node.value) else []
        elif isinstance(node, ast.Call):
            found = [(each, 0.3 if _is_step(each) else 0.12) for each in node.args if _is_step(each) or _counts(each)]
        for expression, weight in found:
            if expression is not None and id(expression) not in seen:
                seen.add(id(expression))
                yield expression, weight


def _binds_tighter(scope: Scope, node: ast.expr) -> bool:
    """Whether what is around an expression would take only a part of a sum put in its place."""
    parent = scope.source.parents.get(node)
    if isinstance(parent, ast.BinOp):
        return not isinstance(parent.op, ast.Add | ast.Sub) or parent.right is node
    return isinstance(parent, ast.UnaryOp | ast.Attribute)


def _counts(node: ast.expr) -> bool:
    """Whether an expression may well be a number: a step, a length, a difference, a plain name."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv | ast.Div)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in (
            "len",
            "int",
            "sum",
            "round",
            "max",
            "min",
        )
    return isinstance(node, ast.Name)


def _is_step(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add | ast.Sub)
        and isinstance(node.right, ast.Constant)
        and node.right.value == 1
        and node.right.value is not True
    )


def _alternatives(
    value: object, minus: bool, old: str, nearby: tuple[str, ...], clues: Clues
) -> Iterator[tuple[str, float, bool]]:
    if isinstance(value, bool):
        yield str(not value), 0.9, False
        yield "None", 0.2, False
        return
    if value is None:
        for text in ("0", '""', "[]", "{}", "False", "True"):
            yield text, 0.3, False
    elif isinstance(value, int):
        number = -value if minus else value
        for other, weight in (
            (number + 1, 0.8),
            (number - 1, 0.8),
            (0, 0.5),
            (1, 0.5),
            (-1, 0.3),
            (-number, 0.4),
        ):
            yield str(other), weight, False
        for group in _CONFUSED:
            if abs(number) in group:
                for other in group:
                    yield str(other if number > 0 else -other), 0.4, False
        yield "None", 0.1, False
    elif isinstance(value, float):
        for text in (
            "0.0",
            "1.0",
            str(value * 10),
            str(value / 10),
            str(value * 100),
            str(value / 100),
            str(-value),
        ):
            yield text, 0.3, False
    elif isinstance(value, str):
        yield '""', 0.3, False
    kind = type(value).__name__
    same = [text for text in (*clues.wanted, *nearby) if _type_name(text) == kind]
    for text in sorted(same, key=lambda text: -_alike(text, old))[:_MANY]:
        yield text, 0.2 + 0.5 * _alike(text, old), text in clues.wanted
    for text in clues.wanted[:_MANY]:
        yield text, 0.15, True


def _literals(scope: Scope) -> tuple[str, ...]:
    """The module's own strings and numbers, each once, as source."""
    found: dict[str, None] = {}
    for node in ast.walk(scope.source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bytes):
            if isinstance(node.value, str | bytes) and len(node.value) > 80:
                continue
            found[repr(node.value)] = None
    return tuple(found)


@lru_cache(maxsize=1 << 14)
def _type_name(text: str) -> str:
    try:
        return type(ast.literal_eval(text)).__name__
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""


@lru_cache(maxsize=1 << 16)
def _alike(left: str, right: str) -> float:
    return difflib.SequenceMatcher(None, left, right).ratio()


def _is_docstring(parent: ast.AST | None) -> bool:
    return isinstance(parent, ast.Expr)


def _first_item(scope: Scope, assign: ast.Assign) -> str:
    """`items[0]` when the assignment prepares a loop over `items`."""
    parent = scope.source.parents.get(assign)
    block: list[ast.stmt] = getattr(parent, "body", [])
    if assign in block:
        for later in block[block.index(assign) + 1 :][:2]:
            if isinstance(later, ast.For) and isinstance(later.iter, ast.Name):
                return f"{later.iter.id}[0]"
    return ""


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 24 else text[:23] + "…"
