"""assay.fixProblem, assay.makeTestPass, assay.fixFunction: find an edit, see it work, apply it, or say why not."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.applying import CONFIRM_SECONDS, apply_edit, moved_on
from server.arguments import Arguments, read_arguments
from server.documents import Snapshot
from server.errors import EXPECTED, BadArguments, CommandError, NothingRuns, for_the_user
from server.features.diagnostics import mark_passed
from server.features.prepare import contents, prepare, say
from server.features.status import send_rest
from server.runtime import make_proposers, open_receipts
from server.session import Place, key_of
from server.work import Report, work_on

if TYPE_CHECKING:
    from assist.task import Kind, Outcome
    from sandbox.receipt import Receipt
    from server.app import AssayServer
    from workspace.edit import Edit

FIX_PROBLEM = "assay.fixProblem"
MAKE_TEST_PASS = "assay.makeTestPass"  # noqa: S105 - no password
FIX_FUNCTION = "assay.fixFunction"

_RUN_AGAIN = "Run again"

_logger = logging.getLogger("assay.fix")


async def fix_problem(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    arguments = read_arguments(params, "uri", "line", "message")
    return await _run(ls, params, arguments, "fix_problem", f"Assay: fix “{_short(arguments.message)}”")


async def make_test_pass(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    arguments = read_arguments(params, "uri", "test")
    name = (arguments.test or "").rpartition("::")[2]
    return await _run(ls, params, arguments, "make_test_pass", f"Assay: make {_short(name)} pass")


async def fix_function(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    arguments = read_arguments(params, "uri", "line")
    return await _run(ls, params, arguments, "fix_function", f"Assay: fix {_short(arguments.name) or 'the function'}")


def action_key(kind: Kind, arguments: Arguments) -> str:
    """What the action is, apart from the document's version: the same for a code action and the command behind it."""
    if kind == "make_test_pass":
        return f"{kind} {arguments.test}"
    return f"{kind} {arguments.line} {arguments.message or arguments.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One command with all it rests on, taken before the first `await`."""

    kind: Kind
    title: str
    params: lsp.ExecuteCommandParams
    arguments: Arguments
    place: Place
    version: int | None
    snapshots: Mapping[str, Snapshot]
    """Open documents by path."""


async def _run(
    ls: AssayServer, params: lsp.ExecuteCommandParams, arguments: Arguments, kind: Kind, title: str
) -> dict[str, Any]:
    """The command's result. What the user can do something about is said once, in a message and in the result."""
    try:
        asked = _snapshot(ls, params, arguments, kind, title)
        result = await work_on(
            ls, title, asked.place.root, params.work_done_token, lambda report: _fix(ls, asked, report)
        )
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, title)
        grade = "unverified" if isinstance(error, NothingRuns) else "failed"
        say(ls, reason)
        send_rest(ls, grade=grade)
        return _result(grade, reason)
    if result is None:
        send_rest(ls)
        return _result("failed", "Cancelled.")
    return result


def _snapshot(ls: AssayServer, params: lsp.ExecuteCommandParams, arguments: Arguments, kind: Kind, title: str) -> Asked:
    """:raises CommandError: the document moved on since the action was offered, or is not the editor's any more."""
    session = ls.session
    place = session.place_of(arguments.uri)
    document = session.snapshot(arguments.uri)
    about_a_line = kind != "make_test_pass"
    if document is not None and about_a_line and arguments.version not in (None, document.version):
        raise CommandError(f"{place.path} has changed since this was offered; ask for the actions again.")
    return Asked(
        kind=kind,
        title=title,
        params=params,
        arguments=arguments,
        place=place,
        version=document.version if document is not None else None,
        snapshots=session.documents_in(place.root),
    )


