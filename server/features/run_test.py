"""assay.runTest: run tests in the sandbox, and show what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.arguments import Arguments, read_arguments
from server.documents import Snapshot
from server.errors import EXPECTED, BadArguments, NothingRuns, for_the_user
from server.features.diagnostics import show_run
from server.features.prepare import prepare, say
from server.features.status import send_rest
from server.session import Place
from server.work import Report, work_on

if TYPE_CHECKING:
    from sandbox.testrun import TestRun
    from server.app import AssayServer

RUN_TEST = "assay.runTest"
_LISTED = 1000  # outcomes in the result


async def run_test(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    arguments = read_arguments(params, "uri")
    name = (arguments.test or "").rpartition("::")[2]
    title = f"Assay: run {name or 'the tests'}"
    try:
        place = ls.session.place_of(arguments.uri)
        snapshots = ls.session.documents_in(place.root)
        result = await work_on(
            ls,
            title,
            place.root,
            params.work_done_token,
            lambda report: _run(ls, title, place, arguments, snapshots, report),
        )
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, title)
        say(ls, reason)
        send_rest(ls)
        return _result("refused" if isinstance(error, NothingRuns) else "failed", reason)
    if result is None:
        send_rest(ls)
        return _result("cancelled", "Cancelled.")
    return result


async def _run(
    ls: AssayServer,
    title: str,
    place: Place,
    arguments: Arguments,
    snapshots: Mapping[str, Snapshot],
    report: Report,
) -> dict[str, Any]:
    root = place.root
    prepared = await prepare(ls, root, snapshots, title, report)

    from sandbox.testrun import run_tests

    run = await run_tests(
        prepared.project,
        prepared.runner,
        selection=(arguments.test,) if arguments.test else prepared.settings.tests.selection,
        seconds=prepared.settings.sandbox.seconds,
        progress=report,
    )
    show_run(ls, root, run, snapshots)
    send_rest(ls)
    return _summary(run)


def _summary(run: TestRun) -> dict[str, Any]:
    failing = run.failing
    if run.detail:
        reason = run.detail[0].upper() + run.detail[1:] + "."
    elif failing:
        reason = f"{len(failing)} of {len(run.outcomes)} tests failed."
    else:
        reason = f"{len(run.outcomes)} test{'' if len(run.outcomes) == 1 else 's'} ran, and none failed."
    result = _result(run.status.value if run.detail else "failed" if failing else "ok", reason)
    result["tests"] = [
        {"id": case.id, "outcome": case.outcome, "line": case.line, "message": case.message[:500]}
        for case in run.outcomes[:_LISTED]
    ]
    result["seconds"] = round(run.seconds, 2)
    return result


def _result(status: str, reason: str) -> dict[str, Any]:
    """`status` is ok, failed, cancelled, refused, or how the sandbox ended."""
    return {"status": status, "reason": reason, "tests": [], "seconds": 0.0}
