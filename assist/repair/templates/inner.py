"""Templates that guard a statement where it stands: real fixes add more of these than of anything else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope

_NAMES = 4  # names of one statement that are guarded
_EXPRESSIONS = 3  # names of one expression
_NONE_CRASHES = ("TypeError", "AttributeError")
_EMPTY_CRASHES = ("IndexError", "KeyError", "ZeroDivisionError", "ValueError", "StopIteration")
_TYPES = ("str", "dict", "(list, tuple)", "int")


def early_exit(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if not values: return None` before a statement inside of a function that uses `values`."""
    if scope.function is None:
        return
    crash = 0.9 if clues.raised in (*_NONE_CRASHES, *_EMPTY_CRASHES) else 0.35
    answers = _answers(scope, clues)
    for statement in scope.statements():
        if not scope.source.stands_alone(statement) and not getattr(statement, "body", None):
            continue
        if _is_elif(scope, statement):
            continue
        leaves = _leaves(scope, statement, answers)
        for name, likely in _guarded(scope, statement):
            for test, weight in _tests(name, clues):
                for leave, chance, mined in leaves:
                    title = f"{_brief(leave)} if {test}"
                    code = f"if {test}:\n    {leave}"
                    whole = crash * likely * weight * chance
                    yield from scope.insert_before(statement, code, "early_exit", title, whole, mined=mined)