async def _fix(ls: AssayServer, asked: Asked, report: Report) -> dict[str, Any]:
    along, test = ls.session.known_along, asked.arguments.test
    if asked.kind == "make_test_pass" and along is not None and test is not None:
        ready = await along.take(asked.place.root, test, contents(asked.snapshots))
        if ready is not None:
            return await _conclude(ls, asked, ready)
    prepared = await prepare(ls, asked.place.root, asked.snapshots, asked.title, report)
    settings, runner, project = prepared.settings, prepared.runner, prepared.project

    from assist.edit import fix
    from assist.task import Budget, Task

    arguments = asked.arguments
    task = Task(
        kind=asked.kind,
        root=project.root,
        test=arguments.test,
        path=asked.place.path,
        line=arguments.line,
        message=arguments.message,
        overlay=project.overlay,
    )
    budget = Budget(seconds=settings.budget.seconds, tries=settings.budget.tries)
    proposers = make_proposers(ls.session.models.get(settings), runner, project)
    outcome = await fix(task, project, runner, proposers, budget=budget, progress=report)
    if outcome.receipt is not None:
        await asyncio.to_thread(open_receipts(ls.session.configuration.env).save, outcome.receipt)
        if along is not None:
            along.learn(asked.place.root, outcome.receipt)
    return await _conclude(ls, asked, outcome)


async def _conclude(ls: AssayServer, asked: Asked, outcome: Outcome) -> dict[str, Any]:
    """Apply the edit if there is one, and say how it ended."""
    session = ls.session
    receipt = outcome.receipt.id if outcome.receipt is not None else None
    if outcome.edit is None:
        say(ls, outcome.reason)
        send_rest(ls, grade=outcome.grade, receipt=receipt)
        return _result(outcome.grade, outcome.reason, receipt=receipt)
    title = title_of(outcome.edit, outcome.grade, outcome.receipt)
    if asked.version is not None:
        key = action_key(asked.kind, asked.arguments)
        session.results.keep_fix(key_of(asked.arguments.uri), key, asked.version, title)
    problem = await _apply(ls, asked, outcome.edit, outcome.grade)
    if problem is None:
        ls.report(lsp.MessageType.Info, f"Assay: {title}. {outcome.reason}")
        if outcome.receipt is not None:
            mark_passed(ls, asked.place.root, outcome.receipt)
    send_rest(ls, grade=outcome.grade, receipt=receipt)
    reason = outcome.reason if problem is None else f"{problem} {outcome.reason}"
    return _result(outcome.grade, reason, receipt=receipt, applied=problem is None, title=title)


def title_of(edit: Edit, grade: str, receipt: Receipt | None) -> str:
    """`Fix: compare with <= (verified, 12 tests)`: the tests are those that passed and touch the change."""
    passed = [test for test in receipt.tests if test.after == "passed"] if receipt is not None else []
    count = len([test for test in passed if test.touches] or passed)
    tests = f", {count} test{'' if count == 1 else 's'}" if count else ""
    return f"Fix: {edit.title or 'change the code'} ({grade}{tests})"


async def _apply(ls: AssayServer, asked: Asked, edit: Edit, grade: str) -> str | None:
    """Have the editor apply the edit; None when it did, else one sentence that says why not."""
    moved = moved_on(ls, asked.place.root, edit)
    if moved:
        several = "have" if len(moved) > 1 else "has"
        names = ", ".join(moved[:3])
        problem = f"{names} {several} changed while the fix was being tested, so it was not applied; run it again."
        ls.session.spawn(_offer_again(ls, asked, problem), "offer to run again")
        return problem
    problem = await apply_edit(ls, asked.place.root, edit, grade)
    if problem is not None:
        say(ls, problem)
    return problem


async def _offer_again(ls: AssayServer, asked: Asked, problem: str) -> None:
    action = lsp.MessageActionItem(title=_RUN_AGAIN)
    params = lsp.ShowMessageRequestParams(type=lsp.MessageType.Warning, message=f"Assay: {problem}", actions=[action])
    try:
        chosen: lsp.MessageActionItem | None = await ls.protocol.ask(
            lsp.WINDOW_SHOW_MESSAGE_REQUEST, params, within=CONFIRM_SECONDS
        )
    except JsonRpcException:
        return
    if chosen is None or chosen.title != _RUN_AGAIN:
        return
    arguments = dataclasses.replace(asked.arguments, version=None)
    fresh = lsp.ExecuteCommandParams(command=asked.params.command, arguments=[arguments.plain()])
    await _run(ls, fresh, arguments, asked.kind, asked.title)


def _result(
    grade: str, reason: str, *, receipt: str | None = None, applied: bool = False, title: str | None = None
) -> dict[str, Any]:
    return {"grade": grade, "receipt": receipt, "reason": reason, "applied": applied, "title": title}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
