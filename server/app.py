"""The composition root of the language server: one server object with its features, listed one by one."""

# pygls is only partly typed.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from server.client import ClientSupport
from server.decode import strict_converter
from server.features import (
    actions,
    along,
    cancel,
    chat,
    chat_apply,
    code_action,
    code_lens,
    commit_message,
    completion,
    configuration,
    debug,
    explain,
    explain_code,
    fix,
    hunks,
    index,
    inline_completion,
    next_edit,
    receipts,
    review,
    run_test,
    text_sync,
)
from server.proposals import ANSWER_SCHEME, DIFF_SCHEME
from server.protocol import AssayProtocol
from server.session import Session

_logger = logging.getLogger("assay")


class AssayServer(LanguageServer):
    """One client's server: its conversation (`protocol`) and its state (`session`)."""

    protocol: AssayProtocol  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self) -> None:
        self.session = Session()
        self.client_process: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """The process to watch, once `initialize` has named it."""
        super().__init__("assay", version("assay"), protocol_cls=AssayProtocol, converter_factory=strict_converter)

    def on_initialize(self, params: lsp.InitializeParams, encoding: str) -> None:
        """Take over what the client says of itself. Nothing is read or started before `initialized`."""
        session = self.session
        session.client = ClientSupport.of(params)
        session.encoding = "utf-8" if encoding == "utf-8" else "utf-32" if encoding == "utf-32" else "utf-16"
        roots = [folder.uri for folder in params.workspace_folders or ()] or [
            params.root_uri or (Path(params.root_path).as_uri() if params.root_path else "")
        ]
        session.folders = [Path(path) for uri in roots if (path := to_fs_path(uri))]
        if isinstance(params.initialization_options, dict):
            session.configuration.initialization = params.initialization_options
        if not self.client_process.done():
            self.client_process.set_result(params.process_id)

    def add_capabilities(self, capabilities: lsp.ServerCapabilities) -> None:
        """What pygls builds no capability for."""
        if self.session.client.text_content:
            workspace = capabilities.workspace or lsp.WorkspaceOptions()
            workspace.text_document_content = lsp.TextDocumentContentOptions(schemes=[DIFF_SCHEME, ANSWER_SCHEME])
            capabilities.workspace = workspace

    def not_for_this_client(self) -> set[str]:
        """Methods that the client is not told of: whoever has ghost text wants nothing of it in the list as well."""
        return {lsp.TEXT_DOCUMENT_COMPLETION} if self.session.client.inline_completion else set()

    def undecodable(self, method: str, params: Any) -> None:
        """A notification that could not be read; for those that change a document this is not the end of it."""
        text_sync.missed(self, method, params)

    def report(self, kind: lsp.MessageType, message: str) -> None:
        """Say something in the editor's log."""
        self.window_log_message(lsp.LogMessageParams(type=kind, message=message))

    def report_server_error(self, error: Exception, source: Any) -> None:
        # pygls shows these to the user as pop-ups.
        _logger.error("%s: %s", getattr(source, "__name__", source), type(error).__name__)

    async def stop_work(self) -> None:
        """Cancel what runs, and wait until its sandboxes are gone."""
        await self.protocol.cancel_all(but=asyncio.current_task())
        await self.session.stop()

    async def close(self) -> None:
        """The end, however it came."""
        await self.stop_work()


def build(*, debug: bool = False, features: bool = True) -> AssayServer:
    """A server for one client, with every method it answers. Call on the running loop.

    Without features it only keeps documents: for tests of the protocol.
    """
    server = AssayServer()
    server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)(text_sync.did_open)
    server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)(text_sync.did_change)
    server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)(text_sync.did_close)
    if features:
        _add_features(server)
    if debug:
        _add_debug(server)
    return server


def _add_features(server: AssayServer) -> None:
    server.feature(lsp.INITIALIZED)(configuration.initialized)
    server.feature(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)(configuration.did_change_configuration)
    server.feature(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)(configuration.did_change_workspace_folders)
    server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, code_action.OPTIONS)(code_action.code_action)
    server.feature(lsp.CODE_ACTION_RESOLVE)(code_action.resolve)
    server.feature(lsp.TEXT_DOCUMENT_CODE_LENS, lsp.CodeLensOptions())(code_lens.code_lens)
    server.feature(lsp.WINDOW_WORK_DONE_PROGRESS_CANCEL)(cancel.progress_cancelled)
    server.feature(lsp.TEXT_DOCUMENT_INLINE_COMPLETION, inline_completion.OPTIONS)(inline_completion.inline_completion)
    server.feature(lsp.TEXT_DOCUMENT_COMPLETION, completion.OPTIONS)(completion.completion)
    server.feature(inline_completion.DID_SHOW)(inline_completion.did_show)
    server.feature(inline_completion.DID_PARTIALLY_ACCEPT)(inline_completion.did_partially_accept)
    server.feature(inline_completion.DID_FOCUS)(inline_completion.did_focus)
    server.feature(next_edit.METHOD)(next_edit.next_edit)
    server.feature(next_edit.DID_SHOW)(next_edit.did_show)
    server.feature(explain.METHOD)(explain.explain)
    server.feature(receipts.METHOD)(receipts.receipt)
    server.feature(index.SEARCH)(index.search)
    server.feature(chat.CREATE)(chat.create)
    server.feature(chat.TURN)(chat.turn)
    server.feature(chat.DESTROY)(chat.destroy)
    server.feature(chat.LIST)(chat.list_conversations)
    server.feature(chat.HISTORY)(chat.history)
    server.feature(chat.COMMANDS)(chat.commands)
    server.feature(chat.CHIPS)(chat.chips)
    server.feature(chat_apply.APPLY)(chat_apply.apply)
    server.feature(lsp.WORKSPACE_TEXT_DOCUMENT_CONTENT)(hunks.text_document_content)
    server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)(along.did_save)
    server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)(index.did_change_watched_files)
    server.command(fix.FIX_PROBLEM)(fix.fix_problem)
    server.command(fix.MAKE_TEST_PASS)(fix.make_test_pass)
    server.command(fix.FIX_FUNCTION)(fix.fix_function)
    server.command(explain_code.EXPLAIN_CODE)(explain_code.explain_code)
    server.command(actions.DOCUMENT)(actions.document)
    server.command(actions.WRITE_TESTS)(actions.tests)
    server.command(actions.ADD_TYPES)(actions.types)
    server.command(actions.SIMPLIFY)(actions.simplify)
    server.command(actions.REWRITE)(actions.rewrite)
    server.command(review.REVIEW_CHANGES)(review.review_changes)
    server.command(review.APPLY_REVIEW_FIX)(review.apply_review_fix)
    server.command(commit_message.COMMIT_MESSAGE)(commit_message.commit_message)
    server.command(hunks.APPLY_HUNKS)(hunks.apply_hunks)
    server.command(run_test.RUN_TEST)(run_test.run_test)
    server.command(receipts.SHOW_RECEIPT)(receipts.show_receipt)
    server.command(inline_completion.ACCEPTED)(inline_completion.accepted)
    server.command(next_edit.ACCEPTED)(next_edit.accepted)
    server.command(cancel.CANCEL)(cancel.cancel)


def _add_debug(server: AssayServer) -> None:
    server.feature("assay/debug/document")(debug.document)
    server.feature("assay/debug/stats")(debug.stats)
