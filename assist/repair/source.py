"""Python source as bytes with its syntax tree, so that an edit replaces exactly the bytes it means.

`ast` counts columns in bytes of UTF-8, which is why everything here is bytes: formatting, comments and line
endings outside a splice are never touched.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANK = b" \t\r\n\\"

# Before 3.12 the parser gives wrong columns to what stands inside an f-string.
_FSTRINGS_HAVE_COLUMNS = sys.version_info >= (3, 12)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    start: int
    """Byte offset, inclusive."""
    end: int
    """Byte offset, exclusive."""
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file, parsed. Make one with `parse`."""

    path: str
    raw: bytes
    tree: ast.Module
    starts: tuple[int, ...]
    """Byte offset at which each line starts."""
    parents: dict[ast.AST, ast.AST] = field(repr=False)
    facts: dict[object, Any] = field(default_factory=dict[object, Any], repr=False, compare=False)
    """What was once found out about the whole file: see `once`."""

    def once(self, key: object, make: Callable[[], T]) -> T:
        """`make()`, made once for this file: templates look at hundreds of functions of one."""
        if key not in self.facts:
            self.facts[key] = make()
        return self.facts[key]

    def offset(self, line: int, column: int) -> int:
        """The byte offset of a position as `ast` counts: line from 1, column in bytes."""
        return self.starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg | ast.alias) -> tuple[int, int]:
        """Byte offsets of a node, without parentheses around it."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def grouped(self, node: ast.expr) -> tuple[int, int]:
        """Byte offsets of an expression with the grouping parentheses around it."""
        start, end = self.span(node)
        parent = self.parents.get(node)
        if isinstance(parent, ast.Call | ast.keyword | ast.Subscript | ast.ClassDef | ast.FunctionDef):
            return start, end  # those parentheses belong to the call or the definition
        while True:
            before, after = self._skip_back(start), self._skip_on(end)
            if self.raw[before - 1 : before] != b"(" or self.raw[after : after + 1] != b")":
                return start, end
            start, end = before - 1, after + 1

    def text(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg | ast.alias) -> str:
        start, end = self.span(node)
        return self.raw[start:end].decode()

    def grouped_text(self, node: ast.expr) -> str:
        start, end = self.grouped(node)
        return self.raw[start:end].decode()

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement a node belongs to; None for the module itself."""
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            at = self.parents.get(at)
        return at

    def lines(self, node: ast.AST) -> range:
        """The lines, from 1, whose execution means that a node may have run: a compound one's header only."""
        statement = self.statement(node)
        if statement is None:
            return range(1, 1)
        body: list[ast.stmt] = getattr(statement, "body", [])
        end = statement.end_lineno or statement.lineno
        if body:
            end = max(statement.lineno, min(end, body[0].lineno - 1))
        return range(statement.lineno, end + 1)

    def indent(self, statement: ast.stmt) -> str | None:
        """The white space before a statement that begins its line; None when something stands before it."""
        start = self.starts[statement.lineno - 1]
        before = self.raw[start : start + statement.col_offset].decode()
        return before if not before.strip() else None

    @property
    def newline(self) -> str:
        """The line ending the file uses, by its first one."""
        found = _LINE_END.search(self.raw)
        return found.group().decode() if found else "\n"

    def full_lines(self, statement: ast.stmt) -> tuple[int, int]:
        """Byte offsets of a statement's whole lines, its line ending included, decorators too."""
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        last = statement.end_lineno or statement.lineno
        end = self.starts[last] if last < len(self.starts) else len(self.raw)
        return self.starts[first - 1], end

    def stands_alone(self, statement: ast.stmt) -> bool:
        """Whether nothing but white space and a comment shares the statement's lines."""
        assert statement.end_lineno is not None
        if self.indent(statement) is None:
            return False
        _, end = self.span(statement)
        rest = self.raw[end : self.full_lines(statement)[1]].strip()
        return not rest or rest.startswith(b"#")

    def _skip_back(self, at: int) -> int:
        while at > 0 and self.raw[at - 1] in _BLANK:
            at -= 1
        return at

    def _skip_on(self, at: int) -> int:
        while at < len(self.raw) and self.raw[at] in _BLANK:
            at += 1
        return at


def parse(path: str, raw: bytes) -> Source | None:
    """The parsed file, or None when it is not UTF-8 or not Python that this interpreter reads."""
    skip = len(_BOM) if raw.startswith(_BOM) else 0
    try:
        text = raw[skip:].decode()
        if "\x00" in text or _declares_other_encoding(raw):
            return None
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    starts = (skip, *(found.end() for found in _LINE_END.finditer(raw)))
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    return Source(path, raw, tree, starts, parents)


def apply(raw: bytes, splices: tuple[Splice, ...]) -> bytes:
    """The content with every splice put in; they must not overlap."""
    for splice in sorted(splices, reverse=True):
        raw = raw[: splice.start] + splice.text.encode() + raw[splice.end :]
    return raw


def walk(root: ast.AST, *, into_functions: bool = False) -> Iterator[ast.AST]:
    """The nodes under one whose columns can be trusted, in source order, the root not included."""
    for child in ast.iter_child_nodes(root):
        if isinstance(child, ast.JoinedStr):
            yield child
            if _FSTRINGS_HAVE_COLUMNS:
                for part in child.values:
                    if isinstance(part, ast.FormattedValue):
                        yield part.value
                        yield from walk(part.value, into_functions=into_functions)
            continue
        yield child
        if into_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from walk(child, into_functions=into_functions)


def _declares_other_encoding(raw: bytes) -> bool:
    for line in raw.split(b"\n", 2)[:2]:
        found = re.match(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", line)
        if found:
            return found.group(1).decode().lower().replace("_", "-") not in (
                "utf-8",
                "utf8",
                "ascii",
                "us-ascii",
            )
    return False
