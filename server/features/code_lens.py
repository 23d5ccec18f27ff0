"""textDocument/codeLens: run a test in the sandbox, and fix what failed there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from server.arguments import Arguments
from server.errors import CommandError
from server.features.fix import MAKE_TEST_PASS
from server.features.looking import look
from server.features.run_test import RUN_TEST

if TYPE_CHECKING:
    from server.app import AssayServer

_MAX_LENSES = 2000

_logger = logging.getLogger("assay.lenses")


async def code_lens(ls: AssayServer, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
    session, uri = ls.session, params.text_document.uri
    try:
        snapshot = session.snapshot(uri)
        if snapshot is None or snapshot.language_id not in session.settings.languages:
            return []
        tests = look(ls, snapshot).tests[:_MAX_LENSES]
        root = session.place_of(uri).root
    except CommandError as error:
        _logger.info("no lenses: %s", type(error).__name__)
        return []
    lenses: list[lsp.CodeLens] = []
    for test in tests:
        at = lsp.Position(line=test.line, character=0)
        where = lsp.Range(start=at, end=at)
        arguments = Arguments(uri=uri, version=snapshot.version, test=test.id).plain()
        lenses.append(_lens(where, "Run in sandbox", RUN_TEST, arguments))
        if session.results.failed(root, test.id):
            lenses.append(_lens(where, "Fix", MAKE_TEST_PASS, arguments))
    return lenses


def _lens(where: lsp.Range, title: str, command: str, arguments: dict[str, object]) -> lsp.CodeLens:
    return lsp.CodeLens(range=where, command=lsp.Command(title=title, command=command, arguments=[arguments]))
