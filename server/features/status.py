"""assay/status: one small notification that says how things stand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from server.app import AssayServer

METHOD = "assay/status"
_COMPLETION_EVERY = 0.5
"""Seconds between two notifications about completions."""


def send_status(
    ls: AssayServer,
    state: Literal["ready", "busy", "warning"],
    message: str,
    *,
    grade: str | None = None,
    receipt: str | None = None,
) -> None:
    """Tell the editor, when something changed since the last time."""
    status: dict[str, Any] = {"state": state, "message": message}
    if (isolation := ls.session.isolation) is not None:
        status["sandbox"] = {
            "available": isolation.name != "none",
            "name": isolation.name,
            "detail": isolation.detail,
        }
    if folders := _indexes(ls):
        status["index"] = folders
    if (last := ls.session.explanations.get("completion")) is not None:
        status["completion"] = {"reason": last["reason"], "model": last["model"]}
    if (last := ls.session.explanations.get("nextEdit")) is not None:
        status["nextEdit"] = {"reason": last["reason"], "model": last["model"]}
    if (along := ls.session.known_along) is not None and ls.session.settings.along.enabled == "on":
        status["along"] = {"state": along.state, "message": along.message}
    if grade is not None:
        status["grade"] = grade
    if receipt is not None:
        status["receipt"] = receipt
    if status == ls.session.status:
        return
    ls.session.status = status
    if ls.session.client.status:
        ls.protocol.notify(METHOD, status)


def refresh_index(ls: AssayServer) -> None:
    """Send the last status again when an index has got further."""
    last = ls.session.status
    if last:
        send_status(ls, last["state"], last["message"], grade=last.get("grade"), receipt=last.get("receipt"))
    else:
        send_rest(ls)


def refresh_completion(ls: AssayServer) -> None:
    """Send the last status again, a moment later, as reasons change with every key."""
    session = ls.session
    if session.telling_completion is None:

        def tell() -> None:
            session.telling_completion = None
            refresh_index(ls)

        session.telling_completion = asyncio.get_running_loop().call_later(_COMPLETION_EVERY, tell)


def _indexes(ls: AssayServer) -> list[dict[str, Any]]:
    known = ls.session.known_indexes()
    return [
        {
            "uri": ls.session.uri_in(root, "").rstrip("/"),
            "phase": client.progress.phase,
            "files": client.progress.files,
            "chunks": client.progress.chunks,
            "pending": client.progress.pending,
            "embedder": client.progress.embedder,
            "embedded": client.progress.embedded,
            "problem": client.progress.problem or client.progress.dense_problem,
        }
        for root, client in known.items()
    ]


def send_rest(ls: AssayServer, *, grade: str | None = None, receipt: str | None = None) -> None:
    """The state between commands: ready, or what is wrong with the sandbox or the settings."""
    session = ls.session
    if session.isolation is not None and session.isolation.name == "none":
        send_status(ls, "warning", session.isolation.detail, grade=grade, receipt=receipt)
    elif session.problems:
        count = len(session.problems)
        what = "A setting was" if count == 1 else f"{count} settings were"
        send_status(ls, "warning", f"{what} not used; the log says why.", grade=grade, receipt=receipt)
    else:
        send_status(ls, "ready", "Ready.", grade=grade, receipt=receipt)
