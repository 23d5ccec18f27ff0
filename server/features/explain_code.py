"""assay.explainCode: what the code at a place is for and how it does it, in words with their source."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.acting import Asked, asked_at, model_of, settled, speaking, spot_of
from server.arguments import read_arguments
from server.errors import EXPECTED, BadArguments, for_the_user
from server.features.offering import explained
from server.features.prepare import say
from server.features.status import send_rest, send_status
from server.work import Report, work_on

if TYPE_CHECKING:
    from server.app import AssayServer

EXPLAIN_CODE = "assay.explainCode"
_SHOW_SECONDS = 10.0


async def explain_code(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """`{uri, line, endLine?, message?}` to `{text, sources, reason}`; `message` is a question about it."""
    arguments = read_arguments(params, "uri", "line")
    title = f"Assay: explain {' '.join(arguments.name.split())[:60] or 'the code'}"
    try:
        asked = asked_at(ls, title, arguments)
        result = await work_on(
            ls,
            title,
            asked.place.root,
            params.work_done_token,
            lambda report: _explain(ls, asked, report),
            takes_turn=False,
        )
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, title)
        explained(ls, "explain", grade="", reason=reason)
        say(ls, reason)
        send_rest(ls)
        return {"text": None, "sources": [], "reason": reason}
    send_rest(ls)
    return {"text": None, "sources": [], "reason": "Cancelled."} if result is None else result


async def _explain(ls: AssayServer, asked: Asked, report: Report) -> dict[str, Any]:
    from assist.actions.explain import explain
    from assist.actions.focus import selection_at

    settings = await settled(ls, asked.place.root)
    model = model_of(ls, settings, report)
    send_status(ls, "busy", asked.title)
    spot = await asyncio.to_thread(spot_of, asked)
    with speaking():
        focus = await asyncio.to_thread(selection_at, spot)
        found = await explain(model, focus, asked.arguments.message)
    explained(ls, "explain", grade="", reason="answered", model=model, paths=(spot.path,))
    await show_text(ls, found.text, f"explain {focus.name or spot.path}")
    sources = [
        {
            "uri": ls.session.uri_in(asked.place.root, each.path),
            "path": each.path,
            "range": lsp.Range(
                start=lsp.Position(line=each.first, character=0), end=lsp.Position(line=each.last + 1, character=0)
            ),
        }
        for each in found.sources
    ]
    return {"text": found.text, "sources": sources, "reason": "answered"}


async def show_text(ls: AssayServer, text: str, name: str) -> None:
    """Open it as a document where the editor can, else say it."""
    client = ls.session.client
    if client.text_content and client.show_document:
        uri = ls.session.proposals.keep_answer(text, name)
        shown = lsp.ShowDocumentParams(uri=uri, take_focus=True)
        try:
            await ls.protocol.ask(lsp.WINDOW_SHOW_DOCUMENT, shown, within=_SHOW_SECONDS)
        except JsonRpcException:
            pass  # then in words
        else:
            return
    ls.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Info, message=f"Assay: {text}"))
