"""textDocument/completion: the same suggestion for editors without inline completion, last in their list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from server.features.inline_completion import accepting
from server.suggest import Asked, suggest

if TYPE_CHECKING:
    from server.app import AssayServer
    from server.suggest import Suggested

OPTIONS = lsp.CompletionOptions()
_WORD = re.compile(r"[^\W]*\Z")
_LABEL = 60
"""Characters."""


async def completion(ls: AssayServer, params: lsp.CompletionParams) -> lsp.CompletionList:
    """One item at most, never chosen beforehand, behind all that other servers know for certain."""
    # Editors call every request of a key "invoked", also while somebody types.
    found = await suggest(ls, Asked(uri=params.text_document.uri, position=params.position, invoked=False))
    return lsp.CompletionList(is_incomplete=True, items=_items(found))


def _items(found: Suggested) -> list[lsp.CompletionItem]:
    spot = found.spot
    if not found.items or spot is None:
        return []
    item = found.items[0]
    word = _WORD.search(spot.text[: spot.index])
    begun = word.group() if word is not None else ""
    label = (begun + item.text).strip().partition("\n")[0]
    return [
        lsp.CompletionItem(
            label=label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…",
            kind=lsp.CompletionItemKind.Text,
            detail="Assay, copied from your files" if item.origin == "copied" else "Assay",
            documentation=item.text if "\n" in item.text else None,
            preselect=False,
            sort_text="\U0010ffff",
            filter_text=begun + item.text.partition("\n")[0],
            insert_text_format=lsp.InsertTextFormat.PlainText,
            insert_text_mode=lsp.InsertTextMode.AsIs,
            text_edit=lsp.TextEdit(
                range=lsp.Range(start=spot.position(back=len(begun)), end=spot.position()), new_text=begun + item.text
            ),
            command=accepting(item),
        )
    ]
