"""Completion as four real editors ask for it, through a client that checks what it is sent against what it declared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lsprotocol import types as lsp

from tests.inference.lying_server import running
from tests.server.completions import configure
from tests.server.test_editors import Editor, editor, plain

pytestmark = [
    pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"),
    pytest.mark.asyncio(loop_scope="module"),
]

__all__ = ["editor"]  # the fixture


@pytest.fixture(autouse=True)
def model(own_state: None) -> Iterator[None]:
    with running() as address:
        configure(address, "editors", text="  # ok")
        yield


async def test_ghost_text_where_the_editor_has_it_and_its_list_where_not(editor: Editor) -> None:
    uri = editor.open("shop.py")
    offered = editor.client.capabilities
    document = lsp.TextDocumentIdentifier(uri=uri)
    lines = editor.text(uri).split("\n")
    at = next(
        lsp.Position(line=number, character=len(line)) for number, line in enumerate(lines) if "def label" in line
    )
    if offered.text_document is not None and offered.text_document.inline_completion is not None:
        found = await editor.client.text_document_inline_completion_async(
            lsp.InlineCompletionParams(
                text_document=document,
                position=at,
                context=lsp.InlineCompletionContext(trigger_kind=lsp.InlineCompletionTriggerKind.Invoked),
            )
        )
        assert isinstance(found, lsp.InlineCompletionList)
        [item] = found.items
        assert (item.insert_text, item.range) == ("  # ok", lsp.Range(start=at, end=at))
        command = item.command
    else:
        listed = await editor.client.text_document_completion_async(
            lsp.CompletionParams(text_document=document, position=at)
        )
        assert isinstance(listed, lsp.CompletionList)
        [entry] = listed.items
        assert isinstance(entry.text_edit, lsp.TextEdit)
        assert entry.text_edit.new_text == "  # ok"
        command = entry.command
    assert command is not None
    assert await editor.run(command) == {"known": True}
    said = plain(await editor.client.protocol.send_request_async("assay/explain", {}))
    assert said["reason"] is None
