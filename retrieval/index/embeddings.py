"""The embedders of an index: the one in use, the one that it moves to, and the move itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retrieval.errors import EmbedderError, StoreError
from retrieval.index.dense import DenseFiller
from retrieval.index.manifest import Manifest
from retrieval.index.migration import (
    Migration,
    choose_embedder,
    chosen_embedder,
    docstring_quality,
    docstring_sample,
    is_good_enough,
    keep_migration,
    read_migration,
)
from retrieval.index.progress import Progress
from retrieval.index.workers import Workers
from retrieval.ports import ChunkStore, Embedder, Entry, VectorCache

Embedders = Callable[[str], tuple[Embedder, Embedder]]
"""By the name that a setting has: one embedder for searches, and one for many texts at once. Raises EmbedderError."""

Run = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts something whose failure is the index's."""

_REMEMBERED_QUERIES = 256
_QUERY_BUDGET = 0.25
"""Seconds that a search waits for the vector of its query; then it goes on without."""


class Embeddings:
    """At most two embedders at work. New content goes to the newer one, searches ask both."""

    def __init__(
        self,
        root: Path,
        store: ChunkStore,
        manifest: Manifest,
        manifest_file: Path,
        workers: Workers,
        embedders: Embedders,
        wanted: str,
        cache: VectorCache,
        *,
        settled: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
        run: Run,
    ) -> None:
        """
        :param wanted: the embedder that the settings name; empty for none.
        :param settled: returns when all content that is known is in the store.
        """
        self._root, self._manifest_file, self._workers = root, manifest_file, workers
        self._store, self._manifest, self._cache = store, manifest, cache
        self._embedders = embedders
        self._wanted = chosen_embedder(manifest, wanted) if wanted else ""
        self._settled, self._changed, self._run = settled, changed, run
        self._current: _Embedding | None = None
        self._next: _Embedding | None = None
        self._migrating: asyncio.Task[None] | None = None
        self._queries: dict[tuple[str, str], list[float]] = {}
        self._problem = ""
        self.migration: Migration | None = None
        """The last move that was begun; None when there never was one."""

    def start(self) -> None:
        """Begin to fill, and go on with a move that is under way."""
        try:
            if self._wanted:
                self._current = self._embedding(self._wanted)
                self._current.start(self._run)
            self.migration = read_migration(self._manifest)
            if self.migration is not None and self.migration.is_running and self._current is not None:
                self._begin_migration(self.migration)
        except EmbedderError as error:  # a model's folder that is gone; words still find
            self._problem = str(error)

    async def close(self) -> None:
        if self._migrating is not None:
            self._migrating.cancel()
            await asyncio.gather(self._migrating, return_exceptions=True)
        for embedding in (self._current, self._next):
            if embedding is not None:
                await embedding.close()

    @property
    def query(self) -> Embedder | None:
        """The one that searches are made with."""
        return None if self._current is None else self._current.query

    def added(self, entries: Sequence[Entry]) -> None:
        """New chunks, which lack vectors."""
        if (used := self._next or self._current) is not None:
            used.filler.added(entries)

    async def finished(self) -> None:
        """Returns when every chunk has its vector."""
        if (used := self._next or self._current) is not None:
            await used.filler.finished()

    def with_progress(self, shown: Progress) -> Progress:
        used = self._next or self._current
        if used is None:
            return replace(shown, dense_problem=self._problem)
        # Before the store has been asked, what it holds from earlier is not known: less is said than there is.
        filler = used.filler
        embedded = max(0, shown.chunks - filler.missing) if filler.has_looked else min(filler.given, shown.chunks)
        return replace(shown, embedder=used.query.id, embedded=embedded, dense_problem=used.filler.problem)

    async def vectors(self, text: str) -> tuple[dict[str, list[float]], str]:
        """The question as each embedder sees it, by the embedder's id, and what is missing from it."""
        vectors: dict[str, list[float]] = {}
        if not text.strip():
            return vectors, ""
        for embedding in (self._current, self._next):
            if embedding is None:
                continue
            key = (embedding.query.id, text)
            if key not in self._queries:
                try:
                    async with asyncio.timeout(_QUERY_BUDGET):
                        made: list[float] = (await embedding.query.embed([text], is_query=True))[0].tolist()
                except (EmbedderError, TimeoutError) as error:
                    return vectors, f"found by words only: {error or 'the embedder did not answer in time'}"
                if len(self._queries) >= _REMEMBERED_QUERIES:
                    self._queries.pop(next(iter(self._queries)))
                self._queries[key] = made
            vectors[embedding.query.id] = self._queries[key]
        return vectors, ""

    def migrate(self, to: str) -> Migration:
        """Begin to move to another embedder, or go on with a move that is paused.

        :raises EmbedderError: there is no such embedder, or the index has none to begin with.
        """
        if self._current is None:
            raise EmbedderError("this index has no vectors to move: set index.embedder instead")
        if self.migration is not None and self.migration.is_running and self.migration.to == to:
            return self.pause_migration(paused=False)
        if self.migration is not None and self.migration.is_running:
            raise EmbedderError(f"a move to {self.migration.to} is under way; roll it back first")
        if to == self._wanted:
            raise EmbedderError(f"this index uses {to} already")
        self._begin_migration(Migration(to=to))
        return self._keep(Migration(to=to))

    def pause_migration(self, *, paused: bool) -> Migration:
        """:raises EmbedderError: no move is under way."""
        if self.migration is None or not self.migration.is_running or self._next is None:
            raise EmbedderError("no move to another embedder is under way")
        (self._next.filler.pause if paused else self._next.filler.resume)()
        return self._keep(replace(self.migration, state="paused" if paused else "filling"))

    async def roll_back(self) -> None:
        """Leave a move that is under way; what is new meanwhile gets the old embedder's vectors.

        :raises EmbedderError: no move is under way.
        """
        if self.migration is None or not self.migration.is_running or self._next is None:
            raise EmbedderError("no move to another embedder is under way")
        await self._leave(self.migration)
        self.migration = None
        keep_migration(self._manifest, None)

    def _begin_migration(self, migration: Migration) -> None:
        self._next = self._embedding(migration.to)
        if migration.state == "paused":
            self._next.filler.pause()
        self.migration = migration
        self._migrating = self._run(self._move(self._next))

    async def _move(self, new: _Embedding) -> None:
        assert self._current is not None
        assert self.migration is not None
        filling = new.start(self._run)
        try:
            await self._settled()
            await new.filler.finished()
            sample = await self._workers.run(docstring_sample, self._root, self._manifest_file)
            before = await docstring_quality(self._store, self._current.query, sample)
            after = await docstring_quality(self._store, new.query, sample)
        except (EmbedderError, StoreError) as error:
            await self._leave(replace(self.migration, state="failed", problem=str(error)))
            return
        finally:
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)
        moved = replace(self.migration, before=round(before, 4), after=round(after, 4))
        if not is_good_enough(before, after, len(sample)):
            await self._leave(replace(moved, state="refused"))
            return
        old, self._current, self._next, self._wanted = self._current, new, None, moved.to
        choose_embedder(self._manifest, moved.to)
        self._keep(replace(moved, state="done"))
        await old.close()
        await self._store.drop_embedder(old.query.id)
        new.start(self._run)

    async def _leave(self, migration: Migration) -> None:
        """Back to the old embedder alone."""
        new, self._next = self._next, None
        self._keep(migration)
        if self._migrating is not None and self._migrating is not asyncio.current_task():
            self._migrating.cancel()
            await asyncio.gather(self._migrating, return_exceptions=True)
        if new is not None:
            await new.close()
            await self._store.drop_embedder(new.query.id)
        if self._current is not None:
            self._current.filler.look_again()

    def _keep(self, migration: Migration) -> Migration:
        self.migration = migration
        keep_migration(self._manifest, migration)
        self._changed()
        return migration

    def _embedding(self, name: str) -> _Embedding:
        return _Embedding(*self._embedders(name), self._store, self._cache, self._changed)


class _Embedding:
    """An embedder at work: one side answers searches at once, the other fills the store in the background."""

    def __init__(
        self, query: Embedder, bulk: Embedder, store: ChunkStore, cache: VectorCache, changed: Callable[[], None]
    ) -> None:
        self.query, self._bulk = query, bulk
        self.filler = DenseFiller(store, bulk, cache, on_progress=changed)
        self._filling: asyncio.Task[None] | None = None

    def start(self, run: Run) -> asyncio.Task[None]:
        self._filling = run(self.filler.run())
        return self._filling

    async def close(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.gather(self._filling, return_exceptions=True)
        await self._bulk.close()
        await self.query.close()
