"""Where a template works: one function, or the code around functions, of one file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from assist.repair.source import Function, Source, Splice, parse, walk

N = TypeVar("N", bound=ast.AST)

_SNIPPET = 40  # characters of code in a title: it must fit an editor's menu


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What the failing tests give away. Literals are Python source, `"None"` or `"[1, 2]"`."""

    wanted: tuple[str, ...] = ()
    """Values the failing assertions compared with, and constants in them."""
    raised: str = ""
    """The class of the exception that ended the test: `KeyError`."""
    missing: str = ""
    """The attribute, name or key that was not there."""
    should_raise: str = ""
    """The exception class a test waited for in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One small change of one file."""

    path: str
    splices: tuple[Splice, ...]
    template: str
    title: str
    """In the imperative, a few words: `compare with <=`."""
    lines: range
    """Lines, from 1, whose execution means that the change can matter."""
    weight: float
    """How likely among the changes of its template, about 0 to 1."""
    mined: bool = False
    """Whether it puts in a value taken from the failing test: such a patch may just recite the answer."""

    @property
    def size(self) -> int:
        """Bytes taken away and put in."""
        return sum(splice.end - splice.start + len(splice.text.encode()) for splice in self.splices)


class Scope:
    """One function, or the module's own code with its class bodies."""

    def __init__(self, source: Source, function: Function | None) -> None:
        self.source = source
        self.function = function
        self.root: ast.AST = function or source.tree

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """What is executed as part of this scope: nested functions are scopes of their own."""
        if self.function is None:
            return (*walk(self.source.tree), *self._defaults())
        return tuple(node for statement in self.function.body for node in (statement, *_inner(statement)))

    def each(self, kind: type[N]) -> Iterator[N]:
        return (node for node in self.nodes if isinstance(node, kind))

    def statements(self) -> Iterator[ast.stmt]:
        """Statements in source order, without the docstring."""
        docstring = self._docstring()
        return (node for node in self.nodes if isinstance(node, ast.stmt) and node is not docstring)

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """Every list of statements that follow each other."""
        if self.function is not None:
            yield self.function.body
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block:
                    yield block  # pyright: ignore[reportUnknownVariableType]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        if self.function is None:
            return ()
        arguments = self.function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        return tuple(argument.arg for argument in every if argument.arg not in ("self", "cls"))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Parameters and local variables, in the order in which they appear."""
        extra = [argument.arg for argument in self._star_arguments()]
        stored = [node.id for node in self.each(ast.Name) if isinstance(node.ctx, ast.Store) and node.id != "_"]
        return tuple(dict.fromkeys([*self.parameters, *extra, *stored]))

    @cached_property
    def is_async(self) -> bool:
        return isinstance(self.function, ast.AsyncFunctionDef)

    @cached_property
    def first(self) -> ast.stmt | None:
        """The first statement of the function after its docstring."""
        if self.function is None:
            return None
        docstring = self._docstring()
        return next((statement for statement in self.function.body if statement is not docstring), None)

    def replace(
        self,
        node: ast.expr | ast.stmt | ast.keyword,
        text: str,
        template: str,
        title: str,
        weight: float,
        **more: bool,
    ) -> Mutation:
        """Another text for a node."""
        return self.splice(self.source.span(node), text, node, template, title, weight, **more)

    def splice(
        self,
        span: tuple[int, int],
        text: str,
        at: ast.AST,
        template: str,
        title: str,
        weight: float,
        **more: bool,
    ) -> Mutation:
        return Mutation(
            path=self.source.path,
            splices=(Splice(span[0], span[1], text),),
            template=template,
            title=title,
            lines=self.source.lines(at),
            weight=weight,
            mined=more.get("mined", False),
        )

    def insert_before(
        self, statement: ast.stmt, code: str, template: str, title: str, weight: float, **more: bool
    ) -> Iterator[Mutation]:
        """New lines before a statement, with its indentation; `code` is written with four spaces a level."""
        indent = self.source.indent(statement)
        if indent is None:
            return
        at = self.source.full_lines(statement)[0]
        yield self.splice((at, at), self.indented(code, indent), statement, template, title, weight, **more)

    def indented(self, code: str, indent: str) -> str:
        unit = "\t" if indent.startswith("\t") else "    "
        lines = (indent + line.replace("    ", unit) for line in code.split("\n"))
        return "".join(line + self.source.newline for line in lines)

    def short(self, node: ast.expr | ast.stmt) -> str:
        """The node's code for a title, on one line."""
        text = " ".join(self.source.text(node).split())
        return text if len(text) <= _SNIPPET else text[: _SNIPPET - 1] + "…"

    def _defaults(self) -> Iterator[ast.AST]:
        """Default values of arguments, which are made when their function is defined."""
        for node in ast.walk(self.source.tree):
            if isinstance(node, Function):
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        yield default
                        yield from walk(default)

    def _docstring(self) -> ast.stmt | None:
        body: list[ast.stmt] = getattr(self.root, "body", [])
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            return body[0] if isinstance(body[0].value.value, str) else None
        return None

    def _star_arguments(self) -> list[ast.arg]:
        if self.function is None:
            return []
        return [star for star in (self.function.args.vararg, self.function.args.kwarg) if star is not None]


def scopes(source: Source) -> tuple[Scope, ...]:
    """Every function of a file, and last the code around them."""
    functions = [node for node in walk(source.tree, into_functions=True) if isinstance(node, Function)]
    return (*(Scope(source, function) for function in functions), Scope(source, None))


def enclosing(path: str, content: bytes, line: int) -> tuple[range, str]:
    """The lines (from 1) of the innermost function around a line, and its name for people; else the line itself."""
    source = parse(path, content)
    if source is None:
        return range(line, line + 1), f"line {line} of {path}"
    return enclosing_in(source, line)


def enclosing_in(source: Source, line: int) -> tuple[range, str]:
    found, name = range(line, line + 1), f"line {line} of {source.path}"
    for scope in scopes(source):
        if scope.function is not None:
            first = min([scope.function.lineno, *(each.lineno for each in scope.function.decorator_list)])
            lines = range(first, (scope.function.end_lineno or first) + 1)
            if line in lines and (len(found) == 1 or len(lines) < len(found)):
                found, name = lines, f"{scope.function.name} in {source.path}"
    return found, name


def _inner(statement: ast.stmt) -> Iterator[ast.AST]:
    return iter(()) if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) else walk(statement)
