"""Document: a model writes the words, and where and how they stand in the file is not left to it."""

from __future__ import annotations

import ast
import re

from assist.actions.ask import Model, ask_until_read
from assist.actions.errors import NothingThere
from assist.actions.focus import Focus, Spot
from assist.actions.rewrite import keeps_secrets
from assist.actions.syntax import no_worse
from assist.repair.source import Source, parse
from inference.errors import BadOutput
from retrieval.chunking.languages import language_named
from workspace.edit import Edit, FileChange

_LONGEST = 4000  # characters of a documentation comment
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})[\w+-]*\n(.*?)\n\s*\1\s*$", re.DOTALL)
_QUOTES = ('"""', "'''")
_BLOCK = frozenset({"c", "cpp", "java", "javascript", "kotlin", "php", "scala", "tsx", "typescript"})
_LINE = {"rust": "///", "csharp": "///", "swift": "///", "zig": "///", "haskell": "-- |", "elixir": "#", "lua": "---"}
_ABOVE = ("@", "#[", "[")  # what belongs to the definition below it

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


async def write_document(model: Model, spot: Spot, focus: Focus, earlier: str) -> Edit:
    """An edit that gives a definition its documentation, or another in place of the one it has.

    :raises ActionError: no answer could be used, or the definition has no place for it.
    :raises InferenceError: the model cannot answer.
    """
    messages = model.messages(
        "doc",
        context=earlier,
        path=spot.path,
        source=focus.source,
        language=focus.language.capitalize(),
        name=focus.name,
        definition=focus.selection,
    )
    model.progress(f"asking {model.name}")

    async def read(answer: str) -> Edit:
        words = _words(answer)
        after = _in_python(words, spot, focus) if focus.language == "python" else _above(words, spot, focus)
        if after == spot.content:
            raise BadOutput("It says what stands there already.")
        change = FileChange(path=spot.path, before=spot.content, after=after)
        edit = Edit(changes=(change,), title=f"document {focus.name}")
        keeps_secrets(edit)
        await no_worse(edit)
        return edit

    return await ask_until_read(model, messages, read)


def _words(answer: str) -> str:
    """The text alone, whatever a model puts around it."""
    text = answer.replace("\r\n", "\n").replace("\r", "\n").strip()
    if fenced := _FENCE.match(text):
        text = fenced[2].strip()
    for quote in _QUOTES:
        if text.startswith(quote) and text.endswith(quote) and len(text) > 2 * len(quote):
            text = text[len(quote) : -len(quote)].strip()
    text = "".join(char for char in text if char == "\n" or char.isprintable())
    if not text:
        raise BadOutput("It has no words.")
    if len(text) > _LONGEST:
        raise BadOutput(f"It is longer than {_LONGEST:,} characters; the documentation of one definition is short.")
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _in_python(words: str, spot: Spot, focus: Focus) -> bytes:
    source = parse(spot.path, spot.content)
    if source is None:
        raise NothingThere(f"{spot.path} is not Python that can be read; mend its syntax first.")
    node = _node(source, focus)
    first = node.body[0]
    indent = source.indent(first)
    if indent is None:
        raise NothingThere(f"{focus.name} is written on one line; put its body on a line of its own first.")
    text = _docstring(words, indent, source.newline)
    if _is_text(first):
        start, end = source.span(first)
        return source.raw[:start] + text.encode() + source.raw[end:]
    at = source.full_lines(first)[0]
    # A class's first method keeps an empty line above it.
    gap = source.newline if isinstance(node, ast.ClassDef) and isinstance(first, Definition) else ""
    return source.raw[:at] + f"{indent}{text}{source.newline}{gap}".encode() + source.raw[at:]


def _node(source: Source, focus: Focus) -> Definition:
    lines = range(focus.first + 1, focus.last + 2)
    name = focus.name.rpartition(".")[2]
    for node in ast.walk(source.tree):
        if isinstance(node, Definition) and node.name == name and node.lineno in lines:
            return node
    raise NothingThere(f"{focus.name} was not found in {source.path}; save it, and ask again.")


def _docstring(words: str, indent: str, newline: str) -> str:
    words = words.replace('"""', "'''")
    prefix = "r" if "\\" in words else ""
    if words.endswith(('"', "\\")) and "\n" not in words:
        words += " "
    lines = words.split("\n")
    if len(lines) == 1:
        return f'{prefix}"""{words}"""'
    body = newline.join([lines[0], *(f"{indent}{line}" if line else "" for line in lines[1:])])
    return f'{prefix}"""{body}{newline}{indent}"""'


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _above(words: str, spot: Spot, focus: Focus) -> bytes:
    """A comment above the definition and what belongs to it, in place of the one that stands there."""
    newline = "\r\n" if b"\r\n" in spot.content else "\n"
    lines = spot.content.decode().split(newline)
    at = focus.first
    while at > 0 and lines[at - 1].strip().startswith(_ABOVE):
        at -= 1
    indent = lines[focus.first][: len(lines[focus.first]) - len(lines[focus.first].lstrip())]
    if focus.language in _BLOCK:
        comment = _block_comment(words, indent)
        start = _start_of_block(lines, at)
    else:
        sign = _LINE.get(focus.language, language_named(focus.language).comment)
        comment = [f"{indent}{sign} {line}".rstrip() for line in words.split("\n")]
        start = at
        while start > 0 and lines[start - 1].strip().startswith(sign.split()[0]):
            start -= 1
    return newline.join([*lines[:start], *comment, *lines[at:]]).encode()


def _block_comment(words: str, indent: str) -> list[str]:
    lines = words.replace("*/", "* /").split("\n")
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def _start_of_block(lines: list[str], at: int) -> int:
    """The first line of the documentation that ends right above a line; that line itself without any."""
    if at == 0 or not lines[at - 1].strip().endswith("*/"):
        return at
    start = at - 1
    while start > 0 and "/*" not in lines[start]:
        start -= 1
    return start if lines[start].strip().startswith("/**") else at
