"""A Python function whose parameters were changed: its calls, and the uses of a parameter that was renamed."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from assist.nextedit import python
from assist.nextedit.python import Function
from assist.nextedit.rename import Rename, renamed_in
from assist.nextedit.values import Change, Edit, File

UNKNOWN = "..."
"""What a rule writes for an argument whose value nobody can know but its author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    kind: str
    """positional, either, keyword, rest (`*args`) or named_rest (`**kwargs`)."""
    has_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The change of one function's parameters."""

    name: str
    called: str
    """The name in calls: of `__init__`, the class."""
    owner: str
    """Of a method, the class; empty for others."""
    is_bound: bool
    """Whether a call over an object leaves out the first parameter."""
    before: tuple[Parameter, ...]
    after: tuple[Parameter, ...]
    renamed: tuple[tuple[str, str], ...]
    document: str
    stem: str
    lines: tuple[int, int]
    """0-based, inclusive, of the function as it is now."""
    is_alone: bool = True
    """Whether nothing else of that name is defined."""
    language: str = "python"

    @property
    def words(self) -> str:
        old, new = (", ".join(each.name for each in side) for side in (self.before, self.after))
        return f"{self.called}({old}) became {self.called}({new})"

    @property
    def is_called_over_object(self) -> bool:
        return bool(self.owner) and self.called == self.name


def signature_of(change: Change, definitions_elsewhere: int = 0) -> Signature | None:
    """The change of a function's parameters that a change is; None when it is something else."""
    if change.file.language != "python":
        return None
    tree, former = python.parsed(change.file.text), python.parsed(change.text_before)
    if tree is None or former is None:
        return None
    touched = range(change.first, change.first + max(1, change.after.count("\n") + (not change.after.endswith("\n"))))
    candidates = [
        (function, owner)
        for function, owner in _functions(tree)
        if range(max(touched.start, function.lineno - 1), min(touched.stop, _body_line(function)))
    ]
    if len(candidates) != 1:
        return None
    function, owner = candidates[0]
    old = [each for each, its in _functions(former) if each.name == function.name and its == owner]
    old = [each for each in old if each.lineno == function.lineno] or old
    if len(old) != 1:
        return None
    before, after = _parameters(old[0]), _parameters(function)
    if before == after:
        return None
    same = python.definitions(tree, function.name) if function.name != "__init__" else 1
    return Signature(
        name=function.name,
        called=owner if function.name == "__init__" and owner else function.name,
        owner=owner,
        is_bound=bool(owner) and not any(_is_named(each, "staticmethod") for each in function.decorator_list),
        before=before,
        after=after,
        renamed=_renamed(before, after),
        document=change.file.document,
        stem=python.stem_of(change.file.path),
        lines=(function.lineno - 1, (function.end_lineno or function.lineno) - 1),
        is_alone=same + definitions_elsewhere <= 1,
    )


def followed_in(signature: Signature, file: File) -> list[Edit]:
    """What has to be changed in a file."""
    if file.language != "python" or (signature.called not in file.text and file.document != signature.document):
        return []
    edits: list[Edit] = []
    if file.document == signature.document:
        for old, new in signature.renamed:
            if not _is_bound_now(file, signature, old):
                edits += renamed_in(_inside(signature, old, new), file)
    tree = python.parsed(file.text)
    if tree is None:
        return edits
    starts = python.line_starts(file.text)
    for call, visible in _calls(tree, signature, file):
        text = _rewritten(signature, call, visible, file.text, starts)
        first, last = _arguments_span(call, file.text, starts)
        if text is not None and text != file.text[first:last]:
            edits.append(Edit(document=file.document, start=first, end=last, text=text))
    return _innermost(sorted(edits, key=lambda edit: (edit.start, -edit.end)))


def _innermost(edits: Sequence[Edit]) -> list[Edit]:
    """Of calls in each other's arguments the inner ones; the outer ones follow once these are done."""
    return [
        edit
        for number, edit in enumerate(edits)
        if number + 1 == len(edits) or edits[number + 1].start >= edit.end or edits[number + 1].start < edit.start
    ]


def _inside(signature: Signature, old: str, new: str) -> Rename:
    return Rename(
        old=old, new=new, reach="block", lines=signature.lines, document=signature.document,
        stem=signature.stem, language="python",
    )  # fmt: skip


def _is_bound_now(file: File, signature: Signature, name: str) -> bool:
    """Whether a function still has a name of its own for what was a parameter."""
    tree = python.parsed(file.text)
    return tree is not None and any(
        function.name == signature.name and owner == signature.owner and name in python.bound_in(function)
        for function, owner in _functions(tree)
    )


