"""A name that was changed where it is defined: the places that still have the old one.

Names in strings are left alone, f-strings among them: what a string says is not for a rule to judge.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assist.nextedit import python
from assist.nextedit.tokens import KEYWORDS, Hunk, Token, line_of, tokens
from assist.nextedit.values import Change, Edit, File

Reach = Literal["block", "file", "module", "member"]
"""Who knows the name: lines of one function, one file, whoever imports the module, or whoever has the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    old: str
    new: str
    reach: Reach
    document: str
    """Where it was renamed."""
    stem: str
    """The name by which that file is imported."""
    language: str
    lines: tuple[int, int] = (0, 0)
    """For a block: 0-based, inclusive, as they were when it was renamed."""
    is_alone: bool = True
    """Whether nothing else of the old name is defined; else only what surely is this one follows."""

    @property
    def words(self) -> str:
        return f"{self.old} was renamed to {self.new}"


_DEFINES = re.compile(r"(?:^|[^\w.])(?:def|class|function|func|fn|type|struct|enum|interface|trait|module)\s+$")
_BINDS = re.compile(r"(?:^|[^\w.])(?:let|const|var|val)\s+(?:mut\s+)?$")
_OF_SELF = re.compile(r"(?:^|[^\w.])(?:self|cls|this)\.$")
_ASSIGNED = re.compile(r"\s*(?::[^=]*)?=(?!=)")


def rename_of(change: Change, found: Sequence[Hunk], definitions_elsewhere: int = 0) -> Rename | None:
    """The rename that a change is; None when it is something else.

    :param found: what differs between its sides.
    :param definitions_elsewhere: of the old name in other files.
    """
    pairs = {(_text(hunk.old), _text(hunk.new)) for hunk in found}
    if len(pairs) != 1 or any(len(hunk.old) != 1 or len(hunk.new) != 1 for hunk in found):
        return None
    ((old, new),) = pairs
    token = found[0].new[0]
    if token.kind != "name" or found[0].old[0].kind != "name" or {old, new} & KEYWORDS:
        return None
    text, at = change.file.text, change.start + token.start
    reach, lines = _reach(change.file, at, new, old)
    if reach is None:
        return None
    tree = python.parsed(text) if change.file.language == "python" else None
    here = python.definitions(tree, old) if tree is not None else 0
    return Rename(
        old=old,
        new=new,
        reach=reach,
        lines=lines,
        document=change.file.document,
        stem=python.stem_of(change.file.path),
        language=change.file.language,
        is_alone=here + definitions_elsewhere == 0,
    )


def renamed_in(rename: Rename, file: File) -> list[Edit]:
    """Where a file still has the old name."""
    if file.language != rename.language or rename.old not in file.text:
        return []
    is_home = file.document == rename.document
    if not is_home and rename.reach in ("block", "file"):
        return []
    code = [token for token in tokens(file.text, file.language) if token.is_code]
    tree = python.parsed(file.text) if file.language == "python" else None
    others, modules, has_it = _strangers(rename, file, tree, is_home=is_home)
    edits: list[Edit] = []
    for number, token in enumerate(code):
        if token.text != rename.old or token.kind != "name":
            continue
        before = [each.text for each in code[max(0, number - 2) : number]]
        after = [each.text for each in code[number + 1 : number + 3]]
        if not _is_it(rename, before, after, modules, has_it=has_it):
            continue
        line = line_of(file.text, token.start)
        if rename.reach == "block" and not rename.lines[0] <= line <= rename.lines[1]:
            continue
        if rename.reach != "member" and any(first <= line <= last for first, last in others):
            continue
        edits.append(Edit(document=file.document, start=token.start, end=token.end, text=rename.new))
    return edits


def _is_it(
    rename: Rename, before: Sequence[str], after: Sequence[str], modules: frozenset[str], *, has_it: bool
) -> bool:
    """Whether a token with the old name is the renamed one, by its neighbours."""
    owner = before[-2] if before[-1:] == ["."] and len(before) > 1 else ""
    if rename.reach == "member":
        return before[-1:] == ["."] and (rename.is_alone or owner in ("self", "cls", "this"))
    if before[-1:] == ["."]:
        return owner in modules and rename.reach == "module"
    is_keyword = after[:1] == ["="] and before[-1:] in (["("], [","]) and rename.language == "python"
    return has_it and not (is_keyword and after[1:2] != ["="])


def _strangers(
    rename: Rename, file: File, tree: ast.Module | None, *, is_home: bool
) -> tuple[list[tuple[int, int]], frozenset[str], bool]:
    """Lines where the old name is somebody else's, names of the module, and whether the bare name is ours at all."""
    if tree is None:
        mentioned = is_home or _imports(file.text, rename.old)
        return [], frozenset(), mentioned and (is_home or rename.language != "python")
    others = python.shadowed(tree, rename.old) if rename.reach != "block" else []
    modules = python.modules_named(tree, rename.stem) if not is_home else frozenset[str]()
    ours = is_home or rename.stem in python.imported_from(tree, rename.old)
    still_defined = is_home and rename.reach != "block" and python.definitions(tree, rename.old) > 0
    return others, modules, ours and not still_defined


def _imports(text: str, name: str) -> bool:
    return re.search(rf"\b(?:import|require|use|include|from)\b[^\n]*\b{re.escape(name)}\b", text) is not None


def _reach(file: File, at: int, new: str, old: str) -> tuple[Reach | None, tuple[int, int]]:
    """How far a name at an offset is known, when it is defined there."""
    text = file.text
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    left = text[start:at]
    right = text[at + len(new) : at + len(new) + 400].partition("\n")[0]
    line = line_of(text, at)
    tree = python.parsed(text) if file.language == "python" else None
    if _DEFINES.search(left):
        if tree is None:
            return "module", (0, 0)
        around = python.enclosing(tree, line, but_named=new)
        return _of_scope(around)
    if _BINDS.search(left):
        return "file", (0, 0)
    if _OF_SELF.search(left):
        return ("member", (0, 0)) if _ASSIGNED.match(right) else (None, (0, 0))
    if tree is None:
        return None, (0, 0)
    around = python.enclosing(tree, line)
    functions = [each for each in around if not isinstance(each, ast.ClassDef)]
    if functions and new in python.bound_in(functions[-1]):
        return _of_scope(functions)
    if not left.strip() and _ASSIGNED.match(right):
        return _of_scope(around)
    if re.search(r"\bas\s+$", left) or re.search(r"\bimport\b[^#]*$", left):
        return "file", (0, 0)
    # A use that was changed: the definition was before, if only the new one is there.
    if python.definitions(tree, new) == 1 and python.definitions(tree, old) == 0:
        return ("member", (0, 0)) if left.endswith(".") else ("module", (0, 0))
    return None, (0, 0)


def _of_scope(around: Sequence[ast.stmt]) -> tuple[Reach, tuple[int, int]]:
    """How far a name is known that is bound inside of these."""
    if not around:
        return "module", (0, 0)
    inner = around[-1]
    if isinstance(inner, ast.ClassDef):
        return "member", (0, 0)
    assert isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef))
    return "block", (inner.lineno - 1, (inner.end_lineno or inner.lineno) - 1)


def _text(found: Sequence[Token]) -> str:
    return "".join(token.text for token in found)
