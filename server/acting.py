"""What an action begins with: where it was asked for, the model, and what its edits are tried with."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from server.documents import Snapshot
from server.errors import CommandError
from server.features.configuration import ready_runner, refresh_settings
from server.features.prepare import contents
from server.features.status import send_status
from server.models import with_role
from server.runtime import chosen_path
from server.session import Place
from server.sources import encode
from server.work import Report
from workspace.trust import Trust

if TYPE_CHECKING:
    from assist.actions.ask import Model
    from assist.actions.focus import Spot
    from assist.actions.judges import Bench
    from server.app import AssayServer
    from server.arguments import Arguments
    from server.settings import Settings

NO_MODEL = "no model is set up (models.NAME in the settings)"
"""Why an action is impossible, as the end of a sentence."""
_CONFIGURED_SECONDS = 10.0  # an editor that never sends `initialized` gets the settings without its own


@contextmanager
def speaking() -> Generator[None]:
    """What an action cannot do is told to its user as any command tells it: `assist` is not loaded before it is used.

    :raises CommandError: in place of an `ActionError`.
    """
    from assist.actions.errors import ActionError

    try:
        yield
    except ActionError as error:
        raise CommandError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One command with all it rests on, taken before the first `await`."""

    title: str
    """For people: `Assay: simplify total`."""
    arguments: Arguments
    place: Place
    document: Snapshot | None
    """None for a file that is not open."""
    snapshots: Mapping[str, Snapshot]
    """Open documents by path."""


def asked_at(ls: AssayServer, title: str, arguments: Arguments) -> Asked:
    """:raises CommandError: the document moved on since the action was offered, or may not be shown to a model."""
    session = ls.session
    place = session.place_of(arguments.uri)
    document = session.snapshot(arguments.uri)
    if document is not None and arguments.version not in (None, document.version):
        raise CommandError(f"{place.path} has changed since this was offered; ask for the actions again.")
    if why := why_not_shown(place):
        raise CommandError(f"{place.path} {why}, so no model may see it.")
    return Asked(
        title=title,
        arguments=arguments,
        place=place,
        document=document,
        snapshots=session.documents_in(place.root),
    )


def why_not_shown(place: Place) -> str:
    """Why no model may see a file, as the end of a sentence about it; empty when one may."""
    from workspace.errors import WorkspaceError
    from workspace.walk import why_not

    try:
        reason = why_not(place.root, place.path)
    except (WorkspaceError, OSError, ValueError):
        return "cannot be read"
    return "" if reason is None else reason.value


def spot_of(asked: Asked) -> Spot:
    """Where the command was asked for. Reads the file when it is not open.

    :raises CommandError: there is no such file.
    """
    from assist.actions.focus import Spot

    if asked.document is not None:
        content = encode(asked.document.text)
    else:
        try:
            content = (asked.place.root / asked.place.path).read_bytes()
        except OSError as error:
            raise CommandError(f"{asked.place.path} cannot be read; open it, and ask again.") from error
    first = asked.arguments.line or 0
    return Spot(path=asked.place.path, content=content, first=first, last=max(first, asked.arguments.end_line or first))


async def settled(ls: AssayServer, root: Path) -> Settings:
    """The settings in force, once the editor has told its own."""
    session = ls.session
    with suppress(TimeoutError):
        async with asyncio.timeout(_CONFIGURED_SECONDS):
            await session.configured.wait()
    session.forget_roots()
    return refresh_settings(ls, root)


def model_of(ls: AssayServer, settings: Settings, report: Report) -> Model:
    """:raises CommandError: none is set up.

    :raises InferenceError: its settings cannot be used.
    """
    from assist.actions.ask import Model

    models = ls.session.models.get(settings)
    generator = models.chat()
    if generator is None:
        raise CommandError(f"This needs a model, and {NO_MODEL}.")
    return Model(generator=generator, prompts=models.prompts, progress=report)


def has_model(settings: Settings) -> bool:
    return bool(with_role(settings.models, "chat"))


async def bench_for(
    ls: AssayServer, root: Path, snapshots: Mapping[str, Snapshot], settings: Settings, title: str, report: Report,
    *, runs: bool,
) -> Bench:  # fmt: skip
    """What edits are tried with; without a sandbox it says why nothing is run.

    :param runs: whether the sandbox can run what is edited.
    :raises WorkspaceError: the workspace cannot be read, or has no Python.
    """
    from assist.actions.judges import Bench
    from workspace.project import open_project

    report("looking for the sandbox")
    runner = await ready_runner(ls, settings)
    send_status(ls, "busy", title)
    why_not = runner.isolation.detail or "there is no sandbox here." if runner.isolation.name == "none" else ""
    project = None
    if runs:
        report("reading the workspace")
        project = await asyncio.to_thread(
            open_project,
            root,
            python=chosen_path(settings.python),
            overlay=contents(snapshots),
            env=ls.session.configuration.env,
            trusted=settings.trust is Trust.TRUSTED,
        )
    return Bench(project=project, runner=runner, why_not=why_not, seconds=settings.sandbox.seconds, progress=report)
