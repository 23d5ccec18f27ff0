"""Templates that change an operator, or a part of a condition."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope
from assist.repair.source import Source

# For each operator what it is most often mistaken for, likeliest first.
_COMPARISONS: dict[type[ast.cmpop], tuple[str, dict[str, float]]] = {
    ast.Lt: ("<", {"<=": 1.0, ">": 0.4, ">=": 0.4, "!=": 0.15, "==": 0.1}),
    ast.LtE: ("<=", {"<": 1.0, ">=": 0.4, ">": 0.4, "==": 0.15, "!=": 0.1}),
    ast.Gt: (">", {">=": 1.0, "<": 0.4, "<=": 0.4, "!=": 0.15, "==": 0.1}),
    ast.GtE: (">=", {">": 1.0, "<=": 0.4, "<": 0.4, "==": 0.15, "!=": 0.1}),
    ast.Eq: ("==", {"!=": 0.6, "<=": 0.4, ">=": 0.4, "<": 0.2, ">": 0.2, "in": 0.2, "is": 0.1}),
    ast.NotEq: ("!=", {"==": 0.6, "<": 0.4, ">": 0.4, "not in": 0.2, "is not": 0.1}),
    ast.Is: ("is", {"is not": 0.6, "==": 0.5}),
    ast.IsNot: ("is not", {"is": 0.6, "!=": 0.5}),
    ast.In: ("in", {"not in": 0.6, "==": 0.2}),
    ast.NotIn: ("not in", {"in": 0.6, "!=": 0.2}),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, dict[str, float]]] = {
    ast.Add: ("+", {"-": 1.0, "*": 0.3}),
    ast.Sub: ("-", {"+": 1.0, "*": 0.2, "/": 0.1, "%": 0.1}),
    ast.Mult: ("*", {"/": 0.5, "+": 0.4, "**": 0.3, "//": 0.3, "-": 0.1}),
    ast.Div: ("/", {"//": 0.8, "*": 0.5, "%": 0.2}),
    ast.FloorDiv: ("//", {"/": 0.8, "%": 0.5, "*": 0.2}),
    ast.Mod: ("%", {"//": 0.6, "/": 0.2}),
    ast.Pow: ("**", {"*": 0.6}),
    ast.BitAnd: ("&", {"|": 0.7, "^": 0.4}),
    ast.BitOr: ("|", {"&": 0.7, "^": 0.4}),
    ast.BitXor: ("^", {"|": 0.5, "&": 0.5, "**": 0.4}),
    ast.LShift: ("<<", {">>": 0.8}),
    ast.RShift: (">>", {"<<": 0.8}),
}


def comparison(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`a < b` becomes `a <= b`."""
    for node in scope.each(ast.Compare):
        operands = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, operands, operands[1:], strict=False):
            text, others = _COMPARISONS[type(operator)]
            at = _operator_between(scope.source, left, right, text)
            if at is None:
                continue
            for other, weight in others.items():
                if other.startswith("is") and _is_value(right):
                    continue
                title = f"compare with {other} instead of {text}"
                yield scope.splice(at, other, node, "comparison", title, weight)


