"""From "something changed" to chunks in the store: coalesced by path, in bulk or one by one, surviving what fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from retrieval.errors import StoreCorrupt, StoreError
from retrieval.index.manifest import NO_SIGNATURE, FileState, Manifest
from retrieval.index.prepare import Prepared, entries_of, prepare, prepare_files
from retrieval.index.progress import Progress
from retrieval.index.scan import Scan, scan
from retrieval.index.workers import Workers
from retrieval.ports import ChunkStore, Entry, Source

log = logging.getLogger(__name__)

_FEW = 8
"""Files that somebody has just saved: they go to a process that is always there, and not behind a bulk."""
_ONE_SECONDS = 8.0
_BATCH_SECONDS = 60.0
"""For preparing one file and a batch of them. tree-sitter's error recovery can take minutes over 16 kB that were made
for it, and native code can only be killed."""
_BATCH = 48
"""Files that a worker takes at once: large enough to hide the hand-over, small enough for steady progress."""
_AT_WORK = 4
"""Batches that are out at once, so that two workers never wait."""
_COALESCE = 0.015
"""Seconds. An editor's atomic save is several events within a millisecond or two."""
_BURST = 400
"""Changed paths at once from which a look at the whole tree is cheaper than one at each."""
_RETRY = (0.5, 2.0, 10.0, 30.0)
"""Seconds between attempts at a store that cannot be used; the last one again and again."""
_UNSETTLED = 0.25
"""Seconds until a file that changed while it was read is read again."""

Added = Callable[[Sequence[Entry]], None]


