"""The actions behind a model, as a menu shows them: named after what they are about, disabled, or left out.

Answered from the open document and the settings alone; nothing is generated, run or searched for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp

from server.acting import NO_MODEL, has_model
from server.arguments import Arguments
from server.documents import Snapshot
from server.features.actions import ADD_TYPES, DOCUMENT, REWRITE, SIMPLIFY, WRITE_TESTS
from server.features.commit_message import COMMIT_MESSAGE
from server.features.diagnostics import REVIEW_SOURCE
from server.features.explain_code import EXPLAIN_CODE
from server.features.looking import look
from server.features.review import APPLY_REVIEW_FIX, REVIEW_CHANGES

if TYPE_CHECKING:
    from assist.actions.kinds import EditKind
    from server.app import AssayServer

PYTHON = frozenset({"python", "cython"})
"""Language ids of what the sandbox runs."""
OWN_KIND = "assay"
_REWRITING = "refactor.rewrite.assay"
_MAX_MESSAGE = 60  # characters of a finding in a title


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    name: str
    """Also of its kind: `assay.NAME`."""
    kind: str
    command: str
    title: str
    """With `{}` for what it is about."""
    edits: EditKind | None = None
    needs_definition: bool = False


_OFFERS = (
    _Offer(name="explain", kind="assay.explain", command=EXPLAIN_CODE, title="Explain {}"),
    _Offer(
        name="document", kind=f"{_REWRITING}.document", command=DOCUMENT, title="Document {}", edits="document",
        needs_definition=True,
    ),
    _Offer(
        name="tests", kind=f"{_REWRITING}.tests", command=WRITE_TESTS, title="Write tests for {}", edits="tests",
        needs_definition=True,
    ),
    _Offer(
        name="types", kind=f"{_REWRITING}.types", command=ADD_TYPES, title="Add types to {}", edits="types",
        needs_definition=True,
    ),
    _Offer(
        name="simplify", kind=f"{_REWRITING}.simplify", command=SIMPLIFY, title="Simplify {}", edits="simplify",
        needs_definition=True,
    ),
    _Offer(name="rewrite", kind=f"{_REWRITING}.rewrite", command=REWRITE, title="Rewrite {}…", edits="rewrite"),
)  # fmt: skip
_OF_THE_WORKSPACE = (
    _Offer(name="review", kind="source.assay.review", command=REVIEW_CHANGES, title="Review my changes"),
    _Offer(name="commit", kind="source.assay.commit", command=COMMIT_MESSAGE, title="Generate commit message"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a request is about, for titles and arguments."""

    first: int
    last: int
    name: str
    """Of the function there; empty when there is none, or nobody looked."""
    words: str
    """For a title."""
    has_definition: bool


def offers(ls: AssayServer, snapshot: Snapshot, params: lsp.CodeActionParams) -> Iterator[lsp.CodeAction]:
    """The actions for a place, then those of the workspace: these only when they are asked for by their kind."""
    asked = _asked(params)
    place = _place(ls, snapshot, params)
    for offer in _OFFERS:
        kind = _kind(offer, asked)
        if kind is None or (offer.name == "rewrite" and not ls.session.client.input):
            continue  # without an input box there is nothing to say what is to be done: docs/actions.md
        arguments = Arguments(
            uri=snapshot.uri,
            version=snapshot.version,
            line=place.first,
            end_line=place.last if place.last > place.first else None,
            name=place.name,
        )
        action = lsp.CodeAction(title=offer.title.format(place.words), kind=kind)
        yield from _ended(ls, params, action, offer, arguments, _why_not(ls, snapshot, offer, place))
    for offer in _OF_THE_WORKSPACE:
        if asked and (kind := _kind(offer, asked)) is not None:
            action = lsp.CodeAction(title=offer.title, kind=kind)
            yield from _ended(ls, params, action, offer, Arguments(uri=snapshot.uri), _why_no_changes(ls, snapshot))


