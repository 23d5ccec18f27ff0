"""Templates that add a missing guard or base case."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope

_MINED_FIRST = 4  # wanted values tried as the answer of a guard
_CRASHES = (
    "TypeError",
    "AttributeError",
    "KeyError",
    "IndexError",
    "ZeroDivisionError",
    "RecursionError",
    "ValueError",
)
_EMPTY_CRASHES = ("ZeroDivisionError", "AttributeError", "TypeError", "IndexError", "ValueError")


def guard(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if x is None: return None` or `if not x: return []` at the start of a function."""
    if scope.function is None or scope.first is None:
        return
    crash = 1.0 if clues.raised in _CRASHES else 0.4
    answers = _answers(scope, clues)
    for place, name in enumerate(scope.parameters):
        first = crash * (1.0 if place == 0 else 0.7)
        for test, weight in _tests(name, clues):
            for answer, likely, mined in answers:
                code = f"if {test}:\n    return" + ("" if answer is None else f" {answer}")
                title = f"return {'early' if answer is None else answer} if {test}"
                yield from scope.insert_before(scope.first, code, "guard", title, first * weight * likely, mined=mined)


def base_case(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if n <= 1: return 1` at the start of a function that calls itself."""
    if scope.function is None or scope.first is None or not _calls_itself(scope):
        return
    weight = 1.0 if clues.raised == "RecursionError" else 0.5
    for name in scope.parameters[:2]:
        for test in (f"{name} == 0", f"{name} <= 1", f"{name} < 0", f"{name} <= 0", f"not {name}"):
            answers = ["0", "1", name, "[]", "None", '""', "{}", *clues.wanted[:_MINED_FIRST]]
            for answer in dict.fromkeys(answers):
                title = f"return {answer} if {test}"
                code = f"if {test}:\n    return {answer}"
                mined = answer in clues.wanted
                yield from scope.insert_before(scope.first, code, "base_case", title, weight, mined=mined)


def refusal(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if n < 0: raise ValueError(...)` where a test waits for the exception."""
    if not clues.should_raise or scope.function is None or scope.first is None:
        return
    for name in scope.parameters:
        for test in (
            f"{name} < 0",
            f"{name} <= 0",
            f"not {name}",
            f"{name} is None",
            f"{name} > 1",
            f"{name} == 0",
        ):
            message = _complaint(name, test)
            code = f'if {test}:\n    raise {clues.should_raise}("{message}")'
            title = f"raise {clues.should_raise} if {test}"
            yield from scope.insert_before(scope.first, code, "refusal", title, 0.8)
    for left, right in itertools.permutations(scope.parameters, 2):
        for operator, words in (("<", "below"), (">", "above"), ("<=", "not above"), (">=", "not below")):
            test, message = f"{left} {operator} {right}", f"{left} is {words} {right}"
            code = f'if {test}:\n    raise {clues.should_raise}("{message}")'
            title = f"raise {clues.should_raise} if {test}"
            yield from scope.insert_before(scope.first, code, "refusal", title, 0.5)


def loop_guard(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if not x: continue` at the start of a loop's body."""
    crash = 0.8 if clues.raised in _CRASHES else 0.4
    for node in scope.nodes:
        if not isinstance(node, ast.For | ast.AsyncFor):
            continue
        for name in (part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)):
            for test in (f"{name} is None", f"not {name}"):
                yield from scope.insert_before(
                    node.body[0], f"if {test}:\n    continue", "loop_guard", f"skip the item if {test}", crash
                )


