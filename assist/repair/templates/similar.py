"""Templates whose ingredients stand in similar code: calls of the same function, short blocks, sets of values."""

from __future__ import annotations

import ast
import contextlib
import difflib
import importlib
from collections.abc import Iterator
from functools import cache

from assist.repair.scope import Clues, Mutation, Scope
from assist.repair.source import Source
from assist.repair.templates.borrowed import known_names, places

_BLOCKS = 10  # short blocks of the module tried in one function
_BLOCK_LINES = 4
_PLACES = 14  # places tried for each
_EACH = 5  # like names tried at one place
_ALIKE = 0.6  # how alike a library's names must be
_ADDED = 8  # values tried in one display

# Modules of the standard library that have no effect when imported: their names are ingredients.
_LIBRARIES = frozenset(
    {"os", "os.path", "math", "re", "string", "itertools", "functools", "operator", "collections", "textwrap"}
    | {"datetime", "json", "shutil", "statistics", "bisect", "heapq", "copy", "time", "random", "decimal"}
    | {"fractions", "html", "unicodedata", "calendar", "struct"}
)
# Types that are forgotten beside each other.
_TYPES = {
    "str": ("bytes",),
    "bytes": ("bytearray", "str"),
    "list": ("tuple", "set"),
    "tuple": ("list",),
    "int": ("float", "bool"),
    "float": ("int",),
    "dict": ("Mapping",),
    "set": ("frozenset",),
}
# Arguments that calls of these names often lack.
_OFTEN = {
    "split": ("1",),
    "rsplit": ("1",),
    "replace": ("1",),
    "partition": (),
    "round": ("2",),
    "sorted": ("key=str",),
    "join": (),
    "zip": ("strict=True",),
    "dumps": ("ensure_ascii=False", "sort_keys=True", "default=str"),
    "compile": ("re.IGNORECASE", "re.DOTALL", "re.MULTILINE"),
    "sub": ("flags=re.IGNORECASE", "flags=re.MULTILINE", "flags=re.DOTALL", "count=1"),
    "match": ("re.IGNORECASE", "re.DOTALL"),
    "search": ("re.IGNORECASE", "re.DOTALL", "re.MULTILINE"),
    "findall": ("re.IGNORECASE", "re.DOTALL", "re.MULTILINE"),
    "getattr": ("None", '""'),
    "next": ("None",),
    "sum": ("0.0",),
}