def refused_here(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if amount > self.balance: raise ValueError(...)` where a test waits for the exception in vain."""
    if not clues.should_raise or scope.function is None or scope.first is None:
        return
    attributes = list(dict.fromkeys(scope.source.text(node) for node in scope.each(ast.Attribute) if _is_own(node)))
    for name in scope.parameters[:3]:
        for other in attributes[:4]:
            for test, words in (
                (f"{name} > {other}", "is too large"),
                (f"{name} < {other}", "is too small"),
                (f"{name} in {other}", "is there already"),
                (f"{name} not in {other}", "is unknown"),
            ):
                code = f'if {test}:\n    raise {clues.should_raise}("{name} {words}")'
                title = f"raise {clues.should_raise} if {test}"
                yield from scope.insert_before(scope.first, code, "refused_here", title, 0.6)
    for other in attributes[:4]:
        for test in (f"not {other}", other, f"{other} is None"):
            code = f'if {test}:\n    raise {clues.should_raise}("{other.rpartition(".")[2]} does not allow it")'
            title = f"raise {clues.should_raise} if {test}"
            yield from scope.insert_before(scope.first, code, "refused_here", title, 0.5)


def conditional(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`x = f(y)` becomes `x = f(y) if y else 0`, where the statement may be what crashed."""
    crash = 0.7 if clues.raised in (*_NONE_CRASHES, *_EMPTY_CRASHES) else 0.1
    for node in scope.nodes:
        value = node.value if isinstance(node, ast.Assign | ast.Return | ast.AnnAssign) else None
        if not isinstance(value, ast.Call | ast.BinOp | ast.Subscript):
            continue
        text = scope.source.text(value)
        if "\n" in text:
            continue
        names = [name for name, _ in _names_in(scope, value)][:_EXPRESSIONS]
        for name in names:
            for test, weight in ((name, 1.0), (f"{name} is not None", 0.7)):
                for answer in dict.fromkeys(("0", "None", '""', "[]", "False", name, *clues.wanted[:2])):
                    title = f"use {answer} unless {test}"
                    mined = answer in clues.wanted and answer not in ("0", "None", '""', "[]", "False")
                    new = f"{text} if {test} else {answer}"
                    yield scope.replace(value, new, "conditional", title, crash * weight, mined=mined)


def item_filter(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`[f(x) for x in xs]` becomes `[f(x) for x in xs if x]`."""
    crash = 0.9 if clues.raised in (*_NONE_CRASHES, *_EMPTY_CRASHES) else 0.4
    for node in scope.nodes:
        if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        for generator in node.generators:
            names = [part.id for part in ast.walk(generator.target) if isinstance(part, ast.Name)]
            if generator.ifs:
                continue
            at = scope.source.grouped(generator.iter)[1]
            for name in names:
                for test in (name, f"{name} is not None"):
                    title = f"leave out what is not {test}" if test == name else f"keep only if {test}"
                    yield scope.splice((at, at), f" if {test}", node, "item_filter", title, crash)


def type_test(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if k in x` becomes `if isinstance(x, dict) and k in x`, or `not isinstance(x, dict) or k not in x`."""
    crash = 0.8 if clues.raised in _NONE_CRASHES else 0.25
    for node in scope.nodes:
        if not isinstance(node, ast.If | ast.While | ast.IfExp):
            continue
        text = scope.source.grouped_text(node.test)
        loose = isinstance(node.test, ast.BoolOp | ast.IfExp | ast.NamedExpr)
        inner = f"({scope.source.text(node.test)})" if loose else text
        for name, _ in _names_in(scope, node.test)[:2]:
            checks = [f"isinstance({name}, {kind})" for kind in _TYPES]
            for check in checks:
                for new in (f"{check} and {inner}", f"not {check} or {inner}"):
                    title = f"check {check} first"
                    yield scope.splice(scope.source.grouped(node.test), new, node.test, "type_test", title, crash)
            for new in (f"{name} and {inner}", f"{name} is not None and {inner}", f"not {name} or {inner}"):
                title = f"check {name} first"
                yield scope.splice(scope.source.grouped(node.test), new, node.test, "type_test", title, crash)


def _leaves(
    scope: Scope, statement: ast.stmt, answers: tuple[tuple[str, float, bool], ...]
) -> tuple[tuple[str, float, bool], ...]:
    if not _in_loop(scope, statement):
        return answers
    return (("continue", 1.0, False), ("break", 0.3, False), *answers[:3])


def _answers(scope: Scope, clues: Clues) -> tuple[tuple[str, float, bool], ...]:
    """What leaving early may return: what the function returns elsewhere, then the usual empty values."""
    found: dict[str, tuple[float, bool]] = {}
    for node in scope.each(ast.Return):
        text = scope.source.text(node)
        if node.value is None or (len(text) < 40 and isinstance(node.value, ast.Constant | ast.Name | ast.Tuple)):
            found.setdefault(text, (1.0, False))
    generator = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in scope.nodes)
    for text in ("return",) if generator else ("return None", "return []", "return 0", 'return ""', "return False"):
        found.setdefault(text, (0.5, False))
    for literal in clues.wanted[:2]:
        found.setdefault(f"return {literal}", (0.7, True))
    return tuple((text, weight, mined) for text, (weight, mined) in found.items())


def _guarded(scope: Scope, statement: ast.stmt) -> list[tuple[str, float]]:
    """Names and attributes that the statement (a compound one's header) uses, those used riskily first."""
    header: ast.AST = statement
    if isinstance(statement, ast.For | ast.AsyncFor):
        header = statement.iter
    elif isinstance(statement, ast.If | ast.While):
        header = statement.test
    elif getattr(statement, "body", None):
        return []
    return _names_in(scope, header)[:_NAMES]


def _names_in(scope: Scope, root: ast.AST) -> list[tuple[str, float]]:
    found: dict[str, float] = {}
    known = set(scope.names)
    for node in ast.walk(root):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in known:
            text = node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _is_own(node):
            parent = scope.source.parents.get(node)
            if isinstance(parent, ast.Call) and parent.func is node:
                continue  # a method is never missing
            text = scope.source.text(node)
        else:
            continue
        parent = scope.source.parents.get(node)
        risky = isinstance(parent, ast.Attribute | ast.Subscript | ast.BinOp | ast.For | ast.Call | ast.comprehension)
        found[text] = max(found.get(text, 0.0), 1.0 if risky else 0.5)
    return sorted(found.items(), key=lambda each: -each[1])


def _tests(name: str, clues: Clues) -> Iterator[tuple[str, float]]:
    yield f"not {name}", 1.0 if clues.raised in _EMPTY_CRASHES else 0.7
    yield f"{name} is None", 1.0 if clues.raised in _NONE_CRASHES else 0.5
    if clues.raised not in (*_NONE_CRASHES, *_EMPTY_CRASHES):
        yield name, 0.3


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _in_loop(scope: Scope, statement: ast.stmt) -> bool:
    at = scope.source.parents.get(statement)
    while at is not None and at is not scope.root:
        if isinstance(at, ast.For | ast.While | ast.AsyncFor):
            return True
        at = scope.source.parents.get(at)
    return False


def _is_elif(scope: Scope, statement: ast.stmt) -> bool:
    parent = scope.source.parents.get(statement)
    return isinstance(statement, ast.If) and isinstance(parent, ast.If) and statement in parent.orelse


def _brief(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
