"""The least that pygls can do: what Assay's start and round trips are measured against."""

from __future__ import annotations

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")


@server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION)
async def code_action(_: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    return []


if __name__ == "__main__":
    server.start_io()