def arithmetic(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`a + b` becomes `a - b`, and `a - b` becomes `b - a`."""
    for node in scope.each(ast.BinOp):
        text, others = _ARITHMETIC.get(type(node.op), ("", {}))
        at = _operator_between(scope.source, node.left, node.right, text)
        if not text or at is None or _is_formatting(node):
            continue
        for other, weight in others.items():
            yield scope.splice(at, other, node, "arithmetic", f"use {other} instead of {text}", weight)
        if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod):
            left, right = scope.source.grouped_text(node.left), scope.source.grouped_text(node.right)
            if not isinstance(node.left, ast.BinOp) and not isinstance(node.right, ast.BinOp):
                title = f"swap the sides of {text}"
                yield scope.replace(node, f"{right} {text} {left}", "arithmetic", title, 0.4)
        if isinstance(node.op, ast.Sub):
            title = f"take the absolute value of {scope.short(node)}"
            yield scope.replace(node, f"abs({scope.source.text(node)})", "arithmetic", title, 0.2)
    for node in scope.each(ast.AugAssign):
        text, others = _ARITHMETIC.get(type(node.op), ("", {}))
        at = _operator_between(scope.source, node.target, node.value, text + "=")
        if text and at is not None:
            for other, weight in others.items():
                title = f"use {other}= instead of {text}="
                yield scope.splice(at, other + "=", node, "arithmetic", title, weight)
            yield scope.splice(at, "=", node, "arithmetic", f"assign instead of {text}=", 0.3)
    for node in scope.each(ast.Assign):
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name | ast.Attribute | ast.Subscript):
            at = _operator_between(scope.source, node.targets[0], node.value, "=")
            if at is not None and not isinstance(node.value, ast.Constant):
                title = f"add to {scope.short(node.targets[0])} instead of assigning"
                yield scope.splice(at, "+=", node, "arithmetic", title, 0.3)


def grouping(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`(a + b) * c` becomes `a + b * c` or `a * c + b`; `a + b * c` becomes `(a + b) * c`."""
    del clues
    source = scope.source
    for node in scope.each(ast.BinOp):
        parent = source.parents.get(node)
        if not isinstance(node.op, ast.Add | ast.Sub):
            continue
        text, operator = source.text(node), _ARITHMETIC[type(node.op)][0]
        start, end = source.grouped(node)
        if start < source.span(node)[0] and isinstance(parent, ast.BinOp):
            yield scope.splice(
                (start, end), text, node, "grouping", f"drop the parentheses of {scope.short(node)}", 0.6
            )
            whole = parent
            while isinstance(above := source.parents.get(whole), ast.BinOp) and above.left is whole:
                whole = above
            if source.grouped(whole)[0] <= start and parent.left is node:
                rest = source.raw[end : source.span(whole)[1]].decode()
                left, right = source.grouped_text(node.left), source.grouped_text(node.right)
                new = f"{left}{rest} {operator} {right}"
                title = f"{operator} {right} last" if len(right) < 20 else f"move the {operator} to the end"
                yield scope.replace(whole, new, "grouping", f"do {title}", 0.6)
        for side in (node.left, node.right):
            if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult | ast.Div | ast.FloorDiv | ast.Mod):
                if source.grouped(side) != source.span(side):
                    continue
                title = f"do {operator} before {_ARITHMETIC[type(side.op)][0]}"
                if side is node.right:
                    span = (source.grouped(node.left)[0], source.grouped(side.left)[1])
                else:
                    span = (source.grouped(side.right)[0], source.grouped(node.right)[1])
                inner = source.raw[span[0] : span[1]].decode()
                yield scope.splice(span, f"({inner})", node, "grouping", title, 0.5)


