"""Suggestions for a position of an open document, for each of the methods that ask for them.

Nobody asked for a pop-up: whatever goes wrong here is a reason code, in one line of the log, in `assay/status` and in
`assay/explain`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.documents import Snapshot, Spot
from server.errors import DocumentOutOfSync, NotInWorkspace
from server.features.status import refresh_completion
from server.log import log_failure
from server.session import key_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from assist.complete.values import Explanation, Item, Outcome
    from server.app import AssayServer

KIND = "completion"
ACCEPTED = "assay.completionAccepted"
_NOTEBOOK = ("vscode-notebook-cell:", "jupyter-notebook-cell:", "notebook-cell:")

_logger = logging.getLogger("assay.completion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    uri: str
    position: lsp.Position
    invoked: bool
    version: int | None = None
    """That the editor asks about; None when it does not say."""
    selected: lsp.SelectedCompletionInfo | None = None
    """What is chosen in the editor's own list, which the suggestion must go on from."""
    tab_size: int = 4
    insert_spaces: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    items: tuple[Item, ...] = ()
    range: lsp.Range
    """What the texts replace: the cursor's place, or what is chosen in the editor's list."""
    spot: Spot | None = None
    """The cursor's; None when nothing was looked at."""
    typed: str = ""
    """Of what is chosen in the editor's list: before each text."""


async def suggest(ls: AssayServer, asked: Asked) -> Suggested:
    """What to show. Never raises, but for its own cancellation."""
    nothing = Suggested(range=lsp.Range(start=asked.position, end=asked.position))
    try:
        if (reason := _refused(ls, asked)) is not None:
            return _refuse(ls, asked, reason, nothing)
        snapshot, document = ls.session.snapshot(asked.uri), ls.session.document(asked.uri)
        if snapshot is None or document is None:
            return _refuse(ls, asked, "not_open", nothing)
        if asked.version is not None and asked.version != snapshot.version:
            return _refuse(ls, asked, "stale", nothing)
        root, path = _place(ls, asked.uri)
        if root is not None and not ls.session.allowed.may_read(root, path):
            return _refuse(ls, asked, "policy", nothing)
        if root is None and _is_file(asked.uri):
            return _refuse(ls, asked, "policy", nothing)
        return await _complete(ls, asked, snapshot, document.spot(asked.position), root, path)
    except DocumentOutOfSync:
        return _refuse(ls, asked, "out_of_sync", nothing)
    except Exception as error:  # noqa: BLE001 - the task owner of what nobody asked to be told about
        log_failure(_logger, "completion", error)
        return _refuse(ls, asked, "error", nothing)


async def get_ready(ls: AssayServer) -> None:
    """Load what the first completion needs, 0.25 s of imports, beside the loop and before it is asked for."""
    await asyncio.to_thread(_load)
    ls.session.completing.get_ready()


def _load() -> None:
    for name in ("server.completing", "inference.copying", "inference.openai.generator", "workspace.walk"):
        import_module(name)


async def _complete(
    ls: AssayServer, asked: Asked, snapshot: Snapshot, spot: Spot, root: Path | None, path: str
) -> Suggested:
    from assist.complete.values import Hole
    from retrieval.chunking.languages import language_of
    from server.completing import wishes_of

    text, back, typed = snapshot.text, 0, ""
    if (chosen := asked.selected) is not None and chosen.range.start.line == chosen.range.end.line == spot.line:
        first, last = (spot.index_of(each.character) for each in (chosen.range.start, chosen.range.end))
        if first <= last == spot.index:
            back, typed = last - first, chosen.text
            text = text[: spot.offset - back] + typed + text[spot.offset :]
    language = language_of(path, text[:4096].encode("utf-8", "replace"))
    hole = Hole(
        document=key_of(asked.uri),
        path=path,
        language=language if language != "text" else _LANGUAGES.get(snapshot.language_id, snapshot.language_id),
        version=snapshot.version,
        text=text,
        offset=spot.offset - back + len(typed),
        invoked=asked.invoked,
        tab_size=asked.tab_size,
        insert_spaces=asked.insert_spaces,
        repository=root.name if root is not None else "",
    )
    completing = ls.session.completing
    means, wishes = completing.means(hole, root), wishes_of(ls.session.settings.complete)
    outcome = await _told(ls, completing.pipeline.complete(hole, means, wishes))
    replaced = lsp.Range(start=spot.position(back=back), end=spot.position())
    return Suggested(items=outcome.items, range=replaced, spot=spot, typed=typed)


