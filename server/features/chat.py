"""assay/chat/*: conversations about a workspace, streamed as partial results. docs/chat.md has the shapes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from server.chat_given import cursor_line, needed, read_given, read_problems, table, text, token
from server.chat_json import ANSWER, citation_json, explanation, turn_json
from server.chatting import files_of, folder_for, means_for, new_id, settled_settings
from server.errors import NotInWorkspace
from server.features.fix import FIX_FUNCTION, FIX_PROBLEM, fix_function, fix_problem

if TYPE_CHECKING:
    from assist.chat.answer import Event
    from assist.chat.conversation import Conversation
    from server.app import AssayServer

CREATE = "assay/chat/create"
TURN = "assay/chat/turn"
DESTROY = "assay/chat/destroy"
LIST = "assay/chat/list"
HISTORY = "assay/chat/history"
COMMANDS = "assay/chat/commands"
CHIPS = "assay/chat/chips"

_LISTING_SECONDS = 5.0  # a list of the workspace's files is as old as this while somebody types a path


async def create(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{uri?}` to `{conversation, root}`: begun in the folder of a document, or in the first that is open."""
    from assist.chat.conversation import Conversation

    root = folder_for(ls.session, text(table(params, CREATE), "uri", CREATE))
    settings = await settled_settings(ls, root)
    now = time.time()
    conversation = Conversation(id=new_id(), root=str(root or ""), created=now, updated=now)
    await ls.session.chatting.history(settings).save(conversation)
    return {"conversation": conversation.id, "root": root.as_uri() if root is not None else None}


