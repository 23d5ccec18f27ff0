"""Conversations of one client: what each turn may use, who waits for whom, and where they are kept."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.configuration import state_folder
from server.errors import Busy, CommandError, NotInWorkspace
from server.features.configuration import refresh_settings
from server.models import with_role
from server.session import path_of

if TYPE_CHECKING:
    from assist.chat.answer import Means
    from assist.chat.files import Files
    from assist.chat.history import History
    from server.app import AssayServer
    from server.session import Session
    from server.settings import Settings

RUNNING = 2
"""Turns at once; a model that answers two at half the speed helps nobody."""
WAITING = 4
"""Turns that may wait; with more, nobody remembers what they asked."""
_CONFIGURED_SECONDS = 10.0  # an editor that never sends `initialized` gets the settings without its own


@dataclass(slots=True)
class Chatting:
    """What runs and what waits. Owned by the event loop."""

    env: Any
    active: dict[str, asyncio.Task[Any]] = field(default_factory=dict[str, "asyncio.Task[Any]"])
    """By conversation."""
    tokens: dict[str | int, asyncio.Task[Any]] = field(default_factory=dict[str | int, "asyncio.Task[Any]"])
    """By the token of the editor's progress."""
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(RUNNING))
    _stored: History | None = None
    _passing: History | None = None
    listings: dict[Path, tuple[float, tuple[str, ...]]] = field(
        default_factory=dict[Path, "tuple[float, tuple[str, ...]]"]
    )
    """Files of a workspace that chips may name, with the time of the look."""

    @contextlib.contextmanager
    def turn(self, conversation: str, token: str | int | None) -> Generator[None]:
        """One turn of a conversation, which this task has.

        :raises Busy: the conversation has one already, or as many wait as may.
        """
        if conversation in self.active:
            raise Busy("This conversation is still answering; wait for it, or cancel it.")
        if len(self.active) >= RUNNING + WAITING:
            raise Busy(f"Assay is busy with {len(self.active)} other answers; try again when one of them is done.")
        task = asyncio.current_task()
        assert task is not None
        self.active[conversation] = task
        if token is not None:
            self.tokens[token] = task
        try:
            yield
        finally:
            del self.active[conversation]
            if token is not None:
                self.tokens.pop(token, None)

    @property
    def must_wait(self) -> bool:
        return self._slots.locked()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        async with self._slots:
            yield

    def cancel(self, token: str | int | None = None) -> int:
        """Cancel the turn of a progress token, or all; how many."""
        chosen = list(self.active.values()) if token is None else [self.tokens[token]] if token in self.tokens else []
        for task in chosen:
            task.cancel()
        return len(chosen)

    def history(self, settings: Settings) -> History:
        from assist.chat.history import PassingHistory, StoredHistory

        if settings.chat.history == "on":
            if self._stored is None:
                self._stored = StoredHistory(state_folder(self.env) / "chat.sqlite")
            return self._stored
        if self._passing is None:
            self._passing = PassingHistory()
        return self._passing


async def settled_settings(ls: AssayServer, root: Path | None) -> Settings:
    """The settings in force for a folder, once the editor has told its own.

    :raises CommandError: chat is switched off.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CONFIGURED_SECONDS):
            await ls.session.configured.wait()
    settings = refresh_settings(ls, root)
    if settings.chat.enabled != "on":
        raise CommandError("Chat is switched off; set chat.enabled to on to use it.")
    return settings


def new_id() -> str:
    return uuid.uuid4().hex


def folder_for(session: Session, uri: str | None) -> Path | None:
    """The open folder that a document is in, else its own project; the first folder without a document.

    :raises NotInWorkspace: the document is no file.
    """
    folders = [folder.resolve() for folder in session.folders if folder.is_dir()]
    if uri is None:
        return folders[0] if folders else None
    root = session.place_of(uri).root
    return next((folder for folder in folders if root.is_relative_to(folder)), root)


def path_in(root: Path, uri: str) -> str:
    """A document's path in a folder; empty when it is in none, or no file."""
    try:
        path = path_of(uri)
        return (path.parent.resolve() / path.name).relative_to(root).as_posix()
    except (NotInWorkspace, ValueError, OSError, RuntimeError):
        return ""


def files_of(session: Session, root: Path) -> Files:
    """The folder as the editor shows it now: unsaved text over what is on disk."""
    from assist.chat.files import Files

    buffers: dict[str, str] = {}
    for document in session.documents.values():
        if document.in_sync and (path := path_in(root, document.uri)):
            buffers[path] = document.snapshot().text
    return Files(root, buffers)


def means_for(ls: AssayServer, root: Path | None, settings: Settings, files: Files | None) -> Means:
    """What a turn may use. The fix of `/fix` is the caller's to add."""
    from assist.chat.answer import Means
    from inference.errors import InferenceError
    from server.finder import IndexFinder

    session = ls.session
    problem = ""
    try:
        generator = session.models.get(settings).chat()
    except InferenceError as error:
        generator, problem = None, f"The model's settings cannot be used: {error}"
    finder = None
    if root is not None and settings.index.enabled == "on":
        from server.features.index import client_of

        finder = IndexFinder(client_of(ls, root))
    models = with_role(settings.models, "chat")
    means = Means(
        generator=generator,
        finder=finder,
        files=files,
        files_now=None if root is None else lambda: files_of(session, root),
        context_tokens=min((model.context_tokens for model in models), default=8192),
        context_share=settings.chat.context_share,
        seconds=settings.chat.seconds,
    )
    if not problem:
        return means
    import dataclasses

    return dataclasses.replace(means, no_model=problem)
