"""assay.reviewChanges and assay.applyReviewFix: findings of the working tree's diff as diagnostics, some with a fix."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.acting import bench_for, model_of, settled, speaking
from server.arguments import read_arguments
from server.documents import Snapshot
from server.errors import EXPECTED, BadArguments, CommandError, for_the_user
from server.features.diagnostics import show_review
from server.features.offering import Ready, conclude, explained, result_of
from server.features.prepare import say
from server.features.status import send_rest, send_status
from server.lines import split_lines
from server.proposals import Proposal, new_id
from server.reviews import Found
from server.runtime import open_receipts
from server.session import Place, key_of
from server.sources import encode
from server.work import Report, work_on

if TYPE_CHECKING:
    from assist.actions.review import Finding, Review
    from server.app import AssayServer

REVIEW_CHANGES = "assay.reviewChanges"
APPLY_REVIEW_FIX = "assay.applyReviewFix"
_TITLE = "Assay: review my changes"


async def review_changes(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """`{uri}` to `{findings, reason}`; the uri names the workspace."""
    arguments = read_arguments(params, "uri")
    try:
        place = ls.session.place_of(arguments.uri)
        snapshots = ls.session.documents_in(place.root)
        result = await work_on(
            ls,
            _TITLE,
            place.root,
            params.work_done_token,
            lambda report: _review(ls, place, snapshots, report),
            takes_turn=False,
        )
    except BadArguments:
        raise
    except EXPECTED as error:
        reason = for_the_user(error, _TITLE)
        explained(ls, "review", grade="", reason=reason)
        say(ls, reason)
        send_rest(ls)
        return {"findings": [], "reason": reason}
    send_rest(ls)
    return {"findings": [], "reason": "Cancelled."} if result is None else result


async def apply_review_fix(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """`{uri, id}`: verify a finding's fix against the file as it is now, and apply it; a fix's result."""
    arguments = read_arguments(params, "uri", "id")
    title = "Assay: apply the review's fix"
    try:
        found = ls.session.reviews.one(arguments.id or "")
        if found is None or found.fix is None:
            raise CommandError("There is no fix of this finding any more; review the changes again.")
        place = ls.session.place_of(arguments.uri)
        snapshots = ls.session.documents_in(place.root)
        result = await work_on(
            ls, title, place.root, params.work_done_token,
            lambda report: _apply(ls, found, place, snapshots, title, report),
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


async def _review(ls: AssayServer, place: Place, snapshots: Mapping[str, Snapshot], report: Report) -> dict[str, Any]:
    from assist.actions.review import review
    from workspace.changes import working_changes

    settings = await settled(ls, place.root)
    model = model_of(ls, settings, report)
    send_status(ls, "busy", _TITLE)
    report("looking at what changed")
    buffers = {path: snapshot.text for path, snapshot in snapshots.items()}
    changes = await asyncio.to_thread(working_changes, place.root, buffers)
    with speaking():
        found = await review(model, place.root, changes)
    shown = _take_over(ls, place, found)
    explained(ls, "review", grade="", reason="answered", model=model, paths=found.paths)
    count = len(shown)
    reason = " ".join([f"{count or 'No'} finding{'' if count == 1 else 's'}.", *found.notes])
    ls.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Info, message=f"Assay: {reason}"))
    return {
        "findings": [
            {
                "id": each.id,
                "uri": ls.session.uri_in(place.root, each.path),
                "path": each.path,
                "line": each.line,
                "severity": each.severity,
                "message": each.message,
                "fixable": each.fix is not None,
            }
            for each in shown
        ],
        "reason": reason,
    }


def _take_over(ls: AssayServer, place: Place, review: Review) -> list[Found]:
    """Show the findings in place of those of an earlier review of this workspace."""
    session = ls.session
    uris = {path: session.uri_in(place.root, path) for path in review.paths}
    stale = [found[0].path for found in session.reviews.found.values() if found[0].root == place.root]
    uris |= {path: session.uri_in(place.root, path) for path in stale}
    shown: list[Found] = []
    for path, uri in uris.items():
        here = tuple(_found(place.root, each, review) for each in review.findings if each.path == path)
        session.reviews.put(key_of(uri), here)
        if (document := session.document(uri)) is not None:
            session.reviews.follow(key_of(uri), document.snapshot().text)  # it may have changed meanwhile
        shown += session.reviews.of(key_of(uri))
    show_review(ls, place.root, uris.values())
    return shown


def _found(root: Path, finding: Finding, review: Review) -> Found:
    lines = split_lines(review.contents[finding.path].decode("utf-8", "replace"))
    return Found(
        id=new_id(),
        root=root,
        path=finding.path,
        line=finding.line,
        text=lines[finding.line].strip() if finding.line < len(lines) else "",
        severity=finding.severity,
        message=finding.message,
        fix=finding.fix,
        model=review.model,
    )


async def _apply(
    ls: AssayServer, found: Found, place: Place, snapshots: Mapping[str, Snapshot], title: str, report: Report
) -> dict[str, Any]:
    from assist.actions.hunks import rebased
    from assist.actions.judges import judge_edit
    from assist.actions.kinds import is_run

    assert found.fix is not None  # its caller looked
    now = await asyncio.to_thread(_content, place, found.path, snapshots)
    edit = None if now is None else rebased(found.fix, found.path, now)
    if edit is None:
        raise CommandError(f"What this would fix in {found.path} has changed; review the changes again.")
    settings = await settled(ls, place.root)
    bench = await bench_for(ls, place.root, snapshots, settings, title, report, runs=is_run(found.path))
    receipt = await judge_edit(edit, bench, model=found.model, context=(found.path,))
    await asyncio.to_thread(open_receipts(ls.session.configuration.env).save, receipt)
    grade = receipt.grade.value
    explained(ls, "review fix", grade=grade, reason=receipt.reason, paths=(found.path,), receipt=receipt)
    proposal = None
    if grade != "failed":
        proposal = Proposal(
            id=new_id(), root=place.root, edit=edit, kind="review", grade=grade, reason=receipt.reason,
            title=f"Fix: {edit.title} ({grade})", model=found.model, context=(found.path,),
        )  # fmt: skip
    ready = Ready(proposal=proposal, grade=grade, reason=receipt.reason, receipt=receipt)
    result = await conclude(ls, ready)
    if result["applied"]:
        uri = ls.session.uri_in(place.root, found.path)
        ls.session.reviews.drop(key_of(uri), found.id)
        show_review(ls, place.root, [uri])
    return result


def _content(place: Place, path: str, snapshots: Mapping[str, Snapshot]) -> bytes | None:
    if path in snapshots:
        return encode(snapshots[path].text)
    try:
        return (place.root / path).read_bytes()
    except OSError:
        return None
