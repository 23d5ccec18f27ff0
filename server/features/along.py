"""textDocument/didSave: after it, with the machine idle, the tests that touch what was saved.

Nobody asked for it, so nobody is interrupted: no message, no progress bar, and the user's own commands come first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.errors import EXPECTED, NotInWorkspace
from server.features import index
from server.features.configuration import ready_runner, refresh_settings
from server.features.diagnostics import show_run
from server.features.fix import title_of
from server.features.prepare import contents
from server.features.status import refresh_completion
from server.log import log_failure
from server.runtime import chosen_path, open_receipts
from server.session import Place
from workspace.trust import Trust

if TYPE_CHECKING:
    from assist.task import Outcome
    from sandbox.ports import Runner
    from sandbox.testrun import TestRun
    from server.app import AssayServer
    from server.settings import Settings
    from workspace.project import Project

KIND = "along"
_LOOK_EVERY = 0.5
"""Seconds between two looks whether the machine is idle."""
_LOOK_FOR = 600.0
_FIX_SECONDS = 60.0
"""For a fix that nobody asked for yet, at most."""
_FIX_TRIES = 2

_logger = logging.getLogger("assay.along")


def did_save(ls: AssayServer, params: lsp.DidSaveTextDocumentParams) -> None:
    index.did_save(ls, params)
    session = ls.session
    if session.settings.along.enabled != "on":
        return
    session.along.forget()
    try:
        place = session.place_of(params.text_document.uri)
    except NotInWorkspace:
        return
    if not place.path.endswith(".py"):
        return
    before = session.along.task if session.along.stop() else None
    session.along.task = session.spawn(_work(ls, place, before), "working along")


async def _work(ls: AssayServer, place: Place, before: asyncio.Task[Any] | None) -> None:
    """Wait, run, fix; what came of it stands in `assay/explain`."""
    if before is not None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({before})
    account: dict[str, Any] = {"tests": [], "how": "", "failing": [], "fix": None, "detail": ""}
    reason = "interrupted"
    try:
        reason = await _when_idle(ls, place, account)
    except EXPECTED as error:
        reason, account["detail"] = "unusable", str(error)
    except Exception as error:  # noqa: BLE001 - the task owner of what nobody asked to be told about
        log_failure(_logger, "working along", error)
        reason = "error"
    finally:
        _conclude(ls, place, reason, account)


async def _when_idle(ls: AssayServer, place: Place, account: dict[str, Any]) -> str:
    """The reason code; empty when tests were run."""
    session, along = ls.session, ls.session.along
    settings = refresh_settings(ls, place.root)
    if settings.along.enabled != "on":
        return "off"
    if settings.trust is not Trust.TRUSTED:
        return "untrusted"
    _say(ls, "waiting", f"Waiting for a quiet moment to test {place.path}.")
    until = time.monotonic() + _LOOK_FOR
    while True:
        now = time.monotonic()
        why = along.why_not_now(settings.along, session.typed_at, now)
        if why in ("battery", "budget"):
            return why
        if not why and not session.work.active:
            break
        if now > until:
            return "busy_machine"
        await asyncio.sleep(_LOOK_EVERY)
    async with session.work.turn(place.root):
        return await _run(ls, place, settings, account)


async def _run(ls: AssayServer, place: Place, settings: Settings, account: dict[str, Any]) -> str:
    from sandbox.testrun import run_tests
    from server.along import stamp_of
    from workspace.project import open_project

    session, along = ls.session, ls.session.along
    runner = await ready_runner(ls, settings)
    if runner.isolation.name == "none":
        return "no_sandbox"
    snapshots = session.documents_in(place.root)
    project = await asyncio.to_thread(
        open_project,
        place.root,
        python=chosen_path(settings.python),
        overlay=contents(snapshots),
        env=session.configuration.env,
    )
    stamp = await asyncio.to_thread(stamp_of, project)
    how, selection = await asyncio.to_thread(_choose, project, place.path, along.seen(place.root, place.path))
    account["tests"], account["how"] = list(selection), how
    if not selection:
        return "no_tests"
    _say(ls, "running", f"Running the tests that touch {place.path}.")
    began = time.monotonic()
    try:
        left = along.spending.left(settings.along.seconds_per_hour)
        run = await run_tests(project, runner, selection=selection, seconds=min(left, settings.sandbox.seconds))
        show_run(ls, place.root, run, snapshots)
        account["failing"] = [case.id for case in run.failing]
        if run.detail:
            account["detail"] = run.detail
            return "unusable"
    finally:
        along.spending.spend(time.monotonic() - began)
    if run.failing:
        await _prepare_fix(ls, project, runner, settings, run, stamp, account)
    return ""


async def _prepare_fix(
    ls: AssayServer,
    project: Project,
    runner: Runner,
    settings: Settings,
    run: TestRun,
    stamp: str,
    account: dict[str, Any],
) -> None:
    """Look for a verified fix of the first failure with what is left to spend. No model is asked: that is for those
    who ask for a fix."""
    from assist.edit import fix
    from assist.repair import SearchRepair
    from assist.task import Budget, Task
    from server.along import Ready

    along = ls.session.along
    left = min(_FIX_SECONDS, along.spending.left(settings.along.seconds_per_hour))
    if left < 1:
        return
    test = run.failing[0].id
    _say(ls, "fixing", f"Looking for a fix of {test.rpartition('::')[2]}.")
    task = Task(kind="make_test_pass", root=project.root, test=test, overlay=project.overlay)
    began = time.monotonic()
    try:
        found = await fix(
            task, project, runner, [SearchRepair(runner, project)], budget=Budget(seconds=left, tries=_FIX_TRIES)
        )
    finally:
        along.spending.spend(time.monotonic() - began)
    if found.receipt is not None:
        await asyncio.to_thread(open_receipts(ls.session.configuration.env).save, found.receipt)
        along.learn(project.root, found.receipt)
    if found.edit is None or found.grade != "verified":
        return
    title = title_of(found.edit, found.grade, found.receipt)
    along.keep(Ready(root=project.root, test=test, title=title, outcome=found, project=project, stamp=stamp))
    account["fix"] = _fix(found, title)


def _fix(found: Outcome, title: str) -> dict[str, Any]:
    receipt = found.receipt.id if found.receipt is not None else None
    return {"title": title, "grade": found.grade, "receipt": receipt}


def _choose(project: Project, path: str, seen: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    from assist.along.choose import choose
    from workspace.conventions import read_conventions

    files = [each for each in project.files if each.endswith(".py")]
    sources = {each: content for each in files if (content := project.read(each)) is not None}
    choice = choose(path, sources, seen, read_conventions(project.root))
    return choice.how, choice.selection


def _say(ls: AssayServer, state: str, message: str) -> None:
    ls.session.along.state, ls.session.along.message = state, message
    refresh_completion(ls)


def _conclude(ls: AssayServer, place: Place, reason: str, account: Mapping[str, Any]) -> None:
    from assist.along.reasons import sentence

    session = ls.session
    left = session.along.spending.left(session.settings.along.seconds_per_hour)
    failing, tests = len(account["failing"]), len(account["tests"])
    message = sentence(reason) if reason else "Nothing fails." if not failing else f"{failing} failed."
    _logger.info("along reason=%s how=%s tests=%d failing=%d left=%.0f", reason or "ran", account["how"] or "-", tests,
                 failing, left)  # fmt: skip
    uri = session.uri_in(place.root, place.path)
    session.explain(KIND, {"kind": KIND, "uri": uri, "reason": reason or None, "message": message, **account,
                           "secondsLeft": round(left, 1)})  # fmt: skip
    if session.along.task is asyncio.current_task():
        _say(ls, "resting", message)
