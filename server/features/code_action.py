"""textDocument/codeAction: what Assay could do here. Answered at once: nothing is run, generated or searched for."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp

from server.arguments import Arguments
from server.documents import Snapshot
from server.errors import CommandError
from server.features.diagnostics import SOURCE
from server.features.fix import FIX_FUNCTION, FIX_PROBLEM, MAKE_TEST_PASS, action_key
from server.features.looking import look
from server.features.offers import OWN_KIND, PYTHON, offers, review_fix
from server.session import key_of

if TYPE_CHECKING:
    from assist.task import Kind
    from server.app import AssayServer

_MAX_PROBLEMS = 10  # of one request; some linters report dozens on a line
_MAX_MESSAGE = 60  # characters of a diagnostic in a title

OPTIONS = lsp.CodeActionOptions(
    code_action_kinds=[
        lsp.CodeActionKind.QuickFix,
        lsp.CodeActionKind.RefactorRewrite,
        lsp.CodeActionKind.Source,
        OWN_KIND,
    ],
    resolve_provider=False,
)

_logger = logging.getLogger("assay.actions")


async def code_action(ls: AssayServer, params: lsp.CodeActionParams) -> list[lsp.Command | lsp.CodeAction]:
    try:
        snapshot = ls.session.snapshot(params.text_document.uri)
        if snapshot is None or snapshot.language_id not in ls.session.settings.languages:
            return []
        actions = [*_actions(ls, snapshot, params), *offers(ls, snapshot, params)]
        return [_shown(ls, action) for action in actions]
    except CommandError as error:  # never a pop-up for something nobody asked for
        _logger.info("no actions: %s", type(error).__name__)
        return []


async def resolve(ls: AssayServer, params: lsp.CodeAction) -> lsp.CodeAction:
    """Actions carry their command from the start; editors that resolve anyway get back what they sent."""
    del ls
    return params


def _actions(ls: AssayServer, snapshot: Snapshot, params: lsp.CodeActionParams) -> Iterator[lsp.CodeAction]:
    from server.targets import function_at

    if snapshot.language_id not in PYTHON:
        if _wants(params, lsp.CodeActionKind.QuickFix):
            fixes = (review_fix(ls, snapshot, each) for each in params.context.diagnostics[:_MAX_PROBLEMS])
            yield from (fix for fix in fixes if fix is not None)
        return
    targets = look(ls, snapshot)
    first, last = params.range.start.line, params.range.end.line
    if _wants(params, lsp.CodeActionKind.QuickFix):
        # A failure that Assay itself reported is about its test, and is offered once.
        tests = {test.id: None for test in targets.tests if test.line <= last and first <= test.end_line}
        ours: dict[str, lsp.Diagnostic | None] = dict(tests)
        for diagnostic in params.context.diagnostics[:_MAX_PROBLEMS]:
            if (test := _failing_test(diagnostic)) is not None:
                ours[test] = diagnostic
            else:
                if (reviewed := review_fix(ls, snapshot, diagnostic)) is not None:
                    yield reviewed
                yield _fix_problem(ls, snapshot, diagnostic)
        for test, failure in ours.items():
            yield _make_test_pass(ls, snapshot, test, failure)
    if _wants(params, lsp.CodeActionKind.RefactorRewrite):
        function = function_at(targets.functions, first)
        if function is not None:
            arguments = Arguments(uri=snapshot.uri, version=snapshot.version, line=function.line, name=function.name)
            yield _action(ls, snapshot, "fix_function", FIX_FUNCTION, f"Fix {function.name}", arguments)


def _fix_problem(ls: AssayServer, snapshot: Snapshot, diagnostic: lsp.Diagnostic) -> lsp.CodeAction:
    message = str(getattr(diagnostic.message, "value", diagnostic.message))
    arguments = Arguments(uri=snapshot.uri, version=snapshot.version, line=diagnostic.range.start.line, message=message)
    first_line = message.strip().partition("\n")[0]
    short = first_line if len(first_line) <= _MAX_MESSAGE else first_line[: _MAX_MESSAGE - 1] + "…"
    action = _action(ls, snapshot, "fix_problem", FIX_PROBLEM, f"Fix: {short}", arguments)
    action.diagnostics = [diagnostic]
    return action


def _make_test_pass(ls: AssayServer, snapshot: Snapshot, test: str, failure: lsp.Diagnostic | None) -> lsp.CodeAction:
    arguments = Arguments(uri=snapshot.uri, version=snapshot.version, test=test)
    name = test.partition("::")[2].replace("::", ".") or test
    along = ls.session.known_along
    ready = along.title_of(ls.session.place_of(snapshot.uri).root, test) if along is not None else None
    action = _action(ls, snapshot, "make_test_pass", MAKE_TEST_PASS, ready or f"Make {name} pass", arguments)
    action.diagnostics = [failure] if failure is not None else None
    return action


def _failing_test(diagnostic: lsp.Diagnostic) -> str | None:
    """The test that a diagnostic of our own is about."""
    data: object = diagnostic.data
    test = cast("Mapping[str, object]", data).get("test") if isinstance(data, Mapping) else None
    return test if diagnostic.source == SOURCE and isinstance(test, str) else None


def _action(
    ls: AssayServer, snapshot: Snapshot, kind: Kind, command: str, title: str, arguments: Arguments
) -> lsp.CodeAction:
    known = ls.session.results.title_of_fix(key_of(snapshot.uri), action_key(kind, arguments), snapshot.version)
    shown = known or title
    values: list[Any] = [arguments.plain()]
    tagged = ls.session.client.llm_tag and any("chat" in model.roles for model in ls.session.settings.models)
    return lsp.CodeAction(
        title=shown,
        kind=lsp.CodeActionKind.RefactorRewrite if kind == "fix_function" else lsp.CodeActionKind.QuickFix,
        command=lsp.Command(title=shown, command=command, arguments=values),
        tags=[lsp.CodeActionTag.LlmGenerated] if tagged else None,
    )


def _shown(ls: AssayServer, action: lsp.CodeAction) -> lsp.Command | lsp.CodeAction:
    """Editors from before CodeAction get its command."""
    if ls.session.client.action_literals or action.command is None:
        return action
    return action.command


def _wants(params: lsp.CodeActionParams, kind: lsp.CodeActionKind) -> bool:
    only = params.context.only
    if only is None:
        return True
    names = [str(getattr(each, "value", each)) for each in only]
    return any(name == "" or kind.value == name or kind.value.startswith(f"{name}.") for name in names)
