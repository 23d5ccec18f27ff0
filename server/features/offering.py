"""How a tried edit reaches its user: applied, shown first, or kept until it is asked for; and what the result says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.applying import CONFIRM_SECONDS, apply_edit, can_ask, moved_on
from server.features.prepare import say
from server.features.status import send_rest
from server.proposals import DIFF_SCHEME

if TYPE_CHECKING:
    from assist.actions.ask import Exchange, Model
    from sandbox.receipt import Receipt
    from server.app import AssayServer
    from server.proposals import Proposal

_APPLY = "Apply"
_SHOW_SECONDS = 10.0
_HUNKS = 200  # in a result; an edit of more is taken or left as a whole
_HUNK_TEXT = 2000  # characters of a hunk in a result

KIND = "action"
"""Of `assay/explain`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What came of an action."""

    proposal: Proposal | None
    """None when there is no edit that may be offered."""
    grade: str
    reason: str
    receipt: Receipt | None


async def conclude(ls: AssayServer, ready: Ready) -> dict[str, Any]:
    """Have the edit applied, or show it first, as the settings and the editor want; the command's result.

    Nothing is applied to files that are not any more what the edit was made against.
    """
    receipt = ready.receipt.id if ready.receipt is not None else None
    proposal = ready.proposal
    moved = "" if proposal is None else _moved(ls, proposal)
    if proposal is None or moved:
        reason = f"{moved} {ready.reason}".strip()
        say(ls, reason)
        send_rest(ls, grade=ready.grade, receipt=receipt)
        return result_of(ready.grade, reason, receipt=receipt)
    ls.session.proposals.keep(proposal)
    shown_first = ls.session.settings.edits.preview == "always" and not can_ask(ls)
    if shown_first:
        ls.session.spawn(_offer(ls, proposal), "offer an edit")
        reason = f"{ready.reason} It waits to be accepted."
        send_rest(ls, grade=ready.grade, receipt=receipt)
        return result_of(ready.grade, reason, receipt=receipt, proposal=proposal, ls=ls)
    problem = await apply_edit(ls, proposal.root, proposal.edit, proposal.grade)
    if problem is None:
        ls.report(lsp.MessageType.Info, f"Assay: {proposal.title}. {ready.reason}")
    else:
        say(ls, problem)
    send_rest(ls, grade=ready.grade, receipt=receipt)
    reason = ready.reason if problem is None else f"{problem} {ready.reason}"
    return result_of(ready.grade, reason, receipt=receipt, applied=problem is None, proposal=proposal, ls=ls)


def _moved(ls: AssayServer, proposal: Proposal) -> str:
    """Why the edit no longer fits, as a sentence; empty when it does."""
    moved = moved_on(ls, proposal.root, proposal.edit)
    if not moved:
        return ""
    has = "has" if len(moved) == 1 else "have"
    return f"{', '.join(moved[:3])} {has} changed while this was done, so it was not applied; ask again."


def result_of(
    grade: str,
    reason: str,
    *,
    receipt: str | None = None,
    applied: bool = False,
    proposal: Proposal | None = None,
    ls: AssayServer | None = None,
) -> dict[str, Any]:
    """A fix's result, with `proposal` beside it: what `assay.applyHunks` can still apply."""
    title = proposal.title if proposal is not None else None
    kept = _proposal_json(ls, proposal) if proposal is not None and ls is not None else None
    return {"grade": grade, "receipt": receipt, "reason": reason, "applied": applied, "title": title, "proposal": kept}


def explained(
    ls: AssayServer,
    action: str,
    *,
    grade: str,
    reason: str,
    model: Model | None = None,
    paths: tuple[str, ...] = (),
    receipt: Receipt | None = None,
    seconds: float = 0.0,
) -> None:
    """Keep for `assay/explain` how an action came about."""
    exchanges = model.exchanges if model is not None else []
    ls.session.explain(
        KIND,
        {
            "kind": KIND,
            "action": action,
            "grade": grade,
            "reason": reason,
            "model": model.name if model is not None else None,
            "requests": [_exchange_json(each) for each in exchanges],
            "context": list(paths),
            "receipt": receipt.id if receipt is not None else None,
            "seconds": seconds,
        },
    )


def _exchange_json(exchange: Exchange) -> dict[str, Any]:
    finished = exchange.finished
    usage = finished.usage if finished is not None else None
    return {
        "firstSeconds": None if exchange.first_seconds is None else round(exchange.first_seconds, 3),
        "seconds": round(exchange.seconds, 3),
        "ended": finished.reason if finished is not None else None,
        "backend": finished.backend or None if finished is not None else None,
        "promptTokens": usage.prompt if usage is not None else None,
        "cachedTokens": usage.cached if usage is not None else None,
        "completionTokens": usage.completion if usage is not None else None,
    }


def preview_uri(proposal: Proposal, path: str) -> str:
    from urllib.parse import quote

    return f"{DIFF_SCHEME}:/{proposal.id}/{quote(path)}"


def _proposal_json(ls: AssayServer, proposal: Proposal) -> dict[str, Any]:
    from assist.actions.hunks import hunks_of

    hunks = [
        {
            "number": hunk.number,
            "path": hunk.path,
            "line": hunk.first,
            "endLine": hunk.end,
            "before": hunk.before.decode("utf-8", "replace")[:_HUNK_TEXT],
            "after": hunk.after.decode("utf-8", "replace")[:_HUNK_TEXT],
        }
        for hunk in hunks_of(proposal.edit)[:_HUNKS]
    ]
    files = [
        {
            "path": change.path,
            "uri": ls.session.uri_in(proposal.root, change.path),
            "preview": preview_uri(proposal, change.path) if ls.session.client.text_content else None,
        }
        for change in proposal.edit.changes
        if change.after is not None
    ]
    return {"id": proposal.id, "hunks": hunks, "files": files}


async def _offer(ls: AssayServer, proposal: Proposal) -> None:
    """Show the edit where the editor has a way to, and ask whether to apply it."""
    client = ls.session.client
    if client.text_content and client.show_document and proposal.edit.changes[0].after is not None:
        shown = lsp.ShowDocumentParams(uri=preview_uri(proposal, proposal.edit.changes[0].path), take_focus=False)
        with suppress(JsonRpcException):  # then in words
            await ls.protocol.ask(lsp.WINDOW_SHOW_DOCUMENT, shown, within=_SHOW_SECONDS)
    action = lsp.MessageActionItem(title=_APPLY)
    message = f"Assay: {proposal.title}. {proposal.reason}"
    params = lsp.ShowMessageRequestParams(type=lsp.MessageType.Info, message=message, actions=[action])
    try:
        chosen: lsp.MessageActionItem | None = await ls.protocol.ask(
            lsp.WINDOW_SHOW_MESSAGE_REQUEST, params, within=CONFIRM_SECONDS
        )
    except JsonRpcException:
        return
    if chosen is None or chosen.title != _APPLY:
        return
    if moved := moved_on(ls, proposal.root, proposal.edit):
        say(ls, f"{moved[0]} has changed since, so the edit was not applied; ask again.")
    elif (problem := await apply_edit(ls, proposal.root, proposal.edit, proposal.grade, preview="never")) is not None:
        say(ls, problem)
