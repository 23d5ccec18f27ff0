"""What every command that runs code begins with: settings as they are now, the sandbox, the project."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from server.documents import Snapshot
from server.errors import NothingRuns
from server.features.configuration import ready_runner, refresh_settings
from server.features.status import send_status
from server.runtime import chosen_path
from server.sources import encode
from server.work import Report
from workspace.trust import Trust

if TYPE_CHECKING:
    from sandbox.ports import Runner
    from server.app import AssayServer
    from server.settings import Settings
    from workspace.project import Project

_CONFIGURED_SECONDS = 10.0  # an editor that never sends `initialized` gets the settings without its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    settings: Settings
    runner: Runner
    project: Project


async def prepare(
    ls: AssayServer, root: Path, snapshots: Mapping[str, Snapshot], title: str, report: Report
) -> Prepared:
    """
    :param snapshots: open documents by path; they stand in for what is on disk.
    :raises NothingRuns: the workspace is not trusted, or there is no sandbox.
    :raises WorkspaceError: the workspace cannot be read, or has no Python.
    """
    session = ls.session
    with suppress(TimeoutError):
        async with asyncio.timeout(_CONFIGURED_SECONDS):
            await session.configured.wait()
    session.forget_roots()
    settings = refresh_settings(ls, root)
    report("looking for the sandbox")
    runner = await ready_runner(ls, settings)
    if runner.isolation.name == "none":
        raise NothingRuns(runner.isolation.detail)
    send_status(ls, "busy", title)

    from workspace.project import open_project

    report("reading the workspace")
    project = await asyncio.to_thread(
        open_project,
        root,
        python=chosen_path(settings.python),
        overlay=contents(snapshots),
        env=session.configuration.env,
        trusted=settings.trust is Trust.TRUSTED,
    )
    return Prepared(settings=settings, runner=runner, project=project)


def contents(snapshots: Mapping[str, Snapshot]) -> dict[str, bytes]:
    """Files as the editor would save them."""
    return {path: encode(snapshot.text) for path, snapshot in snapshots.items()}


def say(ls: AssayServer, message: str) -> None:
    """One sentence for whoever asked for a command."""
    ls.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Warning, message=f"Assay: {message}"))
