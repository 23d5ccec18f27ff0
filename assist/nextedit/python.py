"""What the syntax tree of a Python file says about names: who binds them, and where they are others' names."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache

_MAX_TEXT = 256 << 10  # characters; parsing more keeps a processor for too long for what nobody asked for

Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=16)
def parsed(text: str) -> ast.Module | None:
    """None for what is no Python, or is being typed."""
    if len(text) > _MAX_TEXT:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.replace("\f", " "))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def enclosing(tree: ast.AST, line: int, *, but_named: str = "") -> list[Function | ast.ClassDef]:
    """Functions and classes around a 0-based line, the outermost first.

    :param but_named: whose own `def` or `class` on that line does not count.
    """
    return [
        node
        for node in _scopes(tree)
        if node.lineno - 1 <= line <= (node.end_lineno or node.lineno) - 1
        and not (node.name == but_named and node.lineno - 1 == line)
    ]


@lru_cache(maxsize=16)
def _scopes(tree: ast.AST) -> tuple[Function | ast.ClassDef, ...]:
    """Functions and classes by their lines: a file of many calls is walked once."""
    scopes = (
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    )
    return tuple(sorted(scopes, key=lambda each: each.lineno))


def bound_in(function: Function) -> frozenset[str]:
    """Names that are a function's own: parameters, and what it assigns; not those of functions inside of it."""
    args = function.args
    names = {arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
    names |= {arg.arg for arg in (args.vararg, args.kwarg) if arg is not None}
    outer: set[str] = set()
    for node in _own(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            outer |= set(node.names)
    return frozenset(names - outer)


def shadowed(tree: ast.Module, name: str) -> list[tuple[int, int]]:
    """Line spans, 0-based and inclusive, of functions in which a name is their own."""
    return [
        (node.lineno - 1, (node.end_lineno or node.lineno) - 1)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and name in bound_in(node)
    ]


def definitions(tree: ast.Module, name: str) -> int:
    """How many functions, classes and assignments define a name at the top or in a class."""
    count = 0
    for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))):
        for node in scope.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                count += node.name == name
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                count += any(isinstance(each, ast.Name) and each.id == name for each in targets)
    return count


def imported_from(tree: ast.Module, name: str) -> frozenset[str]:
    """Last parts of the modules that a name is imported from under its own name."""
    return frozenset(
        (node.module or "").rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and any(alias.name == name and alias.asname in (None, name) for alias in node.names)
    )


def modules_named(tree: ast.Module, stem: str) -> frozenset[str]:
    """Names under which a module of that name is at hand: `import shop.cart as c` gives c for cart."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name.rpartition(".")[2] == stem:
                    names.add((alias.asname or alias.name).rpartition(".")[2])
    return frozenset(names)


def stem_of(path: str) -> str:
    """The name by which a file is imported."""
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] if stem == "__init__" else stem


def offset_of(text: str, line: int, column: int, starts: tuple[int, ...]) -> int:
    """The offset in code points of the tree's place.

    :param line: 1-based.
    :param column: in UTF-8 bytes, as `ast` counts.
    """
    start = starts[line - 1]
    if text.isascii():
        return start + column
    end = starts[line] if line < len(starts) else len(text)
    return start + len(text[start:end].encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))


@lru_cache(maxsize=16)
def line_starts(text: str) -> tuple[int, ...]:
    """Offsets of the lines as `ast` counts them: form feeds end none, as `parsed` takes them out."""
    starts, at = [0], 0
    while at < len(text):
        ends = [each for each in (text.find("\n", at), text.find("\r", at)) if each >= 0]
        if not ends:
            break
        at = min(ends)
        at += 2 if text.startswith("\r\n", at) else 1
        starts.append(at)
    return tuple(starts)


def _own(function: Function) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
