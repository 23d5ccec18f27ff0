"""initialized, workspace/didChangeConfiguration, workspace/didChangeWorkspaceFolders: what is in force, and where."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path

from server.features import index
from server.features.status import send_rest
from server.log import set_level
from server.suggest import get_ready

if TYPE_CHECKING:
    from sandbox.ports import Runner
    from server.app import AssayServer
    from server.settings import Settings

SECTION = "assay"
_PULL_SECONDS = 5.0

_logger = logging.getLogger("assay.configuration")


async def initialized(ls: AssayServer, _: lsp.InitializedParams) -> None:
    """Read the settings and look for a sandbox; everything heavy begins here and not before."""
    session = ls.session
    refresh_settings(ls)  # what is known already; actions may be asked for before the editor has told its own
    try:
        if session.client.registers_configuration:
            await _register(ls)
        await _pull(ls)
    finally:
        session.configured.set()
    settings = refresh_settings(ls)
    if settings.models:
        session.models.get(settings)  # what it loads is loaded before somebody waits for it
    index.open_folders(ls)
    if settings.complete.enabled == "on":
        session.spawn(get_ready(ls), "getting ready to complete")
    await ready_runner(ls, settings)
    send_rest(ls)
    await index.register_watchers(ls)


async def did_change_configuration(ls: AssayServer, params: lsp.DidChangeConfigurationParams) -> None:
    pushed: object = params.settings
    section = cast("Mapping[str, Any]", pushed).get(SECTION) if isinstance(pushed, Mapping) else None
    if isinstance(section, Mapping):
        ls.session.configuration.editor = cast("Mapping[str, Any]", section)
    else:
        await _pull(ls)
    settings = refresh_settings(ls)
    index.open_folders(ls)
    await ready_runner(ls, settings)
    send_rest(ls)


def did_change_workspace_folders(ls: AssayServer, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
    removed = {to_fs_path(folder.uri) for folder in params.event.removed}
    kept = [folder for folder in ls.session.folders if str(folder) not in removed]
    added = [Path(path) for folder in params.event.added if (path := to_fs_path(folder.uri))]
    ls.session.folders = kept + [folder for folder in added if folder not in kept]
    ls.session.forget_roots()
    index.open_folders(ls)


def refresh_settings(ls: AssayServer, root: Path | None = None) -> Settings:
    """The settings in force, with files read again if they changed; each new problem is reported once."""
    session = ls.session
    settings, problems = session.configuration.settings(root)
    for problem in problems:
        if problem not in session.problems:
            _logger.warning("setting %s was not used", problem.key)
            ls.report(lsp.MessageType.Warning, f"Assay: {problem}")
    session.problems = frozenset(problems)
    session.settings = settings
    set_level(settings.log_level)
    return settings


async def ready_runner(ls: AssayServer, settings: Settings) -> Runner:
    """The runner for these settings; what it isolates with goes into the status."""
    runner = await ls.session.runners.get(settings)
    ls.session.isolation = runner.isolation
    return runner


async def _pull(ls: AssayServer) -> None:
    if not ls.session.client.configuration:
        return
    params = lsp.ConfigurationParams(items=[lsp.ConfigurationItem(section=SECTION)])
    try:
        answer: object = await ls.protocol.ask(lsp.WORKSPACE_CONFIGURATION, params, within=_PULL_SECONDS)
    except JsonRpcException as error:
        _logger.warning("the editor did not give its settings (code %d)", error.code)
        return
    values = cast("list[object]", list(cast("Any", answer))) if isinstance(answer, (list, tuple)) else []
    first = values[0] if values else None
    ls.session.configuration.editor = cast("Mapping[str, Any]", first) if isinstance(first, Mapping) else {}


async def _register(ls: AssayServer) -> None:
    options = lsp.DidChangeConfigurationRegistrationOptions(section=SECTION)
    registration = lsp.Registration(
        id="assay-configuration", method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, register_options=options
    )
    params = lsp.RegistrationParams(registrations=[registration])
    try:
        await ls.protocol.ask(lsp.CLIENT_REGISTER_CAPABILITY, params, within=_PULL_SECONDS)
    except JsonRpcException as error:
        _logger.warning("the editor will not tell of changed settings (code %d)", error.code)
