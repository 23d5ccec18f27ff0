"""textDocument/publishDiagnostics: tests that failed in the sandbox, at the line of the assertion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.documents import Snapshot
from server.results import Shown, TestResult
from server.reviews import Found
from server.session import key_of

if TYPE_CHECKING:
    from sandbox.receipt import Receipt
    from sandbox.testrun import TestRun
    from server.app import AssayServer

SOURCE = "assay"
REVIEW_SOURCE = "assay review"
_SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "hint": lsp.DiagnosticSeverity.Hint,
}
_LOOK_SECONDS = 0.5
_MESSAGE = 2000  # characters of a failure that go into a diagnostic
_REFRESH_SECONDS = 5.0


def show_run(ls: AssayServer, root: Path, run: TestRun, before: Mapping[str, Snapshot]) -> None:
    """Take over what a run said.

    :param before: the open documents as they were run, by path. Lines in one that has changed since mean nothing.
    """
    session = ls.session
    now = session.documents_in(root)
    for case in run.outcomes:
        session.results.tests[root, case.id] = TestResult(
            outcome=case.outcome, path=case.path, line=case.line, message=case.message
        )
        path = case.path or case.id.partition("::")[0]
        uri = session.uri_in(root, path)
        shown = session.results.shown.setdefault(key_of(uri), {})
        shown.pop(case.id, None)
        is_failure = case.outcome in ("failed", "error")
        if is_failure and case.line is not None and _text(now, path) == _text(before, path):
            shown[case.id] = Shown(test=case.id, line=case.line, message=case.message)
    for path in {case.path or case.id.partition("::")[0] for case in run.outcomes}:
        _publish(ls, session.uri_in(root, path), now.get(path), root / path)
    refresh_lenses(ls)


def mark_passed(ls: AssayServer, root: Path, receipt: Receipt) -> None:
    """A fix was applied, so what its receipt shows to pass is no longer shown to fail."""
    results = ls.session.results
    now = ls.session.documents_in(root)
    for test in receipt.tests:
        if test.after == "passed" and (root, test.id) in results.tests:
            results.tests[root, test.id] = TestResult(outcome="passed")
            path = test.id.partition("::")[0]
            uri = ls.session.uri_in(root, path)
            if results.shown.get(key_of(uri), {}).pop(test.id, None) is not None:
                _publish(ls, uri, now.get(path), root / path)
    refresh_lenses(ls)


def clear(ls: AssayServer, uri: str) -> None:
    """A document changed or was closed: its lines are no longer those that were run."""
    session, key = ls.session, key_of(uri)
    ran = session.results.shown.pop(key, None)
    if session.reviews.of(key):
        _look_again_soon(ls, uri)
    elif ran:
        document = session.document(uri)
        _send(ls, uri, document.version if document is not None else None, [])


def show_review(ls: AssayServer, root: Path, uris: Iterable[str]) -> None:
    """Publish what a review found in these documents, beside the tests that failed there."""
    now = ls.session.documents_in(root)
    for uri in uris:
        path = ls.session.place_of(uri).path
        _publish(ls, uri, now.get(path), root / path)


def _look_again_soon(ls: AssayServer, uri: str) -> None:
    """Findings keep to their lines while somebody types; where these are now is looked up when the typing rests."""
    session, key = ls.session, key_of(uri)
    if (timer := session.looking.pop(key, None)) is not None:
        timer.cancel()

    def look() -> None:
        session.looking.pop(key, None)
        document = session.document(uri)
        if document is not None and document.in_sync:
            snapshot = document.snapshot()
            session.reviews.follow(key, snapshot.text)
            _publish(ls, uri, snapshot, Path())

    session.looking[key] = asyncio.get_running_loop().call_later(_LOOK_SECONDS, look)


def refresh_lenses(ls: AssayServer) -> None:
    if ls.session.client.lens_refresh:
        ls.session.spawn(_refresh_lenses(ls), "refresh lenses")


async def _refresh_lenses(ls: AssayServer) -> None:
    try:
        await ls.protocol.ask(lsp.WORKSPACE_CODE_LENS_REFRESH, None, within=_REFRESH_SECONDS)
    except JsonRpcException:
        return


def _publish(ls: AssayServer, uri: str, snapshot: Snapshot | None, file: Path) -> None:
    shown = ls.session.results.shown.get(key_of(uri), {})
    findings = ls.session.reviews.of(key_of(uri))
    if snapshot is None and (shown or findings):
        try:
            text = file.read_text("utf-8")
        except (OSError, ValueError):
            text = ""
        snapshot = Snapshot(uri, 0, "python", text, ls.session.encoding)
        version = None
    else:
        version = snapshot.version if snapshot is not None else None
    index = snapshot.index() if snapshot is not None else None
    diagnostics = [
        lsp.Diagnostic(
            range=index.whole_line(failure.line),
            severity=lsp.DiagnosticSeverity.Error,
            source=SOURCE,
            code=failure.test.rpartition("::")[2],
            message=_message(failure),
            data={"test": failure.test},
        )
        for failure in (shown.values() if index is not None else ())
        if index is not None
    ]
    if index is not None:
        diagnostics += [_finding(each, index.whole_line(each.line)) for each in findings]
    _send(ls, uri, version, diagnostics)


def _finding(found: Found, where: lsp.Range) -> lsp.Diagnostic:
    return lsp.Diagnostic(
        range=where,
        severity=_SEVERITIES[found.severity],
        source=REVIEW_SOURCE,
        message=found.message,
        data={"review": found.id},
    )


def _send(ls: AssayServer, uri: str, version: int | None, diagnostics: list[lsp.Diagnostic]) -> None:
    params: dict[str, Any] = {"uri": uri, "diagnostics": diagnostics}
    if version is not None:
        params["version"] = version
    ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(**params))


def _message(failure: Shown) -> str:
    text = failure.message.strip() or "the test failed"
    return f"{failure.test.rpartition('::')[2]} failed in the sandbox: {text[:_MESSAGE]}"


def _text(documents: Mapping[str, Snapshot], path: str) -> str | None:
    return documents[path].text if path in documents else None