def sign(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`-x` becomes `x`, and a sort key or a returned value gets a minus."""
    for node in scope.each(ast.UnaryOp):
        if isinstance(node.op, ast.USub):
            title = f"drop the minus of {scope.short(node)}"
            yield scope.replace(node, scope.source.grouped_text(node.operand), "sign", title, 0.7)
    for node in scope.each(ast.Return):
        if node.value is not None and isinstance(node.value, ast.Name | ast.Call | ast.Attribute):
            title = f"negate the returned {scope.short(node.value)}"
            yield scope.replace(node.value, f"-{scope.source.text(node.value)}", "sign", title, 0.3)
    for node in scope.each(ast.Lambda):  # a sort key
        for part in node.body.elts if isinstance(node.body, ast.Tuple) else [node.body]:
            if isinstance(part, ast.Name | ast.Call | ast.Attribute | ast.Subscript):
                title = f"negate {scope.short(part)}"
                yield scope.replace(part, f"-{scope.source.text(part)}", "sign", title, 0.5)


def condition(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`a and b` becomes `a or b`, `a` or `b`."""
    for node in scope.each(ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in itertools.pairwise(node.values):
            at = _operator_between(scope.source, left, right, old)
            if at is not None:
                title = f"use {new} instead of {old}"
                yield scope.splice(at, new, node, "condition", title, 0.8)
        for index, value in enumerate(node.values):
            kept = [other for place, other in enumerate(node.values) if place != index]
            text = f" {old} ".join(scope.source.grouped_text(other) for other in kept)
            title = f"drop the condition {scope.short(value)}"
            yield scope.replace(node, text, "condition", title, 0.5)


def negation(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`not x` becomes `x`, and a condition `x` becomes `not x`."""
    for node in scope.each(ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            title = f"drop not before {scope.short(node.operand)}"
            yield scope.replace(node, scope.source.grouped_text(node.operand), "negation", title, 1.0)
    for test in _conditions(scope):
        for part in test.values if isinstance(test, ast.BoolOp) else [test]:
            if isinstance(part, ast.Compare) or (isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)):
                continue  # `comparison` and the case above do these in the usual way
            text = scope.source.text(part)
            simple = isinstance(part, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
            title = f"negate the condition {scope.short(part)}"
            yield scope.replace(part, f"not {text}" if simple else f"not ({text})", "negation", title, 0.6)


def none_test(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`if x` becomes `if x is not None`, `x or d` becomes `d if x is None else x`, and back."""
    for test in _conditions(scope):
        for part in test.values if isinstance(test, ast.BoolOp) else [test]:
            negated = isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)
            inner = part.operand if isinstance(part, ast.UnaryOp) and negated else part
            if isinstance(inner, ast.Name | ast.Attribute):
                text = scope.source.text(inner) + (" is None" if negated else " is not None")
                yield scope.replace(part, text, "none_test", f"test {text}", 0.5)
            elif isinstance(inner, ast.Compare) and _is_none_test(inner):
                left = scope.source.grouped_text(inner.left)
                text = f"not {left}" if isinstance(inner.ops[0], ast.Is) else left
                yield scope.replace(part, text, "none_test", f"test the truth of {left}", 0.4)
    for node in scope.each(ast.BoolOp):
        if isinstance(node.op, ast.Or) and len(node.values) == 2:
            first, second = node.values
            if (
                isinstance(first, ast.Name | ast.Attribute | ast.Subscript)
                and scope.source.parents.get(node) is not None
            ):
                value, default = scope.source.text(first), scope.source.grouped_text(second)
                text = f"({default} if {value} is None else {value})"
                title = f"use the default only when {value} is None"
                yield scope.splice(scope.source.grouped(node), text, node, "none_test", title, 0.3)


def _conditions(scope: Scope) -> Iterator[ast.expr]:
    for node in scope.nodes:
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield node.test
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for generator in node.generators:
                yield from generator.ifs
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.BoolOp | ast.Compare):
            yield node.value


def _is_none_test(node: ast.Compare) -> bool:
    right = node.comparators[0]
    return (
        len(node.ops) == 1
        and isinstance(node.ops[0], ast.Is | ast.IsNot)
        and isinstance(right, ast.Constant)
        and right.value is None
    )


def _is_value(node: ast.expr) -> bool:
    """A literal that `is` should never be used with."""
    return isinstance(node, ast.Constant) and not isinstance(node.value, bool | None)


def _is_formatting(node: ast.BinOp) -> bool:
    return isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant | ast.JoinedStr)


def _operator_between(source: Source, left: ast.expr, right: ast.expr, text: str) -> tuple[int, int] | None:
    """Where the operator stands: between operands are only parentheses, white space and comments."""
    start, end = source.span(left)[1], source.span(right)[0]
    gap = re.sub(rb"#[^\r\n]*", lambda found: b" " * len(found.group()), source.raw[start:end])
    words = rb"\s+".join(re.escape(word.encode()) for word in text.split()) if text else rb"(?!)"
    found = re.search(words, gap)
    return (start + found.start(), start + found.end()) if found else None
