"""assay/chat/apply: a block of an answer as an edit, verified in the sandbox and applied as a fix is."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.applying import apply_edit, moved_on
from server.chat_given import needed, number, table, token
from server.chatting import settled_settings
from server.errors import EXPECTED, NothingRuns, for_the_user
from server.features.fix import title_of
from server.features.prepare import prepare, say
from server.features.status import send_rest
from server.runtime import open_receipts
from server.session import Place
from server.work import Report, work_on
from workspace.root import relative_path

if TYPE_CHECKING:
    from assist.chat.conversation import CodeBlock, Turn
    from server.app import AssayServer

APPLY = "assay/chat/apply"


async def apply(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{conversation, turn, block}` to a fix's result; what the user can do something about is said once.

    :raises NoConversation: there is none of that id.
    :raises NoBlock: the turn has no such block, or it names no file.
    """
    from assist.chat.errors import NoBlock

    given = table(params, APPLY)
    settings = await settled_settings(ls, None)
    found = await ls.session.chatting.history(settings).load(needed(given, "conversation", APPLY))
    turn_number, block_number = number(given, "turn", APPLY), number(given, "block", APPLY)
    turn = next((each for each in found.turns if each.number == turn_number), None)
    if turn is None or block_number >= len(turn.blocks):
        raise NoBlock(f"Turn {turn_number} has no block {block_number}; it may have been too long ago.")
    block = turn.blocks[block_number]
    if not block.is_edit or not found.root:
        raise NoBlock("That block names no file, so it cannot be applied; copy it, or ask for it with its path.")
    place = _place(ls, Path(found.root), block.path)
    title = f"Assay: apply a change of {place.path}"
    try:
        result = await work_on(
            ls,
            title,
            place.root,
            token(given, "workDoneToken"),
            lambda report: _apply(ls, turn, block, place, title, report),
        )
    except NoBlock:
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


def _place(ls: AssayServer, root: Path, path: str) -> Place:
    """Where a file is, or will be: in its own project, which may be one of several below the folder.

    :raises OutsideWorkspace: the path leads out of the folder.
    """
    name = relative_path(root, path)
    folder = next(each for each in PurePosixPath(name).parents if (root / each).is_dir())
    # A file that is yet to be made may lie in folders that are yet to be made.
    inner = ls.session.place_of(ls.session.uri_in(root, (folder / "file").as_posix())).root
    return Place(inner, (root / name).relative_to(inner).as_posix())


async def _apply(
    ls: AssayServer, turn: Turn, block: CodeBlock, place: Place, title: str, report: Report
) -> dict[str, Any]:
    prepared = await prepare(ls, place.root, ls.session.documents_in(place.root), title, report)

    import dataclasses

    from assist.chat.blocks import edit_of
    from sandbox.receipt import Grade
    from sandbox.verify import verify

    wanted = await asyncio.to_thread(edit_of, dataclasses.replace(block, path=place.path), prepared.project)
    receipt = await verify(
        wanted.edit,
        prepared.project,
        prepared.runner,
        scope=wanted.scope,
        seconds=prepared.settings.budget.seconds,
        progress=report,
        model=turn.receipt.model or None,
        context=tuple(dict.fromkeys(part.path for part in turn.receipt.parts if part.path and not part.left_out)),
    )
    await asyncio.to_thread(open_receipts(ls.session.configuration.env).save, receipt)
    grade = receipt.grade.value
    if receipt.grade not in (Grade.VERIFIED, Grade.CHECKED):
        say(ls, receipt.reason)
        send_rest(ls, grade=grade, receipt=receipt.id)
        return _result(grade, receipt.reason, receipt=receipt.id)
    moved = moved_on(ls, place.root, wanted.edit)
    if moved:
        problem = f"{', '.join(moved[:3])} changed while the edit was being tested, so it was not applied; ask again."
    else:
        problem = await apply_edit(ls, place.root, wanted.edit, grade)
    shown = title_of(wanted.edit, grade, receipt).removeprefix("Fix: ")
    if problem is None:
        ls.report(lsp.MessageType.Info, f"Assay: {shown}. {receipt.reason}")
    else:
        say(ls, problem)
    send_rest(ls, grade=grade, receipt=receipt.id)
    reason = receipt.reason if problem is None else f"{problem} {receipt.reason}"
    return _result(grade, reason, receipt=receipt.id, applied=problem is None, title=shown)


def _result(
    grade: str, reason: str, *, receipt: str | None = None, applied: bool = False, title: str | None = None
) -> dict[str, Any]:
    return {"grade": grade, "receipt": receipt, "reason": reason, "applied": applied, "title": title}
