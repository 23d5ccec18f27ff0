"""assay/nextEdit: the edits that follow from the last one, and what editors tell of them: shown, taken.

Nobody asked for a pop-up: whatever goes wrong is a reason code, in the log, in `assay/status` and in `assay/explain`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from server.arguments import read_arguments
from server.errors import DocumentOutOfSync, NotInWorkspace
from server.features.status import refresh_completion
from server.log import log_failure
from server.positions import LineIndex
from server.session import key_of

if TYPE_CHECKING:
    from assist.nextedit.proposing import Explanation, Proposal
    from server.app import AssayServer

METHOD = "assay/nextEdit"
DID_SHOW = "assay/didShowNextEdit"
ACCEPTED = "assay.nextEditAccepted"
KIND = "nextEdit"
_NOTEBOOK = ("vscode-notebook-cell:", "jupyter-notebook-cell:", "notebook-cell:")

_logger = logging.getLogger("assay.nextedit")


async def next_edit(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{textDocument: {uri, version?}, position}` to `{edits: [{text, textDocument, range, command}]}`.

    :raises JsonRpcInvalidParams: parameters of the wrong type.
    """
    uri, version, position = _read(params)
    try:
        return {"edits": await _edits(ls, uri, version, position)}
    except DocumentOutOfSync:
        _refuse(ls, uri, "out_of_sync")
    except Exception as error:  # noqa: BLE001 - the task owner of what nobody asked to be told about
        log_failure(_logger, "next edit", error)
        _refuse(ls, uri, "error")
    return {"edits": []}


def did_show(ls: AssayServer, params: Any) -> None:
    """`{item}`: it is on the screen."""
    given = _at(params, "item", "command", "arguments")
    first = cast("list[object]", given)[0] if isinstance(given, list) and given else None
    id_ = _at(first, "id")
    if isinstance(id_, str) and (known := ls.session.known_next_editing) is not None:
        known.pipeline.was_shown(id_)


async def accepted(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, bool]:
    """`{id}`: an edit was taken; whether it is known."""
    id_, known = read_arguments(params, "id").id, ls.session.known_next_editing
    return {"known": known is not None and id_ is not None and known.pipeline.was_accepted(id_)}


async def _edits(ls: AssayServer, uri: str, version: int | None, position: lsp.Position) -> list[dict[str, Any]]:
    session = ls.session
    if session.settings.complete.next_edit != "on":
        return _refuse(ls, uri, "off")
    if uri.startswith(_NOTEBOOK) or uri.endswith(".ipynb"):
        return _refuse(ls, uri, "notebook")
    snapshot = session.snapshot(uri)
    if snapshot is None:
        return _refuse(ls, uri, "not_open")
    if version is not None and version != snapshot.version:
        return _refuse(ls, uri, "stale")
    root = _root(ls, uri)
    if uri.startswith("file:") and not (root is not None and session.allowed.may_read(root, _path(ls, uri, root))):
        return _refuse(ls, uri, "policy")

    from assist.nextedit.proposing import Asked
    from server.next_editing import SessionChanges

    next_editing = session.next_editing
    model, problem = next_editing.model()
    client = session.known_indexes().get(root) if root is not None else None
    sources = SessionChanges(session=session, root=root, document=key_of(uri), client=client)
    asked = Asked(document=key_of(uri), version=snapshot.version, offset=snapshot.index().offset(position))
    try:
        outcome = await next_editing.pipeline.propose(asked, sources, model, problem)
    finally:
        if (last := next_editing.pipeline.last) is not None:
            _tell(ls, last)
    return _shown(ls, root, outcome.proposals)


