"""The indexes of one editor window: a connection for each workspace folder, made when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from server.model_settings import ModelSettings
from server.settings import IndexSettings, Settings

if TYPE_CHECKING:
    from retrieval.host.client import IndexClient

OnProgress = Callable[[], None]
_Wanted = tuple[IndexSettings, tuple[ModelSettings, ...]]


class Indexes:
    def __init__(self, env: Mapping[str, str], on_progress: OnProgress) -> None:
        self._env = env
        self._on_progress = on_progress
        self._clients: dict[Path, tuple[_Wanted, IndexClient]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def get(self, root: Path, settings: Settings) -> IndexClient:
        """The connection for a folder under the settings in force.

        :param root: resolved.
        """
        wanted = (settings.index, tuple(model for model in settings.models if "embed" in model.roles))
        known = self._clients.get(root)
        if known is not None and known[0] == wanted:
            return known[1]
        self.drop(root)
        from server.indexing import index_client

        client = index_client(root, wanted[0], self._env, models=wanted[1], on_progress=lambda _: self._on_progress())
        self._clients[root] = (wanted, client)
        return client

    def known(self) -> dict[Path, IndexClient]:
        return {root: client for root, (_, client) in self._clients.items()}

    def drop(self, root: Path) -> None:
        """Close a folder's connection; its host goes with the last window."""
        known = self._clients.pop(root, None)
        if known is not None:
            task = asyncio.create_task(known[1].close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        for root in list(self._clients):
            self.drop(root)
        if self._closing:
            await asyncio.wait(self._closing)
