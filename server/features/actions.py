"""assay.document, writeTests, addTypes, simplify, rewrite: an edit that a model writes and the sandbox tries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.acting import Asked, asked_at, bench_for, model_of, settled, speaking, spot_of
from server.arguments import Arguments, read_arguments
from server.errors import EXPECTED, BadArguments, for_the_user
from server.features.offering import Ready, conclude, explained, result_of
from server.features.prepare import say
from server.features.status import send_rest, send_status
from server.proposals import Proposal, new_id
from server.runtime import open_receipts
from server.work import Report, work_on

if TYPE_CHECKING:
    from assist.actions.kinds import EditKind
    from assist.actions.perform import Performed
    from server.app import AssayServer

DOCUMENT = "assay.document"
WRITE_TESTS = "assay.writeTests"
ADD_TYPES = "assay.addTypes"
SIMPLIFY = "assay.simplify"
REWRITE = "assay.rewrite"

_DOING: dict[EditKind, str] = {
    "document": "document",
    "tests": "write tests for",
    "types": "add types to",
    "simplify": "simplify",
    "rewrite": "rewrite",
}


async def document(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    return await _act(ls, params, read_arguments(params, "uri", "line"), "document")


async def tests(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    return await _act(ls, params, read_arguments(params, "uri", "line"), "tests")


async def types(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    return await _act(ls, params, read_arguments(params, "uri", "line"), "types")


async def simplify(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    return await _act(ls, params, read_arguments(params, "uri", "line"), "simplify")


async def rewrite(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    return await _act(ls, params, read_arguments(params, "uri", "line"), "rewrite")


async def _act(
    ls: AssayServer, params: lsp.ExecuteCommandParams, arguments: Arguments, kind: EditKind
) -> dict[str, Any]:
    """The command's result. What the user can do something about is said once, in a message and in the result."""
    name = " ".join(arguments.name.split())[:60]
    title = f"Assay: {_DOING[kind]} {name or 'the code'}"
    try:
        asked = asked_at(ls, title, arguments)
        result = await work_on(
            ls, title, asked.place.root, params.work_done_token, lambda report: _run(ls, asked, kind, report)
        )
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, title)
        explained(ls, kind, grade="failed", reason=reason)
        say(ls, reason)
        send_rest(ls, grade="failed")
        return result_of("failed", reason)
    if result is None:
        send_rest(ls)
        return result_of("failed", "Cancelled.")
    return result


async def _run(ls: AssayServer, asked: Asked, kind: EditKind, report: Report) -> dict[str, Any]:
    from assist.actions.kinds import is_run
    from assist.actions.perform import perform
    from assist.task import Budget

    root = asked.place.root
    settings = await settled(ls, root)
    model = model_of(ls, settings, report)
    spot = await asyncio.to_thread(spot_of, asked)
    send_status(ls, "busy", asked.title)
    runs = is_run(spot.path)
    bench = await bench_for(ls, root, asked.snapshots, settings, asked.title, report, runs=runs)
    budget = Budget(seconds=settings.budget.seconds, tries=settings.budget.tries)
    with speaking():
        performed = await perform(
            kind, model, root, spot, bench, instruction=asked.arguments.instruction, budget=budget
        )
    outcome = performed.outcome
    if outcome.receipt is not None:
        await asyncio.to_thread(open_receipts(ls.session.configuration.env).save, outcome.receipt)
    explained(
        ls, kind, grade=outcome.grade, reason=outcome.reason, model=model, paths=performed.context,
        receipt=outcome.receipt, seconds=outcome.seconds,
    )  # fmt: skip
    return await conclude(ls, _ready(asked, kind, performed, model.name))


def _ready(asked: Asked, kind: EditKind, performed: Performed, model: str) -> Ready:
    outcome = performed.outcome
    proposal = None
    if outcome.edit is not None:
        proposal = Proposal(
            id=new_id(),
            root=asked.place.root,
            edit=outcome.edit,
            kind=kind,
            grade=outcome.grade,
            reason=outcome.reason,
            title=_title(performed),
            model=model,
            context=performed.context,
        )
    return Ready(proposal=proposal, grade=outcome.grade, reason=outcome.reason, receipt=outcome.receipt)


def _title(performed: Performed) -> str:
    """`Simplify total (verified, 12 tests)`: the tests are those that passed and touch the change."""
    outcome = performed.outcome
    what = (outcome.edit.title if outcome.edit else "") or performed.focus.title
    receipt = outcome.receipt
    passed = [test for test in receipt.tests if test.after == "passed" and test.touches] if receipt else []
    tests = f", {len(passed)} test{'' if len(passed) == 1 else 's'}" if passed else ""
    return f"{what[:1].upper()}{what[1:]} ({outcome.grade}{tests})"