def _shown(ls: AssayServer, root: Path | None, proposals: tuple[Proposal, ...]) -> list[dict[str, Any]]:
    indexes = {each.file.document: LineIndex.of(each.file.text, ls.session.encoding) for each in proposals}
    shown: list[dict[str, Any]] = []
    for each in proposals:
        document = ls.session.documents.get(each.file.document)
        if document is not None:
            uri = document.uri
        else:
            uri = ls.session.uri_in(root, each.file.path) if root is not None else each.file.document
        where = indexes[each.file.document].range(each.edit.start, each.edit.end)
        shown.append(
            {
                "text": each.edit.text,
                "textDocument": {"uri": uri, "version": each.file.version},
                "range": {
                    "start": {"line": where.start.line, "character": where.start.character},
                    "end": {"line": where.end.line, "character": where.end.character},
                },
                "command": {"title": "Edit taken", "command": ACCEPTED, "arguments": [{"id": each.id}]},
            }
        )
    return shown


def _read(params: Any) -> tuple[str, int | None, lsp.Position]:
    """:raises JsonRpcInvalidParams:"""
    uri, version = _at(params, "textDocument", "uri"), _at(params, "textDocument", "version")
    line, character = _at(params, "position", "line"), _at(params, "position", "character")
    if not isinstance(uri, str) or type(line) is not int or type(character) is not int or min(line, character) < 0:
        raise JsonRpcInvalidParams(f"{METHOD} wants {{textDocument: {{uri, version}}, position}}.")
    if version is not None and type(version) is not int:
        raise JsonRpcInvalidParams(f"{METHOD} wants textDocument.version as a whole number.")
    return uri, version, lsp.Position(line=line, character=character)


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value


def _root(ls: AssayServer, uri: str) -> Path | None:
    """The root that has an index, else that of the document; None for what is no file."""
    try:
        place = ls.session.place_of(uri)
    except NotInWorkspace:
        return None
    return next((root for root in ls.session.known_indexes() if place.root.is_relative_to(root)), place.root)


def _path(ls: AssayServer, uri: str, root: Path) -> str:
    place = ls.session.place_of(uri)
    return (place.root / place.path).relative_to(root).as_posix()


def _refuse(ls: AssayServer, uri: str, reason: str) -> list[dict[str, Any]]:
    from assist.nextedit.proposing import Explanation

    document = ls.session.document(uri)
    version = document.version if document is not None else -1
    _tell(ls, Explanation(document=key_of(uri), version=version, reason=reason))
    return []


def _tell(ls: AssayServer, explanation: Explanation) -> None:
    from assist.nextedit.reasons import PASSING

    _logger.info(
        "nextedit reason=%s cause=%s origin=%s model=%s fallback=%s places=%d version=%d ms=%.1f",
        explanation.reason or "shown",
        explanation.cause or "-",
        explanation.origin or "-",
        explanation.model or "-",
        explanation.fallback or "-",
        len(explanation.places),
        explanation.version,
        explanation.seconds * 1000,
    )
    if explanation.reason in PASSING and ls.session.explanations.get(KIND):
        return  # nobody waited for it
    ls.session.explain(KIND, _explained(ls, explanation))
    refresh_completion(ls)


def _explained(ls: AssayServer, explanation: Explanation) -> dict[str, Any]:
    """As `assay/explain` gives it: docs/next-edit.md. No text of any file is in it."""
    from assist.nextedit.reasons import MODEL, sentence

    document, known = ls.session.documents.get(explanation.document), ls.session.known_next_editing
    message = sentence(explanation.reason) if explanation.reason else MODEL.get(explanation.fallback, "")
    return {
        "kind": KIND,
        "uri": document.uri if document is not None else explanation.document,
        "version": explanation.version,
        "reason": explanation.reason or None,
        "message": message,
        "cause": explanation.cause,
        "origin": explanation.origin,
        "model": explanation.model,
        "fallback": explanation.fallback or None,
        "places": [{"path": path, "line": line} for path, line in explanation.places],
        "late": explanation.late,
        "counts": {
            "shown": known.pipeline.shown if known is not None else 0,
            "accepted": known.pipeline.accepted if known is not None else 0,
        },
        "seconds": round(explanation.seconds, 6),
    }
