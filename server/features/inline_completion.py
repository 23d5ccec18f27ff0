"""textDocument/inlineCompletion, and what editors tell of the suggestions: shown, taken, taken in part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp

from server.arguments import read_arguments
from server.extras import InlineRequest
from server.session import key_of
from server.suggest import ACCEPTED, Asked, suggest

if TYPE_CHECKING:
    from assist.complete.values import Item
    from server.app import AssayServer

OPTIONS = lsp.InlineCompletionOptions()
DID_SHOW = "textDocument/didShowCompletion"
DID_PARTIALLY_ACCEPT = "textDocument/didPartiallyAcceptCompletion"
DID_FOCUS = "textDocument/didFocus"


async def inline_completion(ls: AssayServer, request: InlineRequest) -> lsp.InlineCompletionList:
    params = request.params
    asked = Asked(
        uri=params.text_document.uri,
        position=params.position,
        invoked=params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Invoked,
        version=request.version,
        selected=params.context.selected_completion_info,
        tab_size=request.tab_size,
        insert_spaces=request.insert_spaces,
    )
    found = await suggest(ls, asked)
    return lsp.InlineCompletionList(
        items=[
            lsp.InlineCompletionItem(insert_text=found.typed + item.text, range=found.range, command=accepting(item))
            for item in found.items
        ]
    )


def accepting(item: Item) -> lsp.Command:
    """The command with which the editor says that an item was taken."""
    arguments: list[Any] = [{"id": item.id}]
    return lsp.Command(title="Suggestion taken", command=ACCEPTED, arguments=arguments)


async def accepted(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, bool]:
    """`{id}`: a suggestion was taken whole; whether it is known."""
    id_, known = read_arguments(params, "id").id, ls.session.known_completing
    return {"known": known is not None and id_ is not None and known.pipeline.ledger.accepted(id_)}


def did_show(ls: AssayServer, params: Any) -> None:
    """`{item}`: it is on the screen."""
    id_, known = _id_of(params), ls.session.known_completing
    if known is not None and id_:
        known.pipeline.ledger.shown(id_)


def did_partially_accept(ls: AssayServer, params: Any) -> None:
    """`{item, acceptedLength}`: the length in UTF-16 units, from the beginning of the item's text."""
    id_, known = _id_of(params), ls.session.known_completing
    length: object = cast("Mapping[str, Any]", params).get("acceptedLength") if isinstance(params, Mapping) else None
    if known is not None and id_ and type(length) is int and length > 0:
        known.pipeline.ledger.partially_accepted(id_, length)


def did_focus(ls: AssayServer, params: Any) -> None:
    """`{textDocument?}`: another document is in front, so what was suggested elsewhere is on no screen."""
    known = ls.session.known_completing
    if known is not None:
        uri = _at(params, "textDocument", "uri")
        known.focused(key_of(uri) if isinstance(uri, str) else "")


def _id_of(params: Any) -> str:
    """Of the item's own command."""
    arguments = _at(params, "item", "command", "arguments")
    first: object = cast("list[object]", arguments)[0] if isinstance(arguments, list) and arguments else None
    id_ = cast("Mapping[str, object]", first).get("id") if isinstance(first, Mapping) else None
    return id_ if isinstance(id_, str) else ""


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return value
