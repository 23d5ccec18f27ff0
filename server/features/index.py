"""assay/search and what keeps the index fresh: folders opened, buffers changed, files saved, progress shown."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.uris import to_fs_path

from server.errors import NotInWorkspace
from server.features.status import refresh_index
from server.session import key_of

if TYPE_CHECKING:
    from retrieval.chunk import Hit
    from retrieval.host.client import IndexClient
    from server.app import AssayServer
    from server.indexes import Indexes

SEARCH = "assay/search"
_MOST_HITS = 100
_SETTLE = 0.15
"""Seconds without a keystroke after which an unsaved buffer is searched as it stands."""
_STATUS_EVERY = 0.5
"""Seconds between two notifications about the same indexing."""
_SHOW_AFTER = 1.0
"""Seconds of indexing before there is a progress bar: a start with little to do shows none."""
_CREATE_SECONDS = 5.0

_logger = logging.getLogger("assay.index")


async def search(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{query, limit?, languages?, pathPrefix?, uri?}` to `{hits, seconds, notes}`; docs/lsp.md has the shapes.

    :raises JsonRpcInvalidParams: no query, or parameters of the wrong type.
    """
    from retrieval.errors import RetrievalError
    from retrieval.question import Question

    given: Mapping[str, Any] = cast("Mapping[str, Any]", params) if isinstance(params, Mapping) else {}
    query, limit = given.get("query"), given.get("limit", 10)
    languages: Any = given.get("languages") or []
    prefix = given.get("pathPrefix") or ""
    if not isinstance(query, str) or not isinstance(limit, int) or not 1 <= limit <= _MOST_HITS:
        raise JsonRpcInvalidParams(f"assay/search wants {{query}}, and a limit from 1 to {_MOST_HITS}.")
    if not isinstance(prefix, str) or not _is_texts(languages):
        raise JsonRpcInvalidParams("assay/search wants languages as a list of texts, and pathPrefix as a text.")
    question = Question(text=query, limit=limit, languages=tuple(languages), path_prefix=prefix)
    roots = _roots(ls, given.get("uri"))
    hits: list[tuple[float, dict[str, Any]]] = []
    notes = [] if roots else ["no folder is open"]
    seconds = 0.0
    for root in roots:
        try:
            answer = await client_of(ls, root).search(question)
        except RetrievalError as error:
            notes.append(str(error))
            continue
        hits += [(hit.score, _shown(ls, root, hit)) for hit in answer.hits]
        notes += answer.notes
        seconds += answer.seconds
    hits.sort(key=lambda found: -found[0])
    return {"hits": [hit for _, hit in hits[:limit]], "seconds": round(seconds, 6), "notes": notes}


def open_folders(ls: AssayServer) -> None:
    """Begin to index the folders that are open, and let go of those that are not any more."""
    session = ls.session
    if session.settings.index.enabled != "on":
        for root in session.known_indexes():
            _indexes(ls).drop(root)
        return
    roots = _roots(ls, None)
    indexes = _indexes(ls)
    for root in indexes.known():
        if root not in roots:
            indexes.drop(root)
    for root in roots:
        if root not in indexes.known():
            session.spawn(_follow(ls, root), "index")


def changed(ls: AssayServer, uri: str) -> None:
    """A buffer has text that is not on disk: searches see it once the typing rests."""
    _later(ls, uri, _SETTLE, _show_buffer)


def saved(ls: AssayServer, uri: str) -> None:
    """A buffer was saved or closed: what is on disk counts."""
    _later(ls, uri, 0.0, _hide_buffer)


def did_save(ls: AssayServer, params: lsp.DidSaveTextDocumentParams) -> None:
    saved(ls, params.text_document.uri)


async def did_change_watched_files(ls: AssayServer, params: lsp.DidChangeWatchedFilesParams) -> None:
    for root, client in ls.session.known_indexes().items():
        paths = [_below(root, event.uri) for event in params.changes]
        if here := [path for path in paths if path]:
            await _quietly(client.changed(here))


async def register_watchers(ls: AssayServer) -> None:
    """Ask the editor to tell of changed files: it sees some that the system's own events do not, as on a share."""
    if not ls.session.client.registers_watchers or ls.session.settings.index.enabled != "on":
        return
    options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers=[lsp.FileSystemWatcher(glob_pattern="**/*")])
    registration = lsp.Registration(
        id="assay-files", method=lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, register_options=options
    )
    try:
        params = lsp.RegistrationParams(registrations=[registration])
        await ls.protocol.ask(lsp.CLIENT_REGISTER_CAPABILITY, params, within=_CREATE_SECONDS)
    except JsonRpcException as error:
        _logger.warning("the editor will not tell of changed files (code %d)", error.code)


async def _follow(ls: AssayServer, root: Path) -> None:
    """Wait for an index to catch up, with a progress bar when that takes a while."""
    from retrieval.errors import RetrievalError

    client = client_of(ls, root)
    ready = asyncio.create_task(client.settled())
    try:
        await asyncio.wait({ready}, timeout=_SHOW_AFTER)
        if not ready.done():
            await _show_progress(ls, root, client, ready)
        await ready
    except RetrievalError as error:
        _logger.warning("no index for a folder: %s", error)
        ls.report(lsp.MessageType.Warning, f"Assay: {error}")
    finally:
        ready.cancel()
    refresh_index(ls)


