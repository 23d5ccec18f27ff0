"""Whether a changed test file still contains every test it had, unchanged."""

from __future__ import annotations

import ast
import doctest
from collections import Counter
from collections.abc import Iterator

from sandbox.units import functions


def keeps_existing_tests(before: bytes, after: bytes) -> str:
    """What the new version takes away or changes of the old one; empty when it only adds.

    Adding functions, classes, methods, imports and assignments of new names is adding. Whatever was there must
    be there still, meaning the same.
    """
    try:
        old, new = ast.parse(before), ast.parse(after)
    except (SyntaxError, ValueError):
        return "cannot be read as Python"
    added = {name: ast.dump(node) for name, node in functions(new)}
    for name, node in functions(old):
        if name not in added:
            return f"removes {name}"
        if added[name] != ast.dump(node):
            return f"changes {name}"
    kept = _statements(new)
    for statement in _statements(old):
        if statement not in kept:
            return "changes what is outside its test functions"
    old_names = _bound(old)
    for name, count in _bound(new).items():
        if name in old_names and count > old_names[name]:
            return f"defines {name} again"
    if _wild(new) - _wild(old):
        return "adds code that runs when the file is imported"
    return ""


def keeps_doctests(before: bytes, after: bytes) -> bool:
    """Whether every example in the old version's docstrings stands in the new one's, with the same result."""
    return not Counter(_examples(before)) - Counter(_examples(after))


def _examples(source: bytes) -> Iterator[tuple[str, str]]:
    parser = doctest.DocTestParser()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            try:
                examples = parser.get_examples(ast.get_docstring(node) or "")
            except ValueError:  # badly indented: no example of anything
                continue
            yield from ((example.source, example.want) for example in examples)


def _statements(tree: ast.AST) -> set[str]:
    """Every statement outside functions; imports by the single names that they bind."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.ImportFrom):
            found |= {f"from {node.level}{node.module} import {name.name} as {name.asname}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {f"import {name.name} as {name.asname}" for name in node.names}
        elif isinstance(node, ast.ClassDef):
            head = [ast.dump(part) for part in (*node.bases, *node.keywords, *node.decorator_list)]
            found.add(f"class {node.name} {head}")
            found |= {f"{node.name}.{statement}" for statement in _statements(node)}
        elif isinstance(node, ast.stmt) and not _is_text(node):
            found.add(ast.dump(node))
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _bound(tree: ast.Module) -> dict[str, int]:
    """How often each name is bound at the top level."""
    counts: dict[str, int] = {}
    for node in tree.body:
        for name in _names(node):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(name.asname or name.name).split(".")[0] for name in node.names]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return []


def _wild(tree: ast.Module) -> set[str]:
    """Statements at the top level that do more than define: loops, conditions, bare calls, `pytestmark`."""
    return {
        ast.dump(node)
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)
        and not _is_text(node)
        and (not isinstance(node, ast.Assign | ast.AnnAssign) or "pytestmark" in _names(node))
    }
