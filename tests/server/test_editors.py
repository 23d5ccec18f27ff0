"""The whole way, over the wire, as four real editors are: from a failing test to an edit that arrives tested."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cattrs
import pytest
import pytest_asyncio
from lsprotocol import types as lsp
from pygls.protocol import default_converter
from pytest_lsp import ClientServerConfig, LanguageClient
from pytest_lsp.client import register_lsp_features

from server.decode import strict_converter
from server.documents import Document
from server.positions import Encoding
from tests.server.shop import BROKEN, FAULTY, FIXED, make_shop
from tests.server.wire import ASSAY, CAPS, capabilities

pytestmark = [
    pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"),
    pytest.mark.asyncio(loop_scope="module"),
]

EDITORS = sorted(path.stem for path in CAPS.glob("*.json"))


class Editor:
    """An editor's side of documents: it applies what the server asks for, in its own units, and tells of it."""

    def __init__(self, client: LanguageClient, root: Path, encoding: Encoding) -> None:
        self.client = client
        self.root = root
        self.encoding: Encoding = encoding
        self.documents: dict[str, Document] = {}
        self.applied: list[lsp.ApplyWorkspaceEditParams] = []
        self.status: list[dict[str, Any]] = []

    def open(self, name: str) -> str:
        uri, text = (self.root / name).as_uri(), (self.root / name).read_text()
        self.documents[uri] = Document(uri, 1, "python", text, self.encoding)
        item = lsp.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))
        return uri

    def text(self, uri: str) -> str:
        return self.documents[uri].snapshot().text

    def apply(self, params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        self.applied.append(params)
        edits: list[tuple[str, Any]] = list((params.edit.changes or {}).items())
        for change in params.edit.document_changes or ():
            assert isinstance(change, lsp.TextDocumentEdit)
            assert change.text_document.version == self.documents[change.text_document.uri].version
            edits.append((change.text_document.uri, change.edits))
        for uri, changes in edits:
            document = self.documents[uri]
            ordered = sorted(changes, key=lambda edit: (edit.range.start.line, edit.range.start.character))
            partial = [lsp.TextDocumentContentChangePartial(range=e.range, text=e.new_text) for e in reversed(ordered)]
            document.change(partial, document.version + 1)
            identifier = lsp.VersionedTextDocumentIdentifier(uri=uri, version=document.version)
            self.client.text_document_did_change(
                lsp.DidChangeTextDocumentParams(text_document=identifier, content_changes=partial)
            )
        return lsp.ApplyWorkspaceEditResult(applied=True)

    async def actions(self, uri: str, line: int) -> list[lsp.CodeAction]:
        at = lsp.Position(line=line, character=4)
        found = await self.client.text_document_code_action_async(
            lsp.CodeActionParams(
                text_document=lsp.TextDocumentIdentifier(uri=uri),
                range=lsp.Range(start=at, end=at),
                context=lsp.CodeActionContext(
                    diagnostics=[d for d in self.client.diagnostics.get(uri, []) if d.range.start.line == line],
                    trigger_kind=lsp.CodeActionTriggerKind.Invoked,
                ),
            )
        )
        return [action for action in found or () if isinstance(action, lsp.CodeAction)]

    async def lenses(self, uri: str) -> list[str]:
        params = lsp.CodeLensParams(text_document=lsp.TextDocumentIdentifier(uri=uri))
        lenses = await self.client.text_document_code_lens_async(params)
        return [lens.command.title for lens in lenses or () if lens.command is not None]

    async def run(self, command: lsp.Command) -> Any:
        params = lsp.ExecuteCommandParams(command=command.command, arguments=command.arguments)
        return plain(await self.client.workspace_execute_command_async(params))


def make_client() -> LanguageClient:
    """pytest-lsp's client, reading code actions as they are: lsprotocol takes each that has a command for a Command."""

    def converter() -> cattrs.Converter:
        made = default_converter()
        kind = lsp.Command | lsp.CodeAction
        made.register_structure_hook_func(
            lambda asked: asked == kind,
            lambda value, _: made.structure(
                value, lsp.Command if isinstance(value["command"], str) else lsp.CodeAction
            ),
        )
        return made

    client = LanguageClient(converter_factory=converter)
    register_lsp_features(client)
    return client


def plain(value: Any) -> Any:
    """What the client library turned into objects, as JSON again."""
    if hasattr(value, "_asdict"):
        return {key: plain(each) for key, each in value._asdict().items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


@pytest_asyncio.fixture(loop_scope="module", params=EDITORS)
async def editor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Editor]:
    root = make_shop(tmp_path / "shop")
    config = ClientServerConfig(
        server_command=[str(ASSAY), "lsp"], server_env=dict(os.environ), client_factory=make_client
    )
    client = await config.start()
    assert isinstance(client, LanguageClient)
    declared = strict_converter().structure(capabilities(request.param), lsp.ClientCapabilities)
    encodings = (declared.general.position_encodings if declared.general else None) or ["utf-16"]
    editor = Editor(client, root, str(getattr(encodings[0], "value", encodings[0])))  # type: ignore[arg-type]

    @client.feature(lsp.WORKSPACE_APPLY_EDIT)
    def apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        return editor.apply(params)

    @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
    def register(params: lsp.RegistrationParams) -> None:
        return None

    @client.feature(lsp.WORKSPACE_CODE_LENS_REFRESH)
    def refresh(params: Any) -> None:
        return None

    @client.feature("assay/status")
    def status(params: Any) -> None:
        editor.status.append(plain(params))

    started = await client.initialize_session(
        lsp.InitializeParams(
            capabilities=declared,
            workspace_folders=[lsp.WorkspaceFolder(uri=root.as_uri(), name="shop")],
        )
    )
    chosen = started.capabilities.position_encoding
    assert str(getattr(chosen, "value", chosen)) == editor.encoding
    yield editor
    await client.shutdown_session()
    assert client._server is not None
    assert client._server.returncode == 0
    await client.stop()


async def test_from_a_failing_test_to_a_tested_edit(editor: Editor) -> None:
    source, tests = editor.open("shop.py"), editor.open("tests/test_shop.py")
    line = editor.text(tests)[: editor.text(tests).index("def test_exact")].count("\n")

    # Before anything is known, each test can be run, and none asks to be fixed.
    assert await editor.lenses(tests) == ["Run in sandbox"] * 4

    ran = await editor.run(lsp.Command(title="", command="assay.runTest", arguments=[{"uri": tests, "test": BROKEN}]))
    assert (ran["status"], ran["reason"]) == ("failed", "1 of 1 tests failed.")
    [problem] = editor.client.diagnostics[tests]
    assert (problem.source, problem.code, problem.range.start.line) == ("assay", "test_exact", line + 1)
    assert await editor.lenses(tests) == ["Run in sandbox", "Fix", *["Run in sandbox"] * 3]

    [make] = await editor.actions(tests, line + 1)
    assert make.title == "Make test_exact pass"
    assert [each.code for each in make.diagnostics or ()] == ["test_exact"]
    assert make.command is not None
    assert make.command.command == "assay.makeTestPass"
    result = await editor.run(make.command)

    assert result["grade"] == "verified", result
    assert result["applied"] is True
    assert editor.text(source) == FIXED
    assert (editor.root / "shop.py").read_text() == FAULTY  # the editor's to save
    assert list(editor.client.diagnostics[tests]) == []
    assert await editor.lenses(tests) == ["Run in sandbox"] * 4

    assert [action.title for action in await editor.actions(tests, line + 1)] == [result["title"]]
    assert result["title"].startswith("Fix: compare with <= ")
    assert result["title"].endswith("(verified, 3 tests)")

    receipt = plain(await editor.client.protocol.send_request_async("assay/receipt", {"id": result["receipt"]}))
    assert (receipt["grade"], receipt["isolation"]) == ("verified", "gvisor")
    assert (editor.status[-1]["state"], editor.status[-1]["grade"]) == ("ready", "verified")
    assert editor.status[-1]["sandbox"]["name"] == "gvisor"

    for reports in editor.client.progress_reports.values():
        assert isinstance(reports[0], lsp.WorkDoneProgressBegin)
        assert isinstance(reports[-1], lsp.WorkDoneProgressEnd)
    values = [value for reports in editor.client.progress_reports.values() for value in reports]
    assert any((getattr(value, "message", "") or "").startswith("verifying: compare with <=") for value in values)

    [params] = editor.applied
    declared = editor.client.capabilities
    assert declared is not None
    versioned = bool(declared.workspace and declared.workspace.workspace_edit.document_changes)  # type: ignore[union-attr]
    assert (params.edit.document_changes is not None) is versioned
    edits = (
        params.edit.document_changes[0].edits  # type: ignore[index, union-attr]
        if versioned
        else next(iter(params.edit.changes.values()))  # type: ignore[union-attr]
    )
    assert [edit.new_text for edit in edits] == ["="]  # one character, not the file
