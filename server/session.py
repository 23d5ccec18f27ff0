"""The mutable state of one client's server. Owned by the event loop: only handlers on it read and write this."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pygls.uris import from_fs_path, to_fs_path

from server import runtime
from server.allowed import Allowed
from server.client import ClientSupport
from server.configuration import Configuration
from server.documents import Document, Snapshot
from server.errors import DocumentOutOfSync, NotInWorkspace
from server.indexes import Indexes
from server.log import log_failure
from server.positions import Encoding
from server.proposals import Proposals
from server.recent import RecentEdits
from server.results import Results
from server.reviews import Reviews
from server.settings import Problem, Settings
from server.work import Workplace
from workspace.errors import OutsideWorkspace, WorkspaceError
from workspace.root import find_root, relative_path

if TYPE_CHECKING:
    from retrieval.host.client import IndexClient
    from sandbox.ports import Isolation
    from server.along import Along
    from server.chatting import Chatting
    from server.completing import Completing
    from server.next_editing import NextEditing
    from server.targets import Targets

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")

_logger = logging.getLogger("assay.session")


@dataclass(frozen=True, slots=True)
class Place:
    root: Path
    """Resolved."""
    path: str
    """Relative to the root, with forward slashes."""


@dataclass(slots=True)
class Session:
    configuration: Configuration = field(default_factory=lambda: Configuration(os.environ))
    client: ClientSupport = field(default_factory=ClientSupport)
    encoding: Encoding = "utf-16"
    folders: list[Path] = field(default_factory=list[Path])
    """Workspace folders as the editor names them."""
    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    """Open documents by `key_of` their uri."""
    settings: Settings = field(default_factory=Settings)
    """What was in force when last looked; without any workspace's own file."""
    problems: frozenset[Problem] = frozenset()
    """What was wrong with the settings, and has been reported."""
    results: Results = field(default_factory=Results)
    work: Workplace = field(default_factory=Workplace)
    seen: dict[str, tuple[int, str, Targets]] = field(default_factory=dict[str, "tuple[int, str, Targets]"])
    """Tests and functions of open documents, with the version and text they were seen in."""
    isolation: Isolation | None = None
    """What code runs under, once it is known."""
    status: dict[str, Any] = field(default_factory=dict[str, Any])
    """The last `assay/status` that was sent."""
    configured: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the editor's settings have come, or it has been asked in vain."""
    buffers: dict[str, asyncio.TimerHandle] = field(default_factory=dict[str, asyncio.TimerHandle])
    """Changes of open documents that the index will be told of when the typing rests."""
    telling_index: asyncio.TimerHandle | None = None
    telling_completion: asyncio.TimerHandle | None = None
    proposals: Proposals = field(default_factory=Proposals)
    """Edits and answers that can still be shown."""
    reviews: Reviews = field(default_factory=Reviews)
    looking: dict[str, asyncio.TimerHandle] = field(default_factory=dict[str, asyncio.TimerHandle])
    """Documents whose findings will be looked for again when the typing rests."""
    recent: RecentEdits = field(default_factory=RecentEdits)
    allowed: Allowed = field(default_factory=Allowed)
    explanations: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What `assay/explain` says of the last completion, answer or action: by kind, the newest last."""
    _completing: Completing | None = None
    _chatting: Chatting | None = None
    _next_editing: NextEditing | None = None
    _along: Along | None = None
    typed_at: float = float("-inf")
    """When a document was last changed, in seconds of the monotonic clock."""
    _indexes: Indexes | None = None
    _runners: runtime.Runners | None = None
    _models: runtime.KeptModels | None = None
    _roots: dict[Path, Path] = field(default_factory=dict[Path, Path])
    _background: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def document(self, uri: str) -> Document | None:
        return self.documents.get(key_of(uri))

    def snapshot(self, uri: str) -> Snapshot | None:
        """The document as it is now, or None when it is not open.

        :raises DocumentOutOfSync: it is open, but a change of it was missed.
        """
        document = self.document(uri)
        if document is None:
            return None
        if not document.in_sync:
            raise DocumentOutOfSync(
                f"{Path(uri).name} here differs from what the editor shows, because a change could not be read; "
                "close the file and open it again."
            )
        return document.snapshot()

    def place_of(self, uri: str) -> Place:
        """Where a document belongs. Looks at a few names on the disk the first time it sees a folder.

        :raises NotInWorkspace: it is no file, or its path leads out of its own root.
        """
        path = path_of(uri)
        root = self._roots.get(path.parent)
        if root is None:
            root = self._roots[path.parent] = self._root_of(path)
        try:
            return Place(root, relative_path(root, path))
        except OutsideWorkspace as error:
            raise NotInWorkspace(str(error)) from error

    def forget_roots(self) -> None:
        """Look again: folders were added, or a project file was."""
        self._roots.clear()

    def documents_in(self, root: Path) -> dict[str, Snapshot]:
        """The open documents of a workspace by path, those that are out of sync left out."""
        found: dict[str, Snapshot] = {}
        for document in self.documents.values():
            try:
                place = self.place_of(document.uri)
            except NotInWorkspace:
                continue
            if place.root == root and document.in_sync:
                found[place.path] = document.snapshot()
        return found

    def uri_in(self, root: Path, path: str) -> str:
        """The uri of a file, as the editor writes it when it has the file open."""
        for document in self.documents.values():
            with contextlib.suppress(NotInWorkspace):
                if self.place_of(document.uri) == Place(root, path):
                    return document.uri
        # Below the folder as the editor named it, which may be a symlink to the root.
        for folder in self.folders:
            if folder.resolve() == root:
                return uri_of(folder / path)
        return uri_of(root / path)

    def _root_of(self, path: Path) -> Path:
        holding = [folder for folder in self.folders if path.is_relative_to(folder)]
        folder = max(holding, key=lambda each: len(each.parts), default=None)
        try:
            nearest = find_root(path.parent)
            if folder is None:
                return nearest
            folder = folder.resolve()
        except (WorkspaceError, OSError) as error:
            raise NotInWorkspace(f"{path.parent} does not exist; save the document first.") from error
        # A project inside of the folder that was opened, as in a repository of many; else the folder itself.
        inner = nearest != folder and nearest.is_relative_to(folder)
        return nearest if inner and any((nearest / name).is_file() for name in _PROJECT_FILES) else folder

    @property
    def runners(self) -> runtime.Runners:
        if self._runners is None:
            self._runners = runtime.Runners(self.configuration.env)
        return self._runners

    @property
    def models(self) -> runtime.KeptModels:
        if self._models is None:
            self._models = runtime.KeptModels(self.configuration.env)
        return self._models

    @property
    def completing(self) -> Completing:
        if self._completing is None:
            from server.completing import Completing

            self._completing = Completing(self)
        return self._completing

    @property
    def known_completing(self) -> Completing | None:
        """None before the first completion was asked for."""
        return self._completing

    @property
    def chatting(self) -> Chatting:
        if self._chatting is None:
            from server.chatting import Chatting

            self._chatting = Chatting(self.configuration.env)
        return self._chatting

    @property
    def known_chatting(self) -> Chatting | None:
        """None before the first conversation."""
        return self._chatting

    @property
    def next_editing(self) -> NextEditing:
        if self._next_editing is None:
            from server.next_editing import NextEditing

            self._next_editing = NextEditing(self)
        return self._next_editing

    @property
    def known_next_editing(self) -> NextEditing | None:
        """None before the first next edit was asked for."""
        return self._next_editing

    @property
    def along(self) -> Along:
        if self._along is None:
            from server.along import Along

            self._along = Along()
        return self._along

    @property
    def known_along(self) -> Along | None:
        """None before anything was saved with working along turned on."""
        return self._along

    def explain(self, kind: str, explanation: dict[str, Any]) -> None:
        """Keep how the last answer of a kind came about."""
        self.explanations.pop(kind, None)
        self.explanations[kind] = explanation

    def indexes(self, on_progress: Callable[[], None]) -> Indexes:
        """The connections to indexes; the first caller's `on_progress` is told of all of them."""
        if self._indexes is None:
            self._indexes = Indexes(self.configuration.env, on_progress)
        return self._indexes

    def known_indexes(self) -> dict[Path, IndexClient]:
        return {} if self._indexes is None else self._indexes.known()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something in the background until it ends or the server stops; failures go to the log."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    async def stop(self) -> None:
        """Cancel the background work, wait for it, and end the sandboxes."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for timer in (*self.buffers.values(), *self.looking.values(), self.telling_index, self.telling_completion):
            if timer is not None:
                timer.cancel()
        self.buffers.clear()
        if self._completing is not None:
            await self._completing.close()
        if self._indexes is not None:
            await self._indexes.close()
        if self._models is not None:
            await self._models.close()
        if self._runners is not None:
            await self._runners.close()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log_failure(_logger, task.get_name(), error)


def key_of(uri: str) -> str:
    """One key for the ways editors escape the same uri."""
    return unquote(uri)


def path_of(uri: str) -> Path:
    """:raises NotInWorkspace: the document is not a file: never saved, or in a scheme of the editor's."""
    path = to_fs_path(uri)
    if not path or "\0" in path:
        raise NotInWorkspace("Only files on this machine can be fixed; save the document first.")
    return Path(path)


def uri_of(path: Path) -> str:
    uri = from_fs_path(str(path))
    assert uri is not None  # only for what is not a string
    return uri
