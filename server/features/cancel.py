"""assay.cancel and window/workDoneProgress/cancel: stop what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.arguments import read_arguments

if TYPE_CHECKING:
    from server.app import AssayServer

CANCEL = "assay.cancel"


async def cancel(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """`{uri}` for the commands of that document's workspace, `{}` for all and for answers; how many were cancelled."""
    arguments = read_arguments(params)
    root = ls.session.place_of(arguments.uri).root if arguments.uri else None
    cancelled = ls.session.work.cancel(root=root)
    if root is None and (chatting := ls.session.known_chatting) is not None:
        cancelled += chatting.cancel()
    if (along := ls.session.known_along) is not None:
        cancelled += along.stop()
    return {"cancelled": cancelled}


def progress_cancelled(ls: AssayServer, params: lsp.WorkDoneProgressCancelParams) -> None:
    ls.session.work.cancel(token=params.token)
    if (chatting := ls.session.known_chatting) is not None:
        chatting.cancel(params.token)
