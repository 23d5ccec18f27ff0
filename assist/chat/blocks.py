"""Blocks of code in an answer, and the edit that one of them describes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from assist.chat.conversation import CodeBlock
from assist.chat.errors import NoBlock
from assist.model.parse import read_edit
from inference.errors import BadOutput
from sandbox.patch import why_untouchable
from workspace.edit import Edit, FileChange
from workspace.errors import OutsideWorkspace
from workspace.policy import Purpose
from workspace.project import Project
from workspace.root import relative_path
from workspace.tests import is_test_path
from workspace.walk import why_not

MAX_BLOCKS = 40
"""Of one answer."""
_FENCE = re.compile(r"[ \t]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[\w+#-]*)[ \t:]*(?P<rest>[^`]*)$")
_SEARCH = re.compile(r"[ \t]*<{5,9} ?SEARCH[ \t]*$")
_REPLACE = re.compile(r"[ \t]*>{5,9} ?REPLACE[ \t]*$")
_PATH = re.compile(r"[\w.@+-]+(?:/[\w.@+-]+)*\.\w{1,8}")
_LABELS = re.compile(
    r"^(?:#+|//|--|/\*|<!--|\*+|>+|-)?\s*(?:file(?:name)?|path)?\s*:?\s*|\s*(?:\*/|-->)?\s*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEdit:
    edit: Edit
    scope: tuple[str, ...] = ()
    """Tests that it is meant to bring: globs, as `sandbox.verify` wants them."""


def read_code(answer: str) -> tuple[CodeBlock, ...]:
    """The blocks of an answer in order: fenced ones, and search/replace blocks with or without a fence."""
    return tuple(block for block, _ in zip(_blocks(answer.replace("\r\n", "\n").split("\n")), range(MAX_BLOCKS)))  # noqa: B905 - the first so many


def edit_of(block: CodeBlock, project: Project) -> BlockEdit:
    """The edit that a block describes, against the project as it is now.

    Search/replace, whole definitions of a Python file, the whole of one, or a new file.

    :raises NoBlock: it describes none, or one that does not fit or reaches for what an edit may not touch.
    """
    if not block.is_edit:
        raise NoBlock("That block names no file, so it cannot be applied; copy it, or ask for it with its path.")
    try:
        if any(_SEARCH.match(line) for line in block.text.split("\n")):
            return BlockEdit(edit=read_edit(f"{block.path}\n{block.text}", project, ()))
        path = _checked(block.path, project)
        before = project.read(path)
        if before is None:
            return _created(path, _without_path(block))
        return _replaced(path, before, block, project)
    except BadOutput as error:
        raise NoBlock(f"The block cannot be applied: {error}") from error


def _blocks(lines: list[str]) -> Iterator[CodeBlock]:
    at, previous = 0, ""
    while at < len(lines):
        line = lines[at]
        if _SEARCH.match(line):
            block, at = _search_replace(lines, at, previous)
            if block is not None:
                yield block
            previous = ""
            continue
        fence = _FENCE.match(line)
        if fence is None:
            previous = line if line.strip() else previous
            at += 1
            continue
        mark = fence["mark"]
        end = next((to for to in range(at + 1, len(lines)) if _closes(lines[to], mark)), len(lines))
        inside = lines[at + 1 : end]
        where = _path_in(fence["rest"]) or _path_in(previous)
        if any(_SEARCH.match(each) for each in inside):
            yield from _blocks([where, *inside])
        elif any(each.strip() for each in inside):
            path = _path_in(fence["rest"]) or (_path_in(inside[0]) if _is_comment(inside[0]) else "") or where
            yield CodeBlock(text="\n".join(inside), language=fence["language"].lower(), path=path, is_edit=bool(path))
        at, previous = end + 1, ""


def _closes(line: str, mark: str) -> bool:
    return line.strip().startswith(mark) and not line.strip().strip(mark[0])


def _search_replace(lines: list[str], at: int, previous: str) -> tuple[CodeBlock | None, int]:
    for end in range(at + 1, len(lines)):
        if _REPLACE.match(lines[end]):
            path = _path_in(previous)
            return CodeBlock(text="\n".join(lines[at : end + 1]), path=path, is_edit=bool(path)), end + 1
        if _SEARCH.match(lines[end]):
            break
    return None, at + 1


def _path_in(line: str) -> str:
    """The path that a line is: `# src/a.py`, `**src/a.py**`, `File: src/a.py`; empty when it is something else."""
    text = _LABELS.sub("", line.strip().strip("`*")).strip("`*: \"'")
    return text if len(text) <= 300 and _PATH.fullmatch(text) else ""


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "//", "--", "/*", "<!--"))


def _without_path(block: CodeBlock) -> str:
    first, _, rest = block.text.partition("\n")
    return (rest if _is_comment(first) and _path_in(first) == block.path else block.text).strip("\n") + "\n"


def _checked(path: str, project: Project) -> str:
    """:raises BadOutput: no edit may touch it."""
    try:
        name = relative_path(project.root, path)
    except OutsideWorkspace as error:
        raise BadOutput(f"{path} leads out of the workspace.") from error
    reason = why_untouchable(name)
    if reason is None and (refused := why_not(project.root, name, Purpose.READ)) is not None:
        reason = refused.value
    if reason is not None:
        raise BadOutput(f"{name} {reason}, and no edit may touch that.")
    if name not in project.files and project.read(name) is not None:
        raise BadOutput(f"{name} is not among the files that may be edited.")
    return name


def _created(path: str, code: str) -> BlockEdit:
    if not code.strip():
        raise BadOutput(f"{path} would be empty.")
    edit = Edit(changes=(FileChange(path=path, before=None, after=code.encode()),), title=f"add {path}")
    return BlockEdit(edit=edit, scope=(path,) if is_test_path(path) else ())


def _replaced(path: str, before: bytes, block: CodeBlock, project: Project) -> BlockEdit:
    if PurePosixPath(path).suffix not in (".py", ".pyi"):
        raise BadOutput(
            f"{path} exists, and whole definitions are known in Python only; a search/replace block would do."
        )
    code = _without_path(block)
    try:
        return BlockEdit(edit=read_edit(f"```python\n# {path}\n{code}```", project, ()))
    except BadOutput:
        if not _is_whole(before, code) or is_test_path(path):
            raise
    change = FileChange(path=path, before=before, after=code.encode())
    return BlockEdit(edit=Edit(changes=(change,), title=f"rewrite {path}"))


def _is_whole(before: bytes, code: str) -> bool:
    """Whether a block is all of a file: it defines at its top level whatever the file does."""
    try:
        old, new = _names(before.decode()), _names(code)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return bool(old) and old <= new


def _names(code: str) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(code).body if isinstance(node, kinds)}