async def _told(ls: AssayServer, work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The outcome, once it stands in the log, in the status and in what explains it."""
    try:
        outcome = await work
    except asyncio.CancelledError:
        if (last := ls.session.completing.pipeline.last) is not None:
            _tell(ls, last)
        raise
    _tell(ls, outcome.explanation)
    return outcome


def _refused(ls: AssayServer, asked: Asked) -> str | None:
    settings = ls.session.settings.complete
    if asked.uri.startswith(_NOTEBOOK) or asked.uri.endswith(".ipynb"):
        return "notebook"
    document = ls.session.document(asked.uri)
    if settings.enabled != "on" or (document is not None and document.language_id in settings.not_for):
        return "off"
    return None


def _place(ls: AssayServer, uri: str) -> tuple[Path | None, str]:
    """The root that has an index, else that of the document, and its path there; no root for what is not a file."""
    try:
        place = ls.session.place_of(uri)
    except NotInWorkspace:
        return None, key_of(uri).rpartition("/")[2].rpartition(":")[2][:100]
    for root in ls.session.known_indexes():
        if place.root.is_relative_to(root):
            return root, (place.root / place.path).relative_to(root).as_posix()
    return place.root, place.path


def _is_file(uri: str) -> bool:
    return uri.startswith("file:")


def _refuse(ls: AssayServer, asked: Asked, reason: str, nothing: Suggested) -> Suggested:
    from assist.complete.values import Explanation

    document = ls.session.document(asked.uri)
    version = document.version if document is not None else -1
    _tell(ls, Explanation(document=key_of(asked.uri), version=version, reason=reason))
    return nothing


def _tell(ls: AssayServer, explanation: Explanation) -> None:
    from assist.complete.reasons import PASSING

    _logger.info(
        "completion reason=%s origin=%s model=%s backend=%s cache=%s shape=%s version=%d tokens=%d snippets=%d "
        "fallback=%s first_ms=%s ms=%.1f",
        explanation.reason or "shown",
        explanation.origin or "-",
        explanation.model or "-",
        explanation.backend or "-",
        "hit" if explanation.cache_hit else "miss",
        explanation.shape,
        explanation.version,
        explanation.tokens,
        len(explanation.snippets),
        explanation.fallback or "-",
        f"{explanation.first_seconds * 1000:.1f}" if explanation.first_seconds is not None else "-",
        explanation.seconds * 1000,
    )
    if explanation.reason in PASSING and ls.session.explanations.get(KIND):
        return  # nobody waited for it
    ls.session.explain(KIND, explained(ls, explanation))
    refresh_completion(ls)


def explained(ls: AssayServer, explanation: Explanation) -> dict[str, Any]:
    """As `assay/explain` gives it: docs/lsp.md. No text of any file is in it."""
    from assist.complete.reasons import sentence

    known = ls.session.known_completing
    document = ls.session.documents.get(explanation.document)
    return {
        "kind": KIND,
        "uri": document.uri if document is not None else explanation.document,
        "version": explanation.version,
        "reason": explanation.reason or None,
        "message": sentence(explanation.reason) if explanation.reason else "",
        "detail": explanation.detail,
        "origin": explanation.origin,
        "fallback": explanation.fallback or None,
        "model": explanation.model,
        "backend": explanation.backend,
        "family": explanation.family,
        "shape": explanation.shape,
        "cacheHit": explanation.cache_hit,
        "tokens": {"budget": explanation.budget, "prompt": explanation.tokens},
        "snippets": [
            {
                "kind": each.kind,
                "source": each.source,
                "path": each.path,
                "startLine": each.start_line,
                "endLine": each.end_line,
                "score": each.score,
                "shown": each.shown,
            }
            for each in explanation.snippets
        ],
        "late": list(explanation.late),
        "filtered": list(explanation.dropped),
        "gate": {
            "state": known.pipeline.gate.about() if known is not None else "",
            "likelihood": round(explanation.gate, 3) if explanation.gate is not None else None,
        },
        "seconds": {
            "waited": round(explanation.waited, 6),
            "context": round(explanation.context_seconds, 6),
            "toFirstToken": round(explanation.first_seconds, 6) if explanation.first_seconds is not None else None,
            "total": round(explanation.seconds, 6),
        },
    }


_LANGUAGES = {
    "typescriptreact": "tsx",
    "javascriptreact": "javascript",
    "shellscript": "bash",
    "sh": "bash",
    "plaintext": "text",
}
"""Editors' ids of languages whose names are others here, for documents whose name says nothing."""
