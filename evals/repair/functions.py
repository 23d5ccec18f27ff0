"""What one commit changed in one file: a single function, or more than that; and of which kind the change is."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef

KINDS = ("guard", "constant", "call", "condition", "operator", "name", "statement", "value", "rewrite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one function and of nothing else that runs."""

    function: str
    """`Class.method`."""
    kind: str
    """One of `KINDS`."""
    lines: int
    """Lines taken away and put in, blank ones and comments not counted."""


def change_of(before: bytes, after: bytes) -> Change | None:
    """What was changed when it was one function's body or signature; None for anything else."""
    try:
        old_tree, new_tree = ast.parse(before), ast.parse(after)
    except (SyntaxError, ValueError, RecursionError):
        return None
    old, new = _functions(old_tree), _functions(new_tree)
    if old.keys() != new.keys():
        return None
    changed = [name for name in old if _shape(old[name]) != _shape(new[name])]
    if len(changed) != 1 or _rest(old_tree) != _rest(new_tree):
        return None
    one, other = old[changed[0]], new[changed[0]]
    return Change(function=changed[0], kind=kind_of(one, other), lines=_lines(one, other))


def same_code(one: bytes, other: bytes) -> bool:
    """Whether two texts are the same program but for layout, comments and docstrings."""
    try:
        return _dump(ast.parse(one)) == _dump(ast.parse(other))
    except (SyntaxError, ValueError, RecursionError):
        return one == other


def function_at(content: bytes, line: int) -> str:
    """The outermost function around a line, from 1, with its classes: `Class.method`; empty when there is none."""
    for name, node in _functions(ast.parse(content)).items():
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        if first <= line <= (node.end_lineno or node.lineno):
            return name
    return ""


def kind_of(old: Function, new: Function) -> str:
    """The kind of a fix, by what its smallest unlike parts are."""
    pairs = list(_unlike(old, new))
    if not pairs:
        return "rewrite"
    kinds = {_kind(one, other) for one, other in pairs}
    for kind in ("rewrite", "guard", "statement"):
        if kind in kinds:
            return kind
    return kinds.pop() if len(kinds) == 1 else "rewrite"


def _kind(one: ast.AST | None, other: ast.AST | None) -> str:
    if one is None or other is None:
        added = other if one is None else one
        if isinstance(added, ast.If) and one is None:
            return "guard"
        return "statement" if isinstance(added, ast.stmt) else "call"
    if isinstance(one, ast.Constant) and isinstance(other, ast.Constant):
        return "constant"
    if type(one) is not type(other) and isinstance(other, ast.BoolOp | ast.IfExp):
        return "condition" if isinstance(other, ast.BoolOp) else "guard"
    if isinstance(one, ast.BoolOp) or isinstance(other, ast.BoolOp | ast.Compare):
        return "condition"
    if isinstance(one, ast.operator | ast.cmpop | ast.boolop | ast.unaryop):
        return "operator"
    if isinstance(one, ast.Call) or isinstance(other, ast.Call):
        return "call"
    if isinstance(one, ast.Name | ast.Attribute) and isinstance(other, ast.Name | ast.Attribute):
        return "name"
    if isinstance(one, ast.stmt):
        return "guard" if isinstance(other, ast.If | ast.Try) else "rewrite"
    return "value"


def _unlike(one: ast.AST, other: ast.AST) -> list[tuple[ast.AST | None, ast.AST | None]]:
    """The deepest pairs of nodes in which two trees differ."""
    if ast.dump(one) == ast.dump(other):
        return []
    if type(one) is not type(other):
        return [(one, other)]
    found: list[tuple[ast.AST | None, ast.AST | None]] = []
    for name in one._fields:
        left, right = getattr(one, name, None), getattr(other, name, None)
        if isinstance(left, list) and isinstance(right, list):
            inner = _unlike_lists(left, right)  # pyright: ignore[reportUnknownArgumentType]
            if inner and isinstance(one, ast.Call | ast.BoolOp) and any(None in pair for pair in inner):
                return [(one, other)]
            found += inner
        elif isinstance(left, ast.AST) and isinstance(right, ast.AST):
            found += _unlike(left, right)
        elif left != right:
            return [(one, other)]
    return found


def _unlike_lists(left: list[object], right: list[object]) -> list[tuple[ast.AST | None, ast.AST | None]]:
    olds = [node for node in left if isinstance(node, ast.AST)]
    news = [node for node in right if isinstance(node, ast.AST)]
    matcher = difflib.SequenceMatcher(None, [ast.dump(node) for node in olds], [ast.dump(node) for node in news], False)
    found: list[tuple[ast.AST | None, ast.AST | None]] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        if b - a == d - c:
            for one, other in zip(olds[a:b], news[c:d], strict=True):
                found += _unlike(one, other)
        elif b - a == 0 or d - c == 0:
            found += [(node, None) for node in olds[a:b]] + [(None, node) for node in news[c:d]]
        else:
            found.append((olds[a], news[c]))
    return found


def _functions(tree: ast.Module) -> dict[str, Function]:
    """Functions and methods by qualified name; functions inside functions belong to the outer one."""
    found: dict[str, Function] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, Function):
                name = prefix + node.name
                while name in found:  # overloads, setters
                    name += "'"
                found[name] = node
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.If | ast.Try):
                visit([*node.body, *node.orelse], prefix)

    visit(tree.body, "")
    return found


def _rest(tree: ast.Module) -> str:
    """The file without what its functions do."""
    return _dump(_Emptied().visit(ast.parse(ast.unparse(tree))))


class _Emptied(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return ast.parse(f"def {node.name}(): pass").body[0]

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return ast.parse(f"async def {node.name}(): pass").body[0]


def _shape(function: Function) -> str:
    return _dump(function)


def _dump(node: ast.AST) -> str:
    """The tree as text, without docstrings."""
    copy = ast.parse(ast.unparse(node))
    for each in ast.walk(copy):
        body: object = getattr(each, "body", None)
        if isinstance(each, ast.Module | ast.ClassDef | Function) and isinstance(body, list) and body:
            first: object = body[0]  # pyright: ignore[reportUnknownVariableType]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                each.body = each.body[1:] or [ast.Pass()]
    return ast.dump(copy)


def _lines(one: Function, other: Function) -> int:
    left, right = ast.unparse(one).splitlines(), ast.unparse(other).splitlines()
    return sum(line[:1] in "+-" for line in difflib.ndiff(left, right))
