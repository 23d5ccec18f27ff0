"""Templates that change what is returned, the order of statements, or where a block ends."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope
from assist.repair.source import Splice

_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete)
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def returned(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`return a` becomes `return b`; a function that returns nothing returns what it computed."""
    if scope.function is None:
        return
    for node in scope.each(ast.Return):
        if node.value is None:
            for name in scope.names:
                yield scope.replace(node, f"return {name}", "returned", f"return {name}", 0.4)
            continue
        for name in (*scope.names, "self") if scope.function.args.args else scope.names:
            if scope.source.text(node.value) != name:
                title = f"return {name} instead of {scope.short(node.value)}"
                yield scope.replace(node.value, name, "returned", title, 0.3)
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
            first, second = (scope.source.text(part) for part in node.value.elts)
            title = f"return {second} before {first}"
            yield scope.replace(node.value, f"{second}, {first}", "returned", title, 0.4)
    is_generator = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in scope.nodes)
    for block in scope.blocks():
        last = block[-1]
        if isinstance(last, ast.Expr) and not _is_docstring(last):
            at = scope.source.span(last)[0]
            title = f"return {scope.short(last)}"
            yield scope.splice((at, at), "return ", last, "returned", title, 0.8)
            if isinstance(last.value, ast.Call) and is_generator:
                for word in ("yield from ", "yield "):
                    title = f"{word}{scope.short(last)}"
                    yield scope.splice((at, at), word, last, "returned", title, 0.9)
    last = scope.function.body[-1]
    if isinstance(last, _ENDS) or not scope.source.stands_alone(scope.function):
        return
    indent = scope.source.indent(last)
    if indent is None:
        return
    at = scope.source.full_lines(last)[1]
    lead = "" if scope.source.raw[:at].endswith((b"\n", b"\r")) else scope.source.newline
    own = ("self",) if scope.function.args.args and scope.function.args.args[0].arg == "self" else ()
    for name in (*scope.names, *own):
        yield scope.splice(
            (at, at), lead + scope.indented(f"return {name}", indent), last, "returned", f"return {name}", 0.6
        )


