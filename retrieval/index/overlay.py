"""Unsaved buffers: what a window has on its screen, searched in the place of what is on disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from retrieval.chunking.chunker import chunk_lines
from retrieval.index.prepare import entries_of, prepare_text
from retrieval.index.workers import Workers
from retrieval.ports import Entry
from workspace.errors import WorkspaceError
from workspace.policy import READ_LIMIT
from workspace.walk import why_not

_SECONDS = 5.0
"""For parsing a buffer; then it is cut by lines."""

Write = Callable[..., Awaitable[None]]


class Overlays:
    """The buffers of all windows, kept in the store beside the files, each seen by its own window alone."""

    def __init__(self, root: Path, workspace: str, write: Write, near: Workers) -> None:
        self._root, self._workspace, self._write, self._near = root, workspace, write, near
        self._open: dict[str, dict[str, tuple[Entry, ...]]] = {}

    async def show(self, window: str, path: str, text: str) -> bool:
        """A window has this text, unsaved, for this path. Whether the policy lets it be searched."""
        content = text.encode("utf-8", "replace")
        try:
            refused = len(content) > READ_LIMIT or why_not(self._root, path) is not None
        except WorkspaceError:
            refused = True
        if refused:
            await self.hide(window, path)
            return False
        try:
            entries = await self._near.within(_SECONDS, prepare_text, path, text, self._workspace, window)
        except (BrokenProcessPool, TimeoutError):
            entries = entries_of(chunk_lines(path, content, "").chunks, self._workspace, window)
        if self._open.get(window, {}).get(path) == entries:
            return True
        await self._write({path: entries}, window=window)
        self._open.setdefault(window, {})[path] = entries
        return True

    async def hide(self, window: str, path: str) -> None:
        """The window saved or closed it: what is on disk counts again."""
        if self._open.get(window, {}).pop(path, None) is not None:
            await self._write({path: ()}, window=window)

    async def close(self, window: str) -> None:
        paths: Mapping[str, Sequence[Entry]] = self._open.pop(window, {})
        if paths:
            await self._write(dict.fromkeys(paths, ()), window=window)

    def paths(self, window: str) -> frozenset[str]:
        return frozenset(self._open.get(window, ()))

    def entries(self, window: str) -> tuple[Entry, ...]:
        return tuple(entry for entries in self._open.get(window, {}).values() for entry in entries)