class Indexer:
    """Owns all writing of a workspace's content to the store and the manifest. Lives on one event loop."""

    def __init__(
        self,
        root: Path,
        workspace: str,
        store: ChunkStore,
        manifest: Manifest,
        manifest_file: Path,
        workers: Workers,
        near: Workers,
        *,
        sources: Sequence[Source] = (),
        on_added: Added,
        on_progress: Callable[[], None],
    ) -> None:
        self._root, self._workspace = root, workspace
        self._store, self._manifest, self._manifest_file = store, manifest, manifest_file
        self._workers, self._near = workers, near
        self._sources = sources
        self._on_added, self._on_progress = on_added, on_progress
        self._dirty: dict[str, None] = {}
        self._whole = True
        self._wake = asyncio.Event()
        self._wake.set()
        self._writing = asyncio.Lock()
        self._idle = asyncio.Event()
        self._sources_due = False
        self._visited = asyncio.Event()
        self._edited: dict[str, float] = {}
        self.writes = 0
        """Batches written since it was opened: another number means other content."""
        self.progress = Progress()

    def touch(self, paths: Iterable[str]) -> None:
        """Files may have changed, come or gone. Relative to the root."""
        for path in paths:
            self._dirty[path] = None
        if len(self._dirty) > _BURST:
            self._whole = True
        if self._dirty or self._whole:
            self._idle.clear()
            self._wake.set()

    def rescan(self) -> None:
        """Anything may have changed."""
        self._whole = True
        self._idle.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Returns when all changes that are known are searchable."""
        await self._idle.wait()

    async def visited(self) -> None:
        """Returns when the other sources have been asked, too."""
        await self._idle.wait()
        await self._visited.wait()

    def recent(self) -> dict[str, float]:
        """Seconds since each file was seen to change, of those that changed while this index was open."""
        now = time.monotonic()
        return {path: now - at for path, at in self._edited.items()}

    async def replace(self, files: Mapping[str, Sequence[Entry]], *, window: str = "") -> None:
        """The store's `replace`, in turn with the indexer's own writing."""
        async with self._writing:
            await self._store.replace(files, window=window)

    async def run(self) -> None:
        """Until cancelled. Only StoreCorrupt ends it: everything else is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(_COALESCE)
            await self._patiently(self._round)
            if not self._wake.is_set():
                self._show(phase="ready", pending=0, total=0)
                self._idle.set()
                await self._near.run(prepare_files, self._root, {}, "", allowed=True)  # warm for the first save
                if self._sources_due:
                    await self._patiently(self._visit_sources)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        for attempt in range(1 << 30):
            try:
                await work()
            except StoreCorrupt:
                raise
            except (StoreError, OSError) as error:
                wait = _RETRY[min(attempt, len(_RETRY) - 1)]
                log.warning("the index cannot be written, trying again in %g s: %s", wait, error)
                self._show(phase="waiting", problem=str(error))
                await asyncio.sleep(wait)
            else:
                if self.progress.problem:
                    self._show(problem="")
                return

    async def _round(self) -> None:
        if self._whole:
            await self._look()
        while self._dirty:
            # Taken before they are read: what changes once more meanwhile must come again.
            paths, self._dirty = self._dirty, {}
            try:
                await self._index(list(paths), allowed=False)
            except BaseException:
                self._dirty = {**paths, **self._dirty}
                raise

    async def _look(self) -> None:
        self._show(phase="looking")
        self._whole = False
        self._sources_due = True
        self._visited.clear()
        try:
            found = await self._workers.run(scan, self._root, self._manifest_file)
        except BaseException:
            self._whole = True
            raise
        self._show(files=found.files, skipped=found.skipped)
        await self._forget(found)
        unsettled = await self._index(found.changed, allowed=True, is_first=not self.progress.chunks)
        if found.folders and not unsettled:
            self._manifest.set_folders(found.folders)

    async def _forget(self, found: Scan) -> None:
        # By pieces: a branch switch may remove thousands, and searches come in between.
        for start in range(0, len(found.removed), _BATCH):
            gone = found.removed[start : start + _BATCH]
            await self.replace(dict.fromkeys(gone, ()))
            self._manifest.remove(gone)

    async def _index(self, paths: Sequence[str], *, allowed: bool, is_first: bool = False) -> bool:
        """Bring these up to date; whether some could not be settled and come again."""
        if not paths:
            return False
        self._show(phase="indexing", pending=len(paths), total=len(paths))
        left, unsettled = len(paths), False
        async for done in self._prepared(paths, allowed=allowed):
            unsettled |= await self._store_batch(done, is_first=is_first)
            left -= len(done)
            self._show(pending=left)
        return unsettled

    async def _prepared(self, paths: Sequence[str], *, allowed: bool) -> AsyncIterator[list[Prepared]]:
        if len(paths) > _BATCH:
            digests = self._manifest.digests("")
            known = {path: digests.get(path, "") for path in paths}
        else:
            known = {path: self._manifest.digest(path) or "" for path in paths}
        if len(paths) <= _FEW:
            yield await self._prepare_batch(known, allowed=allowed, workers=self._near)
            return
        batches = [dict(list(known.items())[start : start + _BATCH]) for start in range(0, len(known), _BATCH)]
        running: list[asyncio.Task[list[Prepared]]] = []
        try:
            for batch in batches:
                work = self._prepare_batch(batch, allowed=allowed, workers=self._workers)
                running.append(asyncio.create_task(work))
                if len(running) >= _AT_WORK:
                    yield await running.pop(0)
            while running:
                yield await running.pop(0)
        finally:
            for task in running:
                task.cancel()

    async def _prepare_batch(self, batch: Mapping[str, str], *, allowed: bool, workers: Workers) -> list[Prepared]:
        limit = _ONE_SECONDS if len(batch) == 1 else _BATCH_SECONDS
        try:
            return await workers.within(limit, prepare_files, self._root, batch, self._workspace, allowed=allowed)
        except (BrokenProcessPool, TimeoutError) as error:
            if len(batch) > 1:  # find the file that kills the parser, or keeps it: halve
                items = list(batch.items())
                half = len(items) // 2
                first = await self._prepare_batch(dict(items[:half]), allowed=allowed, workers=workers)
                return first + await self._prepare_batch(dict(items[half:]), allowed=allowed, workers=workers)
            (path,) = batch
            why = "the parser did not end" if isinstance(error, TimeoutError) else "the parser died of it"
            log.warning("%s: %s", why, path)
            return [prepare(self._root, path, "", self._workspace, allowed=allowed, unparsed=why)]

    async def _store_batch(self, done: Sequence[Prepared], *, is_first: bool) -> bool:
        """Store, then note: a crash in between is mended by doing it again, since ids follow from the content."""
        files = {one.path: one.entries for one in done if not one.is_same and not one.is_unsettled}
        async with self._writing:
            self.writes += 1
            if files:
                await self._store.replace(files)
            states = {one.path: one.state for one in done if one.state is not None and not one.is_same}
            if states:
                self._manifest.put(states)
            if gone := [one.path for one in done if one.state is None and not one.is_unsettled]:
                self._manifest.remove(gone)
            if same := {one.path: one.state.signature for one in done if one.is_same and one.state is not None}:
                self._manifest.sign(same)
        if not is_first:
            now = time.monotonic()
            self._edited.update((path, now) for path in files if path in states)
        if added := [entry for entries in files.values() for entry in entries]:
            self._on_added(added)
            self._show(chunks=await self._store.count())
        unsettled = [one.path for one in done if one.is_unsettled]
        if unsettled:
            asyncio.get_running_loop().call_later(_UNSETTLED, self.touch, unsettled)
        return bool(unsettled)

    async def _visit_sources(self) -> None:
        """What is not of the files comes last: nobody waits for it."""
        self._sources_due = False
        for source in self._sources:
            known = self._manifest.digests(f"{source.name}:")
            now = await source.versions()
            if gone := [path for path in known if path not in now]:
                await self.replace(dict.fromkeys(gone, ()))
                self._manifest.remove(gone)
            changed = [path for path, version in now.items() if known.get(path) != version]
            async for document in source.documents(changed):
                state = FileState(signature=NO_SIGNATURE, digest=document.version, language="text",
                                  chunks=len(document.chunks))  # fmt: skip
                async with self._writing:
                    entries = entries_of(document.chunks, self._workspace)
                    await self._store.replace({document.path: entries})
                    self._manifest.put({document.path: state})
                self._on_added(entries)
            self._show(chunks=await self._store.count())
        self._visited.set()

    def _show(self, **changes: object) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]
        self._on_progress()
