"""assay/receipt and assay.showReceipt: what a grade rests on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from server.arguments import read_arguments
from server.runtime import open_receipts, receipts_folder
from server.session import uri_of

if TYPE_CHECKING:
    from sandbox.receipt import Receipt
    from server.app import AssayServer

METHOD = "assay/receipt"
SHOW_RECEIPT = "assay.showReceipt"
_SHOW_SECONDS = 10.0


async def receipt(ls: AssayServer, params: Any) -> dict[str, Any]:
    """`{id}`, or `{}` for the latest, to the receipt's JSON: docs/receipt.schema.json.

    :raises JsonRpcInvalidParams: there is none.
    """
    wanted: object = {} if params is None else params
    if not isinstance(wanted, Mapping):
        raise JsonRpcInvalidParams("assay/receipt wants {id}, or {} for the latest.")
    chosen = cast("Mapping[str, Any]", wanted).get("id")
    if chosen is not None and not isinstance(chosen, str):
        raise JsonRpcInvalidParams("The id of a receipt is a text.")
    return _json(await _load(ls, chosen))


async def show_receipt(ls: AssayServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """Open the receipt in the editor where it can, else say what it says; its JSON is the result."""
    found = await _load(ls, read_arguments(params).id)
    if ls.session.client.show_document:
        path = receipts_folder(ls.session.configuration.env) / f"{found.id}.json"
        shown = lsp.ShowDocumentParams(uri=uri_of(path), take_focus=True)
        try:
            await ls.protocol.ask(lsp.WINDOW_SHOW_DOCUMENT, shown, within=_SHOW_SECONDS)
            return _json(found)
        except JsonRpcException:
            pass  # then in words
    message = f"Assay: {found.title}: {found.grade.value}. {found.reason}"
    ls.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Info, message=message))
    return _json(found)


async def _load(ls: AssayServer, wanted: str | None) -> Receipt:
    store = open_receipts(ls.session.configuration.env)
    if wanted is None:
        latest = await asyncio.to_thread(store.latest)
        if latest is None:
            raise JsonRpcInvalidParams("There is no receipt yet; one is written whenever an edit is tested.")
        return latest
    try:
        return await asyncio.to_thread(store.load, wanted)
    except KeyError as error:
        raise JsonRpcInvalidParams(f"There is no receipt {wanted[:64]!r}; the newest 1000 are kept.") from error


def _json(found: Receipt) -> dict[str, Any]:
    from sandbox.store import receipt_to_json

    return receipt_to_json(found)