def fallback(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`a / b` becomes `a / b if b else 0`, `x.y` becomes `x.y if x else None`, `x` becomes `x or []`."""
    answers = dict.fromkeys(("0", "None", "[]", '""', "{}", "False", *clues.wanted[:2]))
    crash = 0.7 if clues.raised in _EMPTY_CRASHES else 0.2
    for node in scope.nodes:
        found = _unguarded(scope, node)
        if found is None:
            continue
        whole, checked = found
        bare = isinstance(scope.source.parents.get(whole), ast.Return | ast.Assign)
        for answer in answers:
            text = f"{scope.source.text(whole)} if {checked} else {answer}"
            yield scope.replace(
                whole,
                text if bare else f"({text})",
                "fallback",
                f"use {answer} when {_brief(checked)} is empty",
                crash * (1.0 if bare else 0.5),
                mined=answer in clues.wanted,
            )
    for node in scope.each(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in ("min", "max") and len(node.args) == 1:
            for answer in ("0", "None"):
                at = scope.source.span(node)[1] - 1
                title = f"use the default {answer} for nothing"
                yield scope.splice((at, at), f", default={answer}", node, "fallback", title, 0.7)
    yield from _or_default(scope, clues)


def _unguarded(scope: Scope, node: ast.AST) -> tuple[ast.expr, str] | None:
    """An expression that fails when a part of it is None, empty or zero, and that part."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
        simple = isinstance(node.right, ast.Name | ast.Attribute | ast.Call)
        return (node, scope.source.text(node.right)) if simple else None
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load):
        base = scope.source.text(node.value)
        simple = isinstance(node.value, ast.Name | ast.Attribute) and base != "self"
        return (_called(scope, node), base) if simple else None
    return None


def _or_default(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    weight = 0.5 if clues.raised in ("TypeError", "AttributeError") else 0.15
    for node in scope.nodes:
        value = node.iter if isinstance(node, ast.For | ast.comprehension) else None
        value = node.value if isinstance(node, ast.Return | ast.Assign) else value
        if isinstance(value, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            for answer in ("[]", "0", '""', "{}", "None"):
                title = f"use {answer} when {scope.short(value)} is empty"
                yield scope.replace(value, f"{scope.source.text(value)} or {answer}", "fallback", title, weight)


def _tests(name: str, clues: Clues) -> Iterator[tuple[str, float]]:
    none = 1.0 if clues.raised in ("TypeError", "AttributeError") else 0.6
    empty = 1.0 if clues.raised in ("IndexError", "ZeroDivisionError", "ValueError", "KeyError") else 0.7
    yield f"{name} is None", none
    yield f"not {name}", empty
    yield f"{name} == 0", 0.3
    yield f"{name} < 0", 0.3
    yield f"{name} <= 0", 0.3
    if clues.raised == "IndexError":
        yield f"len({name}) < 2", 0.3


def _answers(scope: Scope, clues: Clues) -> tuple[tuple[str | None, float, bool], ...]:
    """What a guard may return: what the function returns elsewhere, what the test wants, empty values."""
    found: dict[str | None, tuple[float, bool]] = {}
    for text in clues.wanted[:_MINED_FIRST]:
        found[text] = (1.0, True)
    for node in scope.each(ast.Return):
        if node.value is None:
            found[None] = (0.9, False)
        elif isinstance(node.value, ast.Constant | ast.List | ast.Dict | ast.Tuple):
            text = scope.source.text(node.value)
            if len(text) <= 40 and not any(isinstance(part, ast.Name) for part in ast.walk(node.value)):
                found[text] = (0.9, False)
    for text in ("None", "[]", "0", '""', "False", "{}", "True", "0.0", *scope.parameters[:2]):
        # A usual empty value is not a recital, even when it is also what the test wants.
        found[text] = (max(0.5, found.get(text, (0.0, False))[0]), False)
    return tuple((text, weight, mined) for text, (weight, mined) in found.items())


def _calls_itself(scope: Scope) -> bool:
    assert scope.function is not None
    name = scope.function.name
    return any(
        (isinstance(node.func, ast.Name) and node.func.id == name)
        or (isinstance(node.func, ast.Attribute) and node.func.attr == name)
        for node in scope.each(ast.Call)
    )


def _called(scope: Scope, node: ast.expr) -> ast.expr:
    """The call of a method rather than the bare method."""
    parent = scope.source.parents.get(node)
    return parent if isinstance(parent, ast.Call) and parent.func is node else node


def _complaint(name: str, test: str) -> str:
    words = {
        f"{name} < 0": "must not be negative",
        f"{name} <= 0": "must be positive",
        f"not {name}": "must not be empty",
        f"{name} is None": "is required",
        f"{name} == 0": "must not be zero",
    }
    return f"{name} {words.get(test, 'is out of range')}"


def _brief(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"