async def _show_progress(ls: AssayServer, root: Path, client: IndexClient, ready: asyncio.Task[Any]) -> None:
    if not ls.session.client.progress:
        return
    token = f"assay-index-{uuid.uuid4().hex[:8]}"
    try:
        params = lsp.WorkDoneProgressCreateParams(token=token)
        await ls.protocol.ask(lsp.WINDOW_WORK_DONE_PROGRESS_CREATE, params, within=_CREATE_SECONDS)
    except JsonRpcException:
        return
    begin = lsp.WorkDoneProgressBegin(title=f"Assay: indexing {root.name}", cancellable=False, percentage=0)
    ls.protocol.notify(lsp.PROGRESS, lsp.ProgressParams(token=token, value=begin))
    try:
        said = None
        while not ready.done():
            now = client.progress
            if now == said:
                await asyncio.wait({ready}, timeout=_STATUS_EVERY)
                continue
            said = now
            done = now.total - now.pending
            report = lsp.WorkDoneProgressReport(
                message=f"{done:,} of {now.total:,} files" if now.total else now.phase,
                percentage=100 * done // now.total if now.total else 0,
            )
            ls.protocol.notify(lsp.PROGRESS, lsp.ProgressParams(token=token, value=report))
    finally:
        end = lsp.WorkDoneProgressEnd(message="searchable" if ready.done() else "stopped")
        ls.protocol.notify(lsp.PROGRESS, lsp.ProgressParams(token=token, value=end))


def _progressed(ls: AssayServer) -> None:
    """At most one notification in a while, and always one for the last state."""
    session = ls.session
    if session.telling_index is None:
        loop = asyncio.get_running_loop()

        def tell() -> None:
            session.telling_index = None
            refresh_index(ls)

        session.telling_index = loop.call_later(_STATUS_EVERY, tell)


def _later(ls: AssayServer, uri: str, seconds: float, work: Any) -> None:
    session = ls.session
    if session.settings.index.enabled != "on" or not ls.session.known_indexes():
        return
    key = key_of(uri)
    if (waiting := session.buffers.pop(key, None)) is not None:
        waiting.cancel()

    def begin() -> None:
        session.buffers.pop(key, None)
        session.spawn(work(ls, uri), "buffer")

    session.buffers[key] = asyncio.get_running_loop().call_later(seconds, begin)


async def _show_buffer(ls: AssayServer, uri: str) -> None:
    document = ls.session.document(uri)
    if document is None or not document.in_sync:
        return
    text = document.snapshot().text
    for client, path in _places(ls, uri):
        await _quietly(client.show_buffer(path, text))


async def _hide_buffer(ls: AssayServer, uri: str) -> None:
    for client, path in _places(ls, uri):
        await _quietly(client.hide_buffer(path))
        await _quietly(client.changed([path]))


async def _quietly(work: Any) -> None:
    """Nobody asked for it, so nobody is told that it failed; the next search says what is wrong."""
    from retrieval.errors import RetrievalError

    try:
        await work
    except RetrievalError as error:
        _logger.info("the index did not take a change: %s", error)


def _places(ls: AssayServer, uri: str) -> list[tuple[IndexClient, str]]:
    return [(client, path) for root, client in ls.session.known_indexes().items() if (path := _below(root, uri))]


def _below(root: Path, uri: str) -> str:
    """A uri's path relative to a root; empty when it is not below it."""
    path = to_fs_path(uri)
    if not path or "\0" in path:
        return ""
    try:
        return Path(path).resolve().relative_to(root).as_posix()
    except (ValueError, OSError):
        return ""


def _indexes(ls: AssayServer) -> Indexes:
    return ls.session.indexes(lambda: _progressed(ls))


def client_of(ls: AssayServer, root: Path) -> IndexClient:
    """The connection to a folder's index, made when something is asked."""
    return _indexes(ls).get(root, ls.session.settings)


def _roots(ls: AssayServer, uri: object) -> list[Path]:
    """The folder of a document, or all that are open."""
    if isinstance(uri, str):
        try:
            place = ls.session.place_of(uri)
        except NotInWorkspace:
            return []
        holding = [folder.resolve() for folder in ls.session.folders]
        return [folder for folder in holding if place.root.is_relative_to(folder)][:1] or [place.root]
    return list(dict.fromkeys(folder.resolve() for folder in ls.session.folders if folder.is_dir()))


def _shown(ls: AssayServer, root: Path, hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "uri": ls.session.uri_in(root, chunk.path),
        "path": chunk.path,
        "range": {"start": {"line": chunk.start_line, "character": 0}, "end": {"line": chunk.end_line, "character": 0}},
        "symbol": chunk.symbol,
        "kind": chunk.kind,
        "language": chunk.language,
        "score": round(hit.score, 6),
        "reasons": list(hit.reasons),
        "text": chunk.text,
    }


def _is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in cast("list[object]", value))
