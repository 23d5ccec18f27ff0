"""Spoil tests so that they must fail: the control run that shows a pass was earned.

Like a negative control in a laboratory: if a test whose assertions were made false still passes, then
something other than the code's behaviour decides its outcome. Each test gets an assertion that cannot hold
right after its last one and another at its end; every assertion on the way reports when it fails (so that a
failure somebody swallows is seen) and has its operands questioned (see sandbox/inside/control.py).
"""

from __future__ import annotations

import ast
from typing import cast

from workspace.conventions import DEFAULTS, Conventions, is_test_path

_CONTROL = "_assay_control"
# Blocks in which a failure is expected, or does not end the test.
_RAISING = {
    "raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns", "assertLogs", "suppress", "fails",
    "subTest", "test", "check",
}  # fmt: skip
_EQUALITIES = {
    "assertEqual", "assertEquals", "assertListEqual", "assertTupleEqual", "assertDictEqual", "assertSetEqual",
    "assertSequenceEqual", "assertMultiLineEqual", "assertCountEqual",
}  # fmt: skip
_QUESTIONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "equal", ast.In: "contained",
    ast.Lt: "ordered", ast.Gt: "ordered", ast.LtE: "ordered", ast.GtE: "ordered",
}  # fmt: skip
_ORDERS = {"assertLess", "assertGreater", "assertLessEqual", "assertGreaterEqual"}


def spoil(path: str, source: bytes, conventions: Conventions = DEFAULTS) -> bytes | None:
    """The spoiled form of a test file, or None when the file is no test file or does not parse."""
    if not (is_test_path(path) or conventions.is_test_file(path)):
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    tree = cast("ast.Module", _Spoiler(conventions).visit(tree))
    at = next((i for i, node in enumerate(tree.body) if not _is_prologue(node)), len(tree.body))
    tree.body.insert(at, ast.parse(f"import {_CONTROL}").body[0])
    return ast.unparse(ast.fix_missing_locations(tree)).encode()


def _is_prologue(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_assertion(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assert) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr.startswith("assert")
    )


def _expects_failure(node: ast.With | ast.AsyncWith) -> bool:
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in _RAISING or "raise" in name.lower():
                return True
    return False


class _Spoiler(ast.NodeTransformer):
    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions
        self._guarded = 0  # depth of blocks in which the test itself expects or handles a failure

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self._guarded = self._guarded, 0
        named = node.name.startswith("test") or self._conventions.is_function(node.name)
        is_test = named and not _is_fixture(node)
        if is_test:
            _arm_last(node.body)
        node.body = self._block(node.body)
        if is_test:
            node.body += _armed(node.end_lineno or node.lineno)
        self._guarded = outer
        return node

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        result: list[ast.stmt] = []
        for statement in body:
            visited = cast("ast.stmt | list[ast.stmt]", self.visit(statement))
            result += visited if isinstance(visited, list) else [visited]
        return result

    def visit_With(self, node: ast.With) -> ast.AST:
        return self._with(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self._with(node)

    def _with(self, node: ast.With | ast.AsyncWith) -> ast.AST:
        expects = _expects_failure(node)
        self._guarded += expects
        node.body = self._block(node.body)
        self._guarded -= expects
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self._guarded += bool(node.handlers)
        node.body = self._block(node.body)
        self._guarded -= bool(node.handlers)
        node.handlers = [cast("ast.ExceptHandler", self.generic_visit(handler)) for handler in node.handlers]
        node.orelse, node.finalbody = self._block(node.orelse), self._block(node.finalbody)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.test = _questioned(node.test)
        return node if self._guarded else _noted(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if not _is_assertion(node) or not isinstance(node.value, ast.Call):
            return node
        call = node.value
        name = cast("ast.Attribute", call.func).attr
        if len(call.args) >= 2 and not any(isinstance(arg, ast.Starred) for arg in call.args[:2]):
            ask = "equal" if name in _EQUALITIES else "ordered" if name in _ORDERS else ""
            ask = "contained" if name == "assertIn" else ask
            if ask:
                pair = _ask(ask, call.args[0], call.args[1], node.lineno)
                call.args[:2] = [ast.Starred(value=pair, ctx=ast.Load())]
        return node if self._guarded or name in _RAISING else _noted(node)


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def _arm_last(body: list[ast.stmt]) -> None:
    """Put an impossible assertion after the last one made outside blocks that handle failure.

    In the same `with` block, since what swallows failures may be its context manager; after a loop, so that
    every round is put to the question.
    """
    for index in range(len(body) - 1, -1, -1):
        statement = body[index]
        is_with = isinstance(statement, ast.With | ast.AsyncWith)
        if _is_assertion(statement) or (is_with and _expects_failure(statement)):
            body[index + 1 : index + 1] = _armed(statement.lineno)
            return
        if isinstance(statement, ast.For | ast.AsyncFor | ast.While) and _asserts(statement):
            body[index + 1 : index + 1] = _armed(statement.lineno)
            return
        if isinstance(statement, ast.With | ast.AsyncWith | ast.If) and _asserts(statement):
            _arm_last(statement.body)
            return


def _asserts(node: ast.stmt) -> bool:
    return any(isinstance(inner, ast.stmt) and _is_assertion(inner) for inner in ast.walk(node))


def _armed(line: int) -> list[ast.stmt]:
    return ast.parse(f"{_CONTROL}.arm({line})\nassert 0 == 1").body


def _noted(node: ast.stmt) -> ast.AST:
    if isinstance(node, ast.Assert) and ast.unparse(node.test) == "0 == 1":
        return node
    noting = f"try:\n    pass\nexcept BaseException:\n    {_CONTROL}.note({node.lineno})\n    raise"
    note = ast.parse(noting).body[0]
    assert isinstance(note, ast.Try)
    note.body = [node]
    return note


def _questioned(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.BoolOp):
        test.values = [_questioned(value) for value in test.values]
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test.operand = _questioned(test.operand)
    elif isinstance(test, ast.Compare) and len(test.ops) == 1:
        ask = _QUESTIONS.get(type(test.ops[0]))
        if ask and not all(isinstance(side, ast.Constant) for side in (test.left, *test.comparators)):
            return _compared(ask, test)
    return test


def _ask(ask: str, left: ast.expr, right: ast.expr, line: int) -> ast.expr:
    function = ast.Attribute(value=ast.Name(id=_CONTROL, ctx=ast.Load()), attr=ask, ctx=ast.Load())
    return ast.Call(func=function, args=[left, right, ast.Constant(value=line)], keywords=[])


def _compared(ask: str, test: ast.Compare) -> ast.expr:
    """`a == b` as `(lambda pair: pair[0] == pair[1])(ask(a, b, line))`: each side evaluated once, in order."""
    function = ast.parse("lambda pair: pair[0] == pair[1]", mode="eval").body
    assert isinstance(function, ast.Lambda)
    assert isinstance(function.body, ast.Compare)
    function.body.ops = test.ops
    return ast.Call(func=function, args=[_ask(ask, test.left, test.comparators[0], test.lineno)], keywords=[])
