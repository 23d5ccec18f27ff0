"""Read an edit from a model's answer. The answer is hostile input: anchored by content, bounded, or refused."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assist.repair.source import Source, parse
from inference.errors import BadOutput
from sandbox.patch import why_untouchable
from workspace.edit import Edit, FileChange
from workspace.errors import OutsideWorkspace
from workspace.policy import Purpose
from workspace.root import relative_path
from workspace.tests import is_test_path, is_test_support
from workspace.walk import why_not

MAX_ANSWER = 200_000
"""Characters of one answer."""
_MAX_BLOCKS = 24
_MAX_ADDED = 100_000  # characters put in by one answer
_MAX_PATH = 300
_MAX_TITLE = 60

_SEARCH = re.compile(r"<{5,9} ?SEARCH[ \t]*$")
_DIVIDER = re.compile(r"={5,9}[ \t]*$")
_REPLACE = re.compile(r">{5,9} ?REPLACE[ \t]*$")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^`]*$")
_TITLE = re.compile(r"^\s*Edit:\s*(.+)$", re.MULTILINE)
_PATH_DECORATION = re.compile(r"^(?:file(?:name)?:|path:|[#*>\-\s]|//)+|[*:`\s]+$", re.IGNORECASE)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchReplace:
    path: str
    """As written, not yet judged; empty when none was written."""
    search: str
    replace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeDefinitions:
    path: str
    code: str


Block = SearchReplace | WholeDefinitions


class Tree(Protocol):
    """Files as the user sees them: a `Project`, or a single document."""

    @property
    def root(self) -> Path: ...

    @property
    def files(self) -> Collection[str]: ...

    def read(self, path: str) -> bytes | None: ...


def read_edit(answer: str, project: Tree, shown: Sequence[str], *, only: Sequence[str] = ()) -> Edit:
    """The edit an answer describes. `shown` are the paths that the prompt showed.

    :param only: the files that may be changed, tests among them if they are named; empty is all but tests.
    :raises BadOutput: when it describes none, or one that does not fit, is ambiguous, too large, or reaches for
        what an edit may not touch; the message says why.
    """
    if len(answer) > MAX_ANSWER:
        raise BadOutput(f"The answer is longer than {MAX_ANSWER:,} characters.")
    blocks = list(read_blocks(answer))
    if not blocks:
        raise BadOutput("There is neither a search/replace block nor a fenced block of whole definitions in it.")
    if len(blocks) > _MAX_BLOCKS:
        raise BadOutput(f"It has more than {_MAX_BLOCKS} blocks.")
    before: dict[str, bytes | None] = {}
    after: dict[str, str] = {}
    added = 0
    for block in blocks:
        path = _path_of(block, project, shown, only)
        if path not in before:
            before[path] = project.read(path)
            after[path] = _decoded(path, before[path])
        added += len(block.replace if isinstance(block, SearchReplace) else block.code)
        if added > _MAX_ADDED:
            raise BadOutput(f"It puts in more than {_MAX_ADDED:,} characters.")
        after[path] = _applied(block, path, after[path], is_new=before[path] is None)
    changes = tuple(
        FileChange(path=path, before=before[path], after=text.encode())
        for path, text in sorted(after.items())
        if text.encode() != before[path]
    )
    if not changes:
        raise BadOutput("It changes nothing.")
    return Edit(changes=changes, title=_title(answer, changes))


def read_blocks(answer: str) -> Iterator[Block]:
    """The blocks of an answer in order. Prose between them is skipped; a block that does not end is refused."""
    lines = answer.replace("\r\n", "\n").split("\n")
    at, previous = 0, ""
    while at < len(lines):
        line = lines[at]
        if _SEARCH.match(line):
            block, at = _search_replace(lines, at, previous)
            yield block
            previous = ""
            continue
        fence = _FENCE.match(line)
        if fence and not _SEARCH.match(lines[at + 1] if at + 1 < len(lines) else ""):
            end = next((to for to in range(at + 1, len(lines)) if lines[to].strip() == fence.group(1)), None)
            inside = lines[at + 1 : end]
            if end is not None and not any(_SEARCH.match(each) for each in inside):
                if fence.group(2).lower() in ("", "python", "py", "python3"):
                    yield _definitions(inside, previous)
                at, previous = end + 1, ""
                continue
        if line.strip() and not fence:
            previous = line
        at += 1


def _search_replace(lines: list[str], at: int, previous: str) -> tuple[SearchReplace, int]:
    search: list[str] = []
    replace: list[str] = []
    part = search
    for place in range(at + 1, len(lines)):
        line = lines[place]
        if _DIVIDER.match(line) and part is search:
            part = replace
        elif _REPLACE.match(line) and part is replace:
            block = SearchReplace(path=_as_path(previous), search="\n".join(search), replace="\n".join(replace))
            return block, place + 1
        elif _SEARCH.match(line):
            break
        else:
            part.append(line)
    raise BadOutput("A search/replace block does not end with >>>>>>> REPLACE.")


def _definitions(lines: list[str], previous: str) -> WholeDefinitions:
    first = next((line for line in lines if line.strip()), "")
    path = _as_path(first) if first.lstrip().startswith("#") else ""
    return WholeDefinitions(path=path or _as_path(previous), code="\n".join(lines))


def _as_path(line: str) -> str:
    """The path on a line such as `### File: a/b.py`; empty when the line is something else."""
    text = _PATH_DECORATION.sub("", line.strip().strip("`")).strip("`\"' ")
    return text if re.fullmatch(r"[^\s:*?\"<>|`]+\.\w{1,8}", text) else ""


def _path_of(block: Block, project: Tree, shown: Sequence[str], only: Sequence[str]) -> str:
    """The file a block means, relative to the root."""
    if not block.path and len(only) == 1:
        return only[0]
    if not block.path:
        return _only_fit(block, project, shown)
    if len(block.path) > _MAX_PATH or not block.path.isprintable() or "\\" in block.path:
        raise BadOutput("It names a path that cannot be one of this workspace.")
    if block.path.startswith("/"):
        raise BadOutput(f"{block.path} is absolute; paths are relative to the workspace.")
    try:
        path = relative_path(project.root, block.path)
    except OutsideWorkspace as error:
        raise BadOutput(f"{block.path} leads out of the workspace.") from error
    if only and path not in only:
        raise BadOutput(f"{path} is not what was to be changed; only {' and '.join(only)} may be.")
    if not only and (is_test_path(path) or is_test_support(path)):
        raise BadOutput(f"{path} belongs to the tests, and those are not to be changed.")
    reason = why_untouchable(path)
    if reason is None and (refused := why_not(project.root, path, Purpose.READ)) is not None:
        reason = refused.value
    if reason is not None:
        raise BadOutput(f"{path} {reason}, and no edit may touch that.")
    if path not in project.files and project.read(path) is not None:
        raise BadOutput(f"{path} is not among the files that may be edited.")
    return path


def _only_fit(block: Block, project: Tree, shown: Sequence[str]) -> str:
    """Without a path, a block has to fit exactly one of the files that were shown."""
    fits: list[str] = []
    for path in shown:
        try:
            _applied(block, path, _decoded(path, project.read(path)), is_new=False)
        except BadOutput:
            continue
        fits.append(path)
    if len(fits) != 1:
        raise BadOutput(
            "A block names no file" + (", and fits several." if fits else ", and fits none that was shown.")
        )
    return fits[0]


def _decoded(path: str, content: bytes | None) -> str:
    try:
        return (content or b"").decode()
    except UnicodeDecodeError as error:
        raise BadOutput(f"{path} is not UTF-8 text.") from error


def _applied(block: Block, path: str, text: str, *, is_new: bool) -> str:
    if isinstance(block, WholeDefinitions):
        return _with_definitions(block.code, path, text)
    newline = "\r\n" if "\r\n" in text else "\n"
    replace = block.replace.replace("\n", newline)
    if not block.search.strip():
        if is_new and not text:
            return replace + newline
        raise BadOutput(f"A block for {path} has nothing to search for.")
    if is_new:
        raise BadOutput(f"{path} does not exist, so nothing can be found in it.")
    start, end = _find_lines(block.search, text, path)
    if not block.replace:
        return text[:start] + text[end:].removeprefix(newline)
    return text[:start] + replace + text[end:]


def _find_lines(search: str, text: str, path: str) -> tuple[int, int]:
    """Where the lines stand, whole and exactly once; white space at the ends of lines does not count."""
    wanted = [line.rstrip() for line in search.split("\n")]
    lines = text.split("\n")
    bare = [line.rstrip() for line in lines]
    found = [at for at in range(len(bare) - len(wanted) + 1) if bare[at : at + len(wanted)] == wanted]
    if len(found) != 1:
        how = "does not stand" if not found else f"stands {len(found)} times"
        first = next((line.strip() for line in wanted if line), "")[:60]
        raise BadOutput(f"The text to search for ({first!r}…) {how} in {path}; it must be there exactly once.")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    first, last = found[0], found[0] + len(wanted) - 1
    # The line ending of the last line stays; a carriage return before it does, too.
    return starts[first], starts[last] + len(lines[last].removesuffix("\r"))


def _with_definitions(code: str, path: str, text: str) -> str:
    source = parse(path, text.encode())
    if source is None:
        raise BadOutput(f"{path} is not Python that can be read, so definitions cannot be replaced in it.")
    given = parse("answer.py", textwrap.dedent(code).encode())
    if given is None:
        raise BadOutput("The fenced block is not valid Python.")
    replaced: dict[tuple[int, int], str] = {}
    for names, node in _given_definitions(given.tree):
        original = _original(names, source, path)
        first, last = source.full_lines(original)
        if any(start < last and first < end for start, end in replaced):
            raise BadOutput(f"{'.'.join(names)} is defined twice in the answer.")
        replaced[first, last] = _reindented(given, node, source, original)
    raw = source.raw
    for (start, end), new in sorted(replaced.items(), reverse=True):
        raw = raw[:start] + new.encode() + raw[end:]
    return raw.decode()


def _given_definitions(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], Definition]]:
    """Qualified names and definitions of an answer: functions, and the methods of a class it repeats."""
    found = False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = True
            yield (node.name,), node
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    found = True
                    yield (node.name, part.name), part
                elif not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
                    raise BadOutput(
                        f"Only methods of {node.name} can be replaced in this form; use a search/replace block."
                    )
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            raise BadOutput("A fenced block may hold whole definitions only; use a search/replace block for the rest.")
    if not found:
        raise BadOutput("The fenced block defines nothing.")


def _original(names: tuple[str, ...], source: Source, path: str) -> Definition:
    """The one definition of that name; a bare function name may mean a method when only one has it."""
    matches = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == names[-1]
    ]

    def owner(node: ast.AST) -> str:
        parent = source.parents.get(node)
        return parent.name if isinstance(parent, ast.ClassDef) else ""

    exact = [node for node in matches if owner(node) == (names[0] if len(names) == 2 else "")]
    chosen = exact or (matches if len(names) == 1 else [])
    if len(chosen) != 1:
        how = "is not defined" if not chosen else "is defined more than once"
        raise BadOutput(f"{'.'.join(names)} {how} in {path}.")
    return chosen[0]


def _reindented(given: Source, node: Definition, source: Source, original: Definition) -> str:
    start, end = given.full_lines(node)
    lines = textwrap.dedent(given.raw[start:end].decode().rstrip("\n")).split("\n")
    indent = source.indent(original) or ""
    raw_end = source.full_lines(original)[1]
    ending = source.newline if source.raw[:raw_end].endswith(b"\n") else ""
    return source.newline.join(indent + line if line.strip() else "" for line in lines) + ending


def _title(answer: str, changes: Sequence[FileChange]) -> str:
    found = _TITLE.search(answer)
    text = "".join(char for char in (found.group(1) if found else "") if char.isprintable()).strip(" .`*")
    if not text:
        return f"change {changes[0].path}"
    return text if len(text) <= _MAX_TITLE else text[: _MAX_TITLE - 1] + "…"
