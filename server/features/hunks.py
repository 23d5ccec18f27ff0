"""assay.applyHunks and workspace/textDocumentContent: an edit that was kept is shown, and taken whole or by parts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from server.acting import bench_for, settled, speaking
from server.applying import apply_edit, moved_on
from server.arguments import Arguments, read_arguments
from server.errors import EXPECTED, BadArguments, CommandError, for_the_user
from server.features.offering import result_of
from server.features.prepare import say
from server.features.status import send_rest
from server.proposals import ANSWER_SCHEME, DIFF_SCHEME, Proposal
from server.runtime import open_receipts
from server.sources import decode
from server.work import Report, work_on

if TYPE_CHECKING:
    from sandbox.receipt import Receipt
    from server.app import AssayServer
    from workspace.edit import Edit

APPLY_HUNKS = "assay.applyHunks"


async def apply_hunks(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """`{id, hunks?}`: apply a kept edit in one step of undo. A part of it is verified as an edit of its own."""
    arguments = read_arguments(params, "id")
    title = "Assay: apply an edit"
    try:
        proposal = _proposal(ls, arguments.id or "")
        result = await work_on(
            ls, title, proposal.root, params.work_done_token,
            lambda report: _apply(ls, proposal, arguments, title, report),
        )  # fmt: skip
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, title)
        say(ls, reason)
        send_rest(ls)
        return result_of("failed", reason)
    if result is None:
        send_rest(ls)
        return result_of("failed", "Cancelled.")
    return result


def text_document_content(ls: AssayServer, params: lsp.TextDocumentContentParams) -> lsp.TextDocumentContentResult:
    """A file as a kept edit would leave it, or an answer.

    :raises JsonRpcInvalidParams: there is nothing of this uri any more.
    """
    parts = urlsplit(params.uri)
    key, _, path = unquote(parts.path).lstrip("/").partition("/")
    kept = ls.session.proposals
    if parts.scheme == ANSWER_SCHEME and key in kept.answers:
        return lsp.TextDocumentContentResult(text=kept.answers[key])
    if parts.scheme == DIFF_SCHEME and key in kept.edits:
        for change in kept.edits[key].edit.changes:
            if change.path == path and change.after is not None:
                return lsp.TextDocumentContentResult(text=decode(change.after))
    raise JsonRpcInvalidParams("This is not kept any more; ask for it again.")


def _proposal(ls: AssayServer, wanted: str) -> Proposal:
    proposal = ls.session.proposals.edits.get(wanted)
    if proposal is None:
        raise CommandError("There is no edit of this id any more; the newest 20 are kept. Ask for it again.")
    return proposal


async def _apply(
    ls: AssayServer, proposal: Proposal, arguments: Arguments, title: str, report: Report
) -> dict[str, Any]:
    from assist.actions.hunks import with_hunks

    with speaking():
        edit = proposal.edit if arguments.hunks is None else with_hunks(proposal.edit, arguments.hunks)
    if moved := moved_on(ls, proposal.root, edit):
        raise CommandError(f"{moved[0]} has changed since this edit was made; ask for it again.")
    grade, reason, receipt = proposal.grade, proposal.reason, None
    if edit != proposal.edit:
        tried = await _try(ls, proposal, edit, title, report)
        await asyncio.to_thread(open_receipts(ls.session.configuration.env).save, tried)
        grade, reason, receipt = tried.grade.value, tried.reason, tried.id
    if grade == "failed":
        problem: str | None = "This part of the edit does not hold, so it was not applied."
    elif moved := moved_on(ls, proposal.root, edit):
        problem = f"{moved[0]} has changed meanwhile, so nothing was applied; ask again."
    else:
        problem = await apply_edit(ls, proposal.root, edit, grade, preview="never")
    if problem is None:
        ls.session.proposals.edits.pop(proposal.id, None)
    else:
        say(ls, problem)
    send_rest(ls, grade=grade, receipt=receipt)
    text = reason if problem is None else f"{problem} {reason}"
    return result_of(grade, text, receipt=receipt, applied=problem is None)


async def _try(ls: AssayServer, proposal: Proposal, edit: Edit, title: str, report: Report) -> Receipt:
    from assist.actions.judges import judge_edit
    from assist.actions.kinds import is_run
    from assist.actions.seek import unrun

    if proposal.kind == "tests":
        why = "This is a part of tests that were run together."
        return unrun(edit, why, model=proposal.model, context=proposal.context)
    settings = await settled(ls, proposal.root)
    runs = all(is_run(change.path) for change in edit.changes)
    snapshots = ls.session.documents_in(proposal.root)
    bench = await bench_for(ls, proposal.root, snapshots, settings, title, report, runs=runs)
    return await judge_edit(edit, bench, model=proposal.model, context=proposal.context)
