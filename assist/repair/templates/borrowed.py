"""Templates that put in code which already stands near by: a statement of a neighbour, one more condition."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from assist.repair.scope import Clues, Mutation, Scope
from assist.repair.source import Source, walk

_STATEMENTS = 16  # neighbours' statements tried in one function
_PLACES = 16  # places tried for each
_LENGTH = 120  # bytes of one; longer ones say more than a slip does
_ATOMS = 14  # conditions tried at one place
_NEIGHBOUR = 0.7  # of the same class
_STRANGER = 0.35  # of the same module

_BUILTINS = frozenset(dir(builtins))


def statement(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`self._values.move_to_end(key)`, which `put` has, also in `get`."""
    del clues
    if scope.function is None:
        return
    here = {scope.source.text(node) for node in scope.statements()}
    found = [each for each in _neighbours(scope) if each[0] not in here]
    for text, weight in sorted(dict(found).items(), key=lambda each: -each[1])[:_STATEMENTS]:
        for place, before in enumerate(places(scope)):
            if place >= _PLACES:
                break
            title = f"also do {_brief(text)}"
            yield from scope.insert_before(before, text, "statement", title, weight)


def extra_condition(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`if a` becomes `if a and b` or `if a or b`, with a `b` that is tested or at hand near by."""
    del clues
    atoms = list(dict.fromkeys(_atoms(scope)))
    for test in _conditions(scope):
        text = scope.source.grouped_text(test)
        present = {scope.source.text(node) for node in ast.walk(test) if isinstance(node, ast.expr)}
        new = [atom for atom in atoms if atom not in present][:_ATOMS]
        for operator in ("and", "or"):
            whole = text
            mixed = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or if operator == "and" else ast.And)
            if mixed or isinstance(test, ast.IfExp | ast.Lambda | ast.NamedExpr):
                whole = f"({scope.source.text(test)})"
            for atom in new:
                title = f"require also {atom}" if operator == "and" else f"accept also {atom}"
                span = scope.source.grouped(test)
                yield scope.splice(span, f"{whole} {operator} {atom}", test, "extra_condition", title, 0.4)


def _neighbours(scope: Scope) -> Iterator[tuple[str, float]]:
    """Simple statements of other functions whose names all mean something here."""
    source, home = scope.source, scope.function
    assert home is not None
    known = known_names(scope)
    mine = _class_of(source, home)
    for other, owner, text, names in source.once("statements", lambda: tuple(_simple_statements(source))):
        if other is not home and names <= known:
            yield text, _NEIGHBOUR if mine is not None and owner is mine else _STRANGER


def _simple_statements(source: Source) -> Iterator[tuple[ast.AST, ast.ClassDef | None, str, frozenset[str]]]:
    """(function, its class, text, names) of statements short enough to be borrowed."""
    for other in walk(source.tree, into_functions=True):
        if not isinstance(other, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in walk(other):
            if not isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Delete):
                continue
            if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call):
                continue
            text = source.text(node)
            if len(text) <= _LENGTH and "\n" not in text:
                names = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
                yield other, _class_of(source, other), text, names


def known_names(scope: Scope) -> set[str]:
    """Names that mean something in a function: its own, the module's and the builtin ones."""
    known = {*scope.names, *scope.source.once("module names", lambda: _module_names(scope.source.tree))}
    if scope.function is not None:
        known |= {argument.arg for argument in scope.function.args.args}
    return known


def _module_names(tree: ast.Module) -> set[str]:
    known = set(_BUILTINS)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            known |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return known


def places(scope: Scope) -> Iterator[ast.stmt]:
    """Statements that something can be put before."""
    for node in scope.statements():
        if scope.source.stands_alone(node) or getattr(node, "body", None):
            parent = scope.source.parents.get(node)
            if not (isinstance(node, ast.If) and isinstance(parent, ast.If) and node in parent.orelse):
                yield node


def _class_of(source: Source, function: ast.AST) -> ast.ClassDef | None:
    parent = source.parents.get(function)
    return parent if isinstance(parent, ast.ClassDef) else None


def _conditions(scope: Scope) -> Iterator[ast.expr]:
    for node in scope.nodes:
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield node.test
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for generator in node.generators:
                yield from generator.ifs
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.BoolOp | ast.Compare | ast.UnaryOp):
            yield node.value


def _atoms(scope: Scope) -> Iterator[str]:
    """Conditions at hand: comparisons of this function, what its class tests, its parameters and locals."""
    for node in scope.each(ast.Compare):
        if "\n" not in scope.source.text(node):
            yield scope.source.text(node)
    yield from _tested_by_class(scope)
    for name in scope.names[:4]:
        yield name
        yield f"not {name}"
        yield f"{name} is not None"
        yield f"{name} is None"


def _tested_by_class(scope: Scope) -> Iterator[str]:
    """`self.is_locked` and `not self.is_locked`, where another method asks for it."""
    owner = _class_of(scope.source, scope.function) if scope.function is not None else None
    if owner is None:
        return
    for text in scope.source.once(("tested", owner), lambda: _tested_attributes(scope.source, owner))[:3]:
        yield f"not {text}"
        yield text


def _tested_attributes(source: Source, owner: ast.ClassDef) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(owner):
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            for part in ast.walk(node.test):
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
                    parent = source.parents.get(part)
                    if not (isinstance(parent, ast.Call) and parent.func is part):
                        found[source.text(part)] = None
    return list(found)


def _brief(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
