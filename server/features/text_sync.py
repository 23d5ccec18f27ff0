"""textDocument/didOpen, didChange, didClose: keep documents as the editor has them, or say that they are not."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp

from server.documents import Document
from server.features import index
from server.features.diagnostics import clear
from server.session import key_of

if TYPE_CHECKING:
    from server.app import AssayServer

_logger = logging.getLogger("assay.documents")


def did_open(ls: AssayServer, params: lsp.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    session = ls.session
    if session.document(item.uri) is not None:
        _logger.warning("a document was opened twice; the newer text is used")
    session.documents[key_of(item.uri)] = Document(
        item.uri, item.version, str(getattr(item.language_id, "value", item.language_id)), item.text, session.encoding
    )


def did_change(ls: AssayServer, params: lsp.DidChangeTextDocumentParams) -> None:
    identifier = params.text_document
    document = ls.session.document(identifier.uri)
    if document is None:
        _out_of_sync(ls, identifier.uri, "changed without being open")
        return
    if identifier.version <= document.version:
        # The order of messages is what counts, so the change is applied; but one of the two is confused.
        _logger.warning("a document's version went from %d to %d", document.version, identifier.version)
        ls.report(
            lsp.MessageType.Warning,
            f"Assay: the version of {_name(identifier.uri)} went from {document.version} to {identifier.version}.",
        )
    document.change(params.content_changes, identifier.version)
    _note_edit(ls, identifier.uri, params.content_changes)
    index.changed(ls, identifier.uri)
    clear(ls, identifier.uri)


def did_close(ls: AssayServer, params: lsp.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.session.seen.pop(key_of(uri), None)
    ls.session.recent.forget(key_of(uri))
    if (completing := ls.session.known_completing) is not None:
        completing.pipeline.closed(key_of(uri))
    if (next_editing := ls.session.known_next_editing) is not None:
        next_editing.pipeline.closed(key_of(uri))
    if ls.session.documents.pop(key_of(uri), None) is None:
        _logger.warning("a document was closed without being open")
    index.saved(ls, uri)


def missed(ls: AssayServer, method: str, params: Any) -> None:
    """A notification about a document could not be decoded, so what is here may differ from the editor's text."""
    if method not in (lsp.TEXT_DOCUMENT_DID_OPEN, lsp.TEXT_DOCUMENT_DID_CHANGE):
        return
    document = cast("Mapping[str, Any]", params).get("textDocument") if isinstance(params, Mapping) else None
    uri = cast("Mapping[str, Any]", document).get("uri") if isinstance(document, Mapping) else None
    if not isinstance(uri, str):
        _logger.error("a change of an unknown document could not be read")
        return
    known = ls.session.document(uri)
    if known is not None:
        known.lose()
    _out_of_sync(ls, uri, "sent a change that cannot be read")


def _note_edit(ls: AssayServer, uri: str, changes: Sequence[lsp.TextDocumentContentChangeEvent]) -> None:
    last = changes[-1] if changes else None
    line = last.range.start.line if isinstance(last, lsp.TextDocumentContentChangePartial) else 0
    ls.session.recent.note(key_of(uri), line)
    ls.session.typed_at = time.monotonic()
    if (along := ls.session.known_along) is not None:
        along.forget()
    if (completing := ls.session.known_completing) is not None:
        completing.pipeline.typed()


def _out_of_sync(ls: AssayServer, uri: str, why: str) -> None:
    _logger.error("a document is out of sync: it %s", why)
    ls.report(
        lsp.MessageType.Error,
        f"Assay: {_name(uri)} is out of sync, because it {why}. Close it and open it again.",
    )


def _name(uri: str) -> str:
    return key_of(uri).rsplit("/", 1)[-1][:100]