def _calls(tree: ast.Module, signature: Signature, file: File) -> list[tuple[ast.Call, frozenset[str]]]:
    """Calls of the function, with the names that the code around each may use."""
    is_home = file.document == signature.document
    imported = is_home or signature.stem in python.imported_from(tree, signature.called)
    modules = frozenset[str]() if is_home else python.modules_named(tree, signature.stem)
    strangers = python.shadowed(tree, signature.called) if not signature.is_called_over_object else []
    module_names = frozenset(
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    found: list[tuple[ast.Call, frozenset[str]]] = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function, line = call.func, call.lineno - 1
        if isinstance(function, ast.Name) and not signature.is_called_over_object:
            fits = function.id == signature.called and imported
        elif isinstance(function, ast.Attribute) and function.attr == signature.called:
            over = function.value.id if isinstance(function.value, ast.Name) else ""
            fits = (
                over in modules
                if not signature.is_called_over_object
                else signature.is_alone or over in ("self", "cls")
            )
        else:
            continue
        if not fits or any(first <= line <= last for first, last in strangers):
            continue
        around = [each for each in python.enclosing(tree, line) if not isinstance(each, ast.ClassDef)]
        visible = module_names.union(*(python.bound_in(each) for each in around))
        found.append((call, visible))
    return found


def _rewritten(
    signature: Signature, call: ast.Call, visible: frozenset[str], text: str, starts: tuple[int, ...]
) -> str | None:
    """The arguments as they should be; None when the call is not one of the former signature, or cannot be judged."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return None
    skipped = 1 if signature.is_bound and not _is_over_class(call, signature) else 0
    before, after = signature.before[skipped:], signature.after[skipped:]
    bound = _bound(before, call)
    if bound is None:
        return None

    def source(node: ast.expr) -> str:
        first, last = (
            python.offset_of(text, *place, starts)
            for place in ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        )
        return text[first:last]

    former = {new: old for old, new in signature.renamed}
    written: list[str] = []
    in_order = True
    named: list[tuple[int, str]] = []
    for place, parameter in enumerate(after):
        if parameter.kind in ("rest", "named_rest"):
            continue
        given = bound.get(former.get(parameter.name, parameter.name))
        if given is None and parameter.has_default:
            in_order = False
            continue
        value = source(given[0]) if given is not None else parameter.name if parameter.name in visible else UNKNOWN
        by_name = given is not None and given[1] is not None
        if in_order and not by_name and parameter.kind != "keyword":
            written.append(value)
        else:
            in_order = False
            rank = given[1] if given is not None and given[1] is not None else len(call.keywords) + place
            named.append((rank, f"{parameter.name}={value}"))
    return _laid_out(text[slice(*_arguments_span(call, text, starts))], [*written, *_by_rank(named)])


def _by_rank(named: Sequence[tuple[int, str]]) -> list[str]:
    return [value for _, value in sorted(named, key=lambda each: each[0])]


def _laid_out(former: str, arguments: Sequence[str]) -> str | None:
    """The arguments on lines of their own where they were; None when comments stand between them."""
    lead = former[: len(former) - len(former.lstrip())]
    if "\n" not in lead:
        return ", ".join(arguments)
    if "#" in former:
        return None
    tail = re.search(r",?\s*$", former)
    return lead + f",{lead}".join(arguments) + (tail[0] if tail is not None else "")


def _bound(parameters: Sequence[Parameter], call: ast.Call) -> dict[str, tuple[ast.expr, int | None]] | None:
    """Each parameter's argument, with its place among the keywords; None when the call does not fit."""
    places = [each for each in parameters if each.kind in ("positional", "either")]
    named = {each.name for each in parameters if each.kind in ("either", "keyword")}
    if len(call.args) > len(places):
        return None
    found: dict[str, tuple[ast.expr, int | None]] = {
        parameter.name: (argument, None) for parameter, argument in zip(places, call.args, strict=False)
    }
    for number, keyword in enumerate(call.keywords):
        if keyword.arg is None or keyword.arg in found or keyword.arg not in named:
            return None
        found[keyword.arg] = (keyword.value, number)
    needed = {each.name for each in parameters if not each.has_default and each.kind not in ("rest", "named_rest")}
    return found if needed <= found.keys() else None


def _renamed(before: Sequence[Parameter], after: Sequence[Parameter]) -> tuple[tuple[str, str], ...]:
    """Parameters that stayed in their place under another name."""
    if len(before) != len(after):
        return ()
    old, new = {each.name for each in before}, {each.name for each in after}
    return tuple(
        (was.name, now.name)
        for was, now in zip(before, after, strict=True)
        if was.name not in new and now.name not in old and (was.kind, was.has_default) == (now.kind, now.has_default)
    )


def _parameters(function: Function) -> tuple[Parameter, ...]:
    args = function.args
    places = [*(("positional", each) for each in args.posonlyargs), *(("either", each) for each in args.args)]
    first_default = len(places) - len(args.defaults)
    found = [
        Parameter(name=each.arg, kind=kind, has_default=place >= first_default)
        for place, (kind, each) in enumerate(places)
    ]
    if args.vararg is not None:
        found.append(Parameter(name=args.vararg.arg, kind="rest"))
    found += [
        Parameter(name=each.arg, kind="keyword", has_default=default is not None)
        for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    ]
    if args.kwarg is not None:
        found.append(Parameter(name=args.kwarg.arg, kind="named_rest"))
    return tuple(found)


def _functions(tree: ast.Module) -> list[tuple[Function, str]]:
    """Functions with the class that each is a method of. Those inside of functions are not called from elsewhere."""
    found: list[tuple[Function, str]] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append((node, ""))
        elif isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)))
            found += [(each, node.name) for each in methods]
    return found


def _body_line(function: Function) -> int:
    """The 0-based line where the body begins, or the one after a head that has it on the same line."""
    return max(function.lineno, function.body[0].lineno - 1)


def _is_named(decorator: ast.expr, name: str) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == name


def _is_over_class(call: ast.Call, signature: Signature) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == signature.owner
        and signature.before[:1] != ()
        and signature.before[0].name == "self"
    )


def _arguments_span(call: ast.Call, text: str, starts: tuple[int, ...]) -> tuple[int, int]:
    """From after the opening bracket to before the closing one."""
    after_name = python.offset_of(text, call.func.end_lineno or 0, call.func.end_col_offset or 0, starts)
    end = python.offset_of(text, call.end_lineno or 0, call.end_col_offset or 0, starts) - 1
    return text.index("(", after_name) + 1, end