def block(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """A short `if` that another function of the module has, such as `if c == "\\\\": pos += 2; continue`."""
    del clues
    if scope.function is None:
        return
    known, source = known_names(scope), scope.source
    here = {source.text(node) for node in scope.each(ast.If)}
    found: dict[str, ast.If] = {}
    for node, text, whole, names in source.once("blocks", lambda: tuple(_short_blocks(source))):
        if whole not in here and names <= known:
            found.setdefault(text, node)
    for text in list(found)[:_BLOCKS]:
        leaves_loop = any(isinstance(part, ast.Continue | ast.Break) for part in ast.walk(found[text]))
        for place, before in enumerate(places(scope)):
            if place >= _PLACES:
                break
            if leaves_loop and not _in_loop(scope, before):
                continue
            title = f"also do {' '.join(text.split())[:40]}"
            yield from scope.insert_before(before, text, "block", title, 0.5)


def like_call(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """A keyword that another call of the same function passes; an argument that such calls often lack."""
    del clues
    known, source = known_names(scope), scope.source
    others = source.once("keywords", lambda: _keywords_by_callee(source))
    for node in scope.each(ast.Call):
        given = {keyword.arg for keyword in node.keywords}
        name = _callee(node)
        usable = [text for text, names in others.get(name, {}).items() if names <= known]
        for text in usable[:_EACH]:
            if text.partition("=")[0] not in given:
                yield _with_argument(scope, node, text, 0.6)
        for text in _OFTEN.get(name, ()):
            positional = "=" not in text
            if text.partition("=")[0] not in given and (node.args or positional) and not (positional and given):
                yield _with_argument(scope, node, text, 0.4)


def library_name(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`os.path.commonprefix` becomes `os.path.commonpath`: a like name of the same library."""
    del clues
    for node in scope.each(ast.Attribute):
        base = scope.source.text(node.value)
        if base not in _LIBRARIES:
            continue
        scored = [(_alike(name, node.attr), name) for name in _names_of(base) if name != node.attr]
        for score, name in sorted(scored, reverse=True)[:_EACH]:
            if score >= _ALIKE:
                end = scope.source.span(node)[1]
                span = (end - len(node.attr.encode()), end)
                yield scope.splice(span, name, node, "library_name", f"use {base}.{name}", 0.3 + 0.5 * score)


def one_more(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`(".md", ".txt")` gets what the test has and nobody thought of; `isinstance(x, str)` becomes `(str, bytes)`."""
    for node in scope.nodes:
        if isinstance(node, ast.Tuple | ast.List | ast.Set) and node.elts:
            kinds = {type(part.value) for part in node.elts if isinstance(part, ast.Constant)}
            if len(kinds) != 1 or not all(isinstance(part, ast.Constant) for part in node.elts):
                continue
            present = {scope.source.text(part) for part in node.elts}
            new = [text for text in clues.wanted if _type_of(text) in kinds and text not in present]
            at = scope.source.span(node.elts[-1])[1]
            for text in new[:_ADDED]:
                yield scope.splice((at, at), f", {text}", node, "one_more", f"add {text}", 0.5, mined=True)
        elif isinstance(node, ast.Call) and _callee(node) == "isinstance" and len(node.args) == 2:
            yield from _more_types(scope, node.args[1])


def step(scope: Scope, clues: Clues) -> Iterator[Mutation]:
    """`at += 1` or `at -= 1` where a counter should have moved."""
    del clues
    counters = dict.fromkeys(
        [node.target.id for node in scope.each(ast.AugAssign) if isinstance(node.target, ast.Name)]
        + [
            target.id
            for node in scope.each(ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and _is_number(node.value)
        ]
    )
    indexes = [node.slice.id for node in scope.each(ast.Subscript) if isinstance(node.slice, ast.Name)]
    for name in list(dict.fromkeys([*counters, *indexes]))[:3]:
        for place, before in enumerate(places(scope)):
            if place >= _PLACES:
                break
            for code in (f"{name} += 1", f"{name} -= 1"):
                yield from scope.insert_before(before, code, "step", code, 0.4)
    for body in scope.blocks():
        last = body[-1]
        indent = scope.source.indent(last)
        if indent is None or isinstance(last, ast.Return | ast.Raise | ast.Break | ast.Continue):
            continue
        if not scope.source.stands_alone(last):
            continue
        at = scope.source.full_lines(last)[1]
        if not scope.source.raw[:at].endswith((b"\n", b"\r")):
            continue
        for name in list(dict.fromkeys([*counters, *indexes]))[:3]:
            for code in (f"{name} += 1", f"{name} -= 1"):
                yield scope.splice((at, at), scope.indented(code, indent), last, "step", code, 0.4)


def _short_blocks(source: Source) -> Iterator[tuple[ast.If, str, str, frozenset[str]]]:
    """(node, text without its indentation, text as it stands, names) of blocks that may be borrowed."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.If) or node.orelse or (node.end_lineno or 0) - node.lineno >= _BLOCK_LINES:
            continue
        text, indent = source.text(node), source.indent(node)
        if indent is not None:
            names = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
            yield node, "\n".join(line.removeprefix(indent) for line in text.splitlines()), text, names


def _keywords_by_callee(source: Source) -> dict[str, dict[str, frozenset[str]]]:
    """What calls of each name pass by keyword, with the names in it."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for node in ast.walk(source.tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg is not None and isinstance(node, ast.Call) and "\n" not in source.text(keyword):
                names = frozenset(part.id for part in ast.walk(keyword.value) if isinstance(part, ast.Name))
                found.setdefault(_callee(node), {})[source.text(keyword)] = names
    return found


def _more_types(scope: Scope, kinds: ast.expr) -> Iterator[Mutation]:
    names = [scope.source.text(part) for part in (kinds.elts if isinstance(kinds, ast.Tuple) else [kinds])]
    more = dict.fromkeys(other for name in names for other in _TYPES.get(name, ()) if other not in names)
    for other in more:
        text = f"({', '.join([*names, other])})"
        yield scope.replace(kinds, text, "one_more", f"take {other} as well", 0.5)


def _with_argument(scope: Scope, node: ast.Call, text: str, weight: float) -> Mutation:
    last = (*node.args, *node.keywords)
    at = scope.source.span(last[-1])[1] if last else scope.source.span(node)[1] - 1
    new = f", {text}" if last else text
    return scope.splice((at, at), new, node, "like_call", f"pass {text} to {_callee(node)}", weight)


def _callee(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


@cache
def _names_of(module: str) -> tuple[str, ...]:
    with contextlib.suppress(ImportError):
        return tuple(name for name in dir(importlib.import_module(module)) if not name.startswith("_"))
    return ()


def _type_of(text: str) -> type[object] | None:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value.__class__


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _in_loop(scope: Scope, statement: ast.stmt) -> bool:
    at = scope.source.parents.get(statement)
    while at is not None and at is not scope.root:
        if isinstance(at, ast.For | ast.While | ast.AsyncFor):
            return True
        at = scope.source.parents.get(at)
    return False


def _alike(left: str, right: str) -> float:
    return difflib.SequenceMatcher(None, left, right).ratio()
