"""assay.commitMessage: a message for what is staged, else for the working tree."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.acting import model_of, settled, speaking
from server.arguments import read_arguments
from server.documents import Snapshot
from server.errors import EXPECTED, BadArguments, for_the_user
from server.features.offering import explained
from server.features.prepare import say
from server.features.status import send_rest, send_status
from server.session import Place
from server.work import Report, work_on

if TYPE_CHECKING:
    from server.app import AssayServer

COMMIT_MESSAGE = "assay.commitMessage"
_TITLE = "Assay: write a commit message"


async def commit_message(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """`{uri}` to `{message, staged, paths, reason}`; the uri names the workspace."""
    arguments = read_arguments(params, "uri")
    try:
        place = ls.session.place_of(arguments.uri)
        snapshots = ls.session.documents_in(place.root)
        result = await work_on(
            ls,
            _TITLE,
            place.root,
            params.work_done_token,
            lambda report: _write(ls, place, snapshots, report),
            takes_turn=False,
        )
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, _TITLE)
        explained(ls, "commit", grade="", reason=reason)
        say(ls, reason)
        send_rest(ls)
        return _result(reason)
    send_rest(ls)
    return _result("Cancelled.") if result is None else result


async def _write(ls: AssayServer, place: Place, snapshots: Mapping[str, Snapshot], report: Report) -> dict[str, Any]:
    from assist.actions.commit_message import write_commit_message
    from workspace.changes import staged_changes, working_changes

    settings = await settled(ls, place.root)
    model = model_of(ls, settings, report)
    send_status(ls, "busy", _TITLE)
    report("looking at what changed")
    buffers = {path: snapshot.text for path, snapshot in snapshots.items()}
    staged = await asyncio.to_thread(staged_changes, place.root)
    working = staged if staged.edit.changes else await asyncio.to_thread(working_changes, place.root, buffers)
    with speaking():
        found = await write_commit_message(model, place.root, staged, working)
    explained(ls, "commit", grade="", reason="answered", model=model, paths=found.paths)
    what = "what is staged" if found.staged else "the working tree, since nothing is staged"
    message = lsp.ShowMessageParams(type=lsp.MessageType.Info, message=f"Assay: for {what}:\n{found.text}")
    ls.window_show_message(message)
    return _result(" ".join(found.notes) or "answered", found.text, staged=found.staged, paths=found.paths)


def _result(
    reason: str, message: str | None = None, *, staged: bool = False, paths: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"message": message, "staged": staged, "paths": list(paths), "reason": reason}