async def turn(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{conversation, message, …}` to the whole answer; its pieces are partial results of the request.

    :raises Busy: the conversation is answering already, or too many are.
    :raises NoConversation: there is none of that id.
    """
    from assist.chat.answer import Answered, take_turn

    given = table(params, TURN)
    name, message = needed(given, "conversation", TURN), needed(given, "message", TURN)
    reporter = _Reporter(ls, token(given, "partialResultToken"), token(given, "workDoneToken"))
    chatting = ls.session.chatting
    snapshots = {root: files_of(ls.session, root) for root in _roots(ls, text(given, "uri", TURN))}
    with chatting.turn(name, reporter.work):
        reporter.begin("Assay: answering")
        ending = "stopped"
        try:
            if chatting.must_wait:
                reporter.say("waiting for another answer")
            async with chatting.slot():
                settings = await settled_settings(ls, None)
                history = chatting.history(settings)
                conversation = await history.load(name)
                root = Path(conversation.root) if conversation.root else None
                if root is not None:
                    settings = await settled_settings(ls, root)
                files = None if root is None else snapshots.get(root) or files_of(ls.session, root)
                means = means_for(ls, root, settings, files)
                means = dataclasses.replace(means, fix=_fixer(ls, given))
                answered: Conversation | None = None
                events = take_turn(conversation, message, read_given(given, root, TURN), means)
                try:
                    async for event in events:
                        if isinstance(event, Answered):
                            answered = event.conversation
                        else:
                            reporter.tell(ls, conversation, event)
                finally:
                    await events.aclose()
                assert answered is not None  # the last event of every turn
                await history.save(answered)
            ending = "done"
        finally:
            reporter.end(ending)
    result = turn_json(ls.session, answered, answered.turns[-1])
    ls.session.explain(ANSWER, explanation(answered.turns[-1]))
    return result


async def destroy(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{conversation}` to `{destroyed}`: it stops, and nothing of it is kept."""
    name = needed(table(params, DESTROY), "conversation", DESTROY)
    chatting = ls.session.chatting
    if (task := chatting.active.get(name)) is not None:
        task.cancel()
        await asyncio.wait({task})
    settings = await settled_settings(ls, None)
    return {"destroyed": await chatting.history(settings).delete(name)}


async def list_conversations(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{uri?}` to `{conversations}`, newest first: all, or those of a document's folder."""
    root = None
    if (uri := text(table(params, LIST), "uri", LIST)) is not None:
        root = folder_for(ls.session, uri)
    settings = await settled_settings(ls, root)
    found = await ls.session.chatting.history(settings).listed()
    return {
        "conversations": [
            {
                "conversation": each.id,
                "title": each.title,
                "root": Path(each.root).as_uri() if each.root else None,
                "created": each.created,
                "updated": each.updated,
                "turns": each.turns,
                "running": each.id in ls.session.chatting.active,
            }
            for each in found
            if root is None or each.root == str(root)
        ]
    }


async def history(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{conversation}` to all of it; whether each source is still as it was is looked up anew.

    :raises NoConversation: there is none of that id.
    """
    from assist.chat.answer import is_current

    name = needed(table(params, HISTORY), "conversation", HISTORY)
    settings = await settled_settings(ls, None)
    found = await ls.session.chatting.history(settings).load(name)
    files = files_of(ls.session, Path(found.root)) if found.root else None
    turns: list[dict[str, Any]] = []
    for each in found.turns:
        citations = [dataclasses.replace(one, is_current=await is_current(one, files)) for one in each.citations]
        turns.append(turn_json(ls.session, found, dataclasses.replace(each, citations=tuple(citations))))
    return {
        "conversation": found.id,
        "title": found.title,
        "root": Path(found.root).as_uri() if found.root else None,
        "summary": found.summary,
        "turns": turns,
    }


async def commands(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{uri?}` to `{commands, problems}`: those of Assay, and the folder's own."""
    from assist.chat.slash import commands_of

    root = folder_for(ls.session, text(table(params, COMMANDS), "uri", COMMANDS))
    await settled_settings(ls, root)
    found = await asyncio.to_thread(commands_of, None if root is None else files_of(ls.session, root))
    return {
        "commands": [
            {"name": each.name, "description": each.description, "custom": each.is_custom} for each in found.all
        ],
        "problems": list(found.problems),
    }


async def chips(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{prefix, uri?}` to `{chips}`: what a chip that is being typed may become."""
    from assist.chat.chips import complete

    given = table(params, CHIPS)
    prefix = needed(given, "prefix", CHIPS)
    root = folder_for(ls.session, text(given, "uri", CHIPS))
    settings = await settled_settings(ls, root)
    kind, _, typed = prefix.removeprefix("@").partition(":")
    paths: tuple[str, ...] = ()
    symbols: list[tuple[str, str]] = []
    if root is not None and kind in ("file", "folder", "image"):
        paths = await _listing(ls, root)
    elif root is not None and kind == "symbol" and typed:
        finder = means_for(ls, root, settings, None).finder
        places = (await finder.beginning(typed.rpartition(".")[2])).places if finder is not None else ()
        symbols = list({each.symbol: each.path for each in places}.items())
    found = complete(prefix, paths=paths, symbols=symbols)
    return {"chips": [{"label": each.label, "detail": each.detail} for each in found]}


class _Reporter:
    """Sends the pieces of one answer where the editor wants them."""

    def __init__(self, ls: AssayServer, partial: str | int | None, work: str | int | None) -> None:
        self._ls = ls
        self._partial = partial
        self.work = work

    def tell(self, ls: AssayServer, conversation: Conversation, event: Event) -> None:
        from assist.chat.answer import Cited, Delta, Working

        match event:
            case Delta():
                self._send(self._partial, {"kind": "delta", "text": event.text})
            case Cited():
                citation = citation_json(ls.session, conversation, event.citation)
                self._send(self._partial, {"kind": "citation", "citation": citation})
            case Working():
                self.say(event.message)
            case _:
                pass

    def begin(self, title: str) -> None:
        self._send(self.work, lsp.WorkDoneProgressBegin(title=title, cancellable=True))

    def say(self, message: str) -> None:
        self._send(self._partial, {"kind": "progress", "message": message})
        self._send(self.work, lsp.WorkDoneProgressReport(message=message, cancellable=True))

    def end(self, message: str) -> None:
        self._send(self.work, lsp.WorkDoneProgressEnd(message=message))

    def _send(self, token: str | int | None, value: Any) -> None:
        if token is not None:
            self._ls.protocol.notify(lsp.PROGRESS, lsp.ProgressParams(token=token, value=value))


def _roots(ls: AssayServer, uri: str | None) -> list[Path]:
    """Folders whose documents a turn may need as they are now."""
    try:
        here = folder_for(ls.session, uri)
    except NotInWorkspace:
        here = None
    others = [folder.resolve() for folder in ls.session.folders if folder.is_dir()]
    return list(dict.fromkeys([here, *others] if here is not None else others))


def _fixer(ls: AssayServer, given: Mapping[str, Any]) -> Callable[[], Awaitable[str]] | None:
    """The fix of the code action for where the person is: of the first problem there, else of the function."""
    uri, line = text(given, "uri", TURN), cursor_line(given, TURN)
    if uri is None or line is None:
        return None
    document = ls.session.document(uri)
    arguments: dict[str, Any] = {"uri": uri, "line": line}
    if document is not None:
        arguments["version"] = document.version
    here = [each for each in read_problems(given, None, TURN) if each.line == line]

    async def fix() -> str:
        asked: dict[str, Any] = arguments | ({"message": here[0].message} if here else {})
        run, command = (fix_problem, FIX_PROBLEM) if here else (fix_function, FIX_FUNCTION)
        result = await run(ls, lsp.ExecuteCommandParams(command=command, arguments=[asked]))
        head = f"{result['title']}. " if result["title"] else ""
        receipt = f"\n\nReceipt: `{result['receipt']}`" if result["receipt"] else ""
        return f"{head}{result['reason']}{receipt}"

    return fix


async def _listing(ls: AssayServer, root: Path) -> tuple[str, ...]:
    from assist.chat.files import Files

    known = ls.session.chatting.listings.get(root)
    if known is not None and time.monotonic() - known[0] < _LISTING_SECONDS:
        return known[1]
    found = await asyncio.to_thread(Files(root, {}).listed)
    ls.session.chatting.listings[root] = (time.monotonic(), found)
    return found