def review_fix(ls: AssayServer, snapshot: Snapshot, diagnostic: lsp.Diagnostic) -> lsp.CodeAction | None:
    """The fix that a review gave for a finding of its own."""
    data: object = diagnostic.data
    wanted = cast("Mapping[str, object]", data).get("review") if isinstance(data, Mapping) else None
    if diagnostic.source != REVIEW_SOURCE or not isinstance(wanted, str):
        return None
    found = ls.session.reviews.one(wanted)
    if found is None or found.fix is None:
        return None
    message = found.message if len(found.message) <= _MAX_MESSAGE else found.message[: _MAX_MESSAGE - 1] + "…"
    action = lsp.CodeAction(title=f"Apply the review's fix: {message}", kind=lsp.CodeActionKind.QuickFix)
    action.diagnostics = [diagnostic]
    action.is_preferred = True
    return _with_command(ls, action, APPLY_REVIEW_FIX, Arguments(uri=snapshot.uri, id=wanted))


def _ended(
    ls: AssayServer, params: lsp.CodeActionParams, action: lsp.CodeAction, offer: _Offer, arguments: Arguments, why: str
) -> Iterator[lsp.CodeAction]:
    """The action with its command; when it is impossible, disabled for whoever asked for its kind, else nothing."""
    if not why:
        yield _with_command(ls, action, offer.command, arguments)
        return
    invoked = params.context.trigger_kind is lsp.CodeActionTriggerKind.Invoked
    if ls.session.client.disabled_actions and invoked and _asked(params):
        action.disabled = lsp.CodeActionDisabled(reason=why)
        yield action


def _why_not(ls: AssayServer, snapshot: Snapshot, offer: _Offer, place: _Place) -> str:
    """Why an action is impossible here, as a sentence without its full stop; empty when it is possible."""
    from assist.actions.kinds import impossible

    session = ls.session
    where = session.place_of(snapshot.uri)
    if not has_model(session.settings):
        return NO_MODEL
    if not session.allowed.may_read(where.root, where.path):
        return "this file is kept from models: it is ignored, too large, or looks like a secret"
    if offer.edits is not None and (why := impossible(offer.edits, where.path)):
        return f"{where.path} {why}"
    if offer.needs_definition and not place.has_definition:
        return "there is no function at the cursor"
    return ""


def _why_no_changes(ls: AssayServer, snapshot: Snapshot) -> str:
    from workspace.root import repository_of

    if not has_model(ls.session.settings):
        return NO_MODEL
    root = ls.session.place_of(snapshot.uri).root
    return "" if repository_of(root) is not None else "this is no git repository"


def _place(ls: AssayServer, snapshot: Snapshot, params: lsp.CodeActionParams) -> _Place:
    from server.targets import function_at

    first, last = params.range.start.line, params.range.end.line
    if last > first and params.range.end.character == 0:
        last -= 1  # whole lines are selected up to the beginning of the next
    if snapshot.language_id not in PYTHON:
        words = "the selection" if last > first else "this"
        return _Place(first=first, last=last, name="", words=words, has_definition=True)
    targets = look(ls, snapshot)
    function = function_at(targets.functions, first)
    inside = function is not None and last <= function.end_line
    name = function.name if function is not None and inside else ""
    test = next((each.name for each in targets.tests if each.line <= first and last <= each.end_line), "")
    words = name or test or ("the selection" if last > first else "this file")
    if last > first and not (function is not None and first <= function.line and last >= function.end_line):
        words = "the selection"
    return _Place(first=first, last=last, name=name, words=words, has_definition=bool(name) or last > first)


def _asked(params: lsp.CodeActionParams) -> tuple[str, ...]:
    """The kinds that were asked for; empty for any."""
    only: Sequence[Any] = params.context.only or ()
    names = tuple(str(getattr(each, "value", each)) for each in only)
    return () if "" in names else names


def _kind(offer: _Offer, asked: tuple[str, ...]) -> str | None:
    """The kind to answer with, which lies below one that was asked for; None when the offer was not asked for."""
    own = f"{OWN_KIND}.{offer.name}"
    for kind in (offer.kind, own):
        if not asked or any(kind == name or kind.startswith(f"{name}.") for name in asked):
            return kind
    return None


def _with_command(ls: AssayServer, action: lsp.CodeAction, command: str, arguments: Arguments) -> lsp.CodeAction:
    action.command = lsp.Command(title=action.title, command=command, arguments=[arguments.plain()])
    if ls.session.client.llm_tag:
        action.tags = [lsp.CodeActionTag.LlmGenerated]
    return action