def loop_exit(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`break` becomes `continue`, `return` in a loop, and back."""
    for node in scope.nodes:
        if isinstance(node, ast.Break):
            yield scope.replace(node, "continue", "loop_exit", "continue instead of breaking off", 0.9)
        elif isinstance(node, ast.Continue):
            yield scope.replace(node, "break", "loop_exit", "break off instead of continuing", 0.9)
        elif isinstance(node, ast.Pass):
            yield scope.replace(node, "continue", "loop_exit", "continue instead of pass", 0.2)


def order(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """Two neighbouring statements change places."""
    for block in scope.blocks():
        for first, second in itertools.pairwise(block):
            if not isinstance(first, _SIMPLE) or not isinstance(second, (*_SIMPLE, ast.If)):
                continue
            if isinstance(first, _ENDS) or _is_docstring(first):
                continue
            if not scope.source.stands_alone(first) or not scope.source.stands_alone(second):
                continue
            start, middle = scope.source.full_lines(first)
            begin, end = scope.source.full_lines(second)
            raw = scope.source.raw
            if not raw[:end].endswith((b"\n", b"\r")):
                continue
            text = raw[begin:end] + raw[middle:begin] + raw[start:middle]
            title = f"do {scope.short(second)} before {scope.short(first)}"
            yield scope.splice((start, end), text.decode(), first, "order", title, 0.4)


def nesting(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """The last statement of a block moves out of it, or the statement after a block moves in."""
    for block in scope.blocks():
        for place, statement in enumerate(block):
            inner: list[ast.stmt] = getattr(statement, "body", [])
            if not isinstance(statement, ast.For | ast.While | ast.If | ast.With | ast.AsyncFor) or not inner:
                continue
            outer_indent, inner_indent = scope.source.indent(statement), scope.source.indent(inner[-1])
            if outer_indent is None or inner_indent is None:
                continue
            last = inner[-1]
            if len(inner) > 1 and not getattr(statement, "orelse", []) and _is_one_line(scope, last):
                start, end = scope.source.full_lines(last)
                text = outer_indent + scope.source.raw[start:end].decode().lstrip(" \t")
                title = f"move {scope.short(last)} out of the block"
                weight = 0.8 if isinstance(last, ast.Return) else 0.4
                yield scope.splice((start, end), text, last, "nesting", title, weight)
            if place + 1 < len(block) and not getattr(statement, "orelse", []):
                after = block[place + 1]
                if _is_one_line(scope, after) and not isinstance(inner[-1], _ENDS):
                    start, end = scope.source.full_lines(after)
                    text = inner_indent + scope.source.raw[start:end].decode().lstrip(" \t")
                    title = f"move {scope.short(after)} into the block"
                    yield scope.splice((start, end), text, after, "nesting", title, 0.4)


def removal(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """A statement goes away; or only the body of an `if` stays."""
    for block in scope.blocks():
        for statement in block:
            if not isinstance(statement, ast.Expr | ast.AugAssign | ast.Assign | ast.Return | ast.If | ast.Raise):
                continue
            if _is_docstring(statement) or not scope.source.stands_alone(statement):
                continue
            start, end = scope.source.full_lines(statement)
            title = f"drop {scope.short(statement)}"
            weight = 0.15 if isinstance(statement, ast.If | ast.Return) else 0.3
            if len(block) > 1:
                yield scope.splice((start, end), "", statement, "removal", title, weight)
            else:
                yield scope.replace(statement, "pass", "removal", title, weight * 0.5)


def mutable_default(scope: Scope, _clues: Clues) -> Iterator[Mutation]:
    """`def f(items=[])` becomes `def f(items=None)` with a fresh list in the body."""
    if scope.function is None or scope.first is None:
        return
    arguments, indent = scope.function.args, scope.source.indent(scope.first)
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        if default is None or indent is None:
            continue
        text = scope.source.text(default)
        if not isinstance(default, ast.List | ast.Dict | ast.Set | ast.Call):
            continue
        if isinstance(default, ast.Call) and default.args:
            continue
        name = argument.arg
        at = scope.source.full_lines(scope.first)[0]
        code = scope.indented(f"if {name} is None:\n    {name} = {text}", indent)
        start, end = scope.source.span(default)
        yield Mutation(
            path=scope.source.path,
            splices=(Splice(start, end, "None"), Splice(at, at, code)),
            template="mutable_default",
            title=f"make a fresh {text} for {name} on each call",
            lines=range(scope.first.lineno, (scope.function.end_lineno or scope.first.lineno) + 1),
            weight=1.0,
        )


def handler(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`except KeyError` also catches what the failing test died of."""
    if not clues.raised:
        return
    for node in scope.each(ast.ExceptHandler):
        if node.type is None or clues.raised in scope.source.text(node.type):
            continue
        caught = [scope.source.text(part) for part in node.type.elts] if isinstance(node.type, ast.Tuple) else []
        names = ", ".join([*(caught or [scope.source.text(node.type)]), clues.raised])
        try_ = scope.source.parents.get(node)
        mutation = scope.replace(node.type, f"({names})", "handler", f"also catch {clues.raised}", 0.8)
        if isinstance(try_, ast.Try):
            yield Mutation(
                path=mutation.path,
                splices=mutation.splices,
                template=mutation.template,
                title=mutation.title,
                lines=range(try_.lineno, node.lineno + 1),
                weight=mutation.weight,
            )


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_one_line(scope: Scope, statement: ast.stmt) -> bool:
    simple = isinstance(statement, (*_SIMPLE, ast.Break, ast.Continue)) and not _is_docstring(statement)
    return simple and statement.lineno == statement.end_lineno and scope.source.stands_alone(statement)
