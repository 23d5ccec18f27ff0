"""One workspace's index: opened, kept fresh, searched. Lives in the index host, on its event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retrieval.chunk import Hit
from retrieval.errors import EmbedderError
from retrieval.index.embeddings import Embedders, Embeddings
from retrieval.index.indexer import Indexer
from retrieval.index.manifest import Manifest
from retrieval.index.overlay import Overlays
from retrieval.index.progress import Progress
from retrieval.index.watch import Watcher
from retrieval.index.workers import Workers
from retrieval.lexical.encode import encode_query
from retrieval.ports import Candidates, ChunkStore, Entry, Source, Sparse, StoreQuery, VectorCache
from retrieval.question import Answer, Question
from retrieval.rank.rerank import DEPTH, rerank
from retrieval.rank.stack import DEFAULT, RankOptions, rank

log = logging.getLogger(__name__)

_RECONCILE = 300.0
"""Seconds between looks at the whole tree, for events that were lost."""
_NO_WORDS = Sparse((), ())
_CANDIDATES = 100
"""Of each list; more of them change no result of the evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    rank: RankOptions = DEFAULT
    rerank: bool = False
    """Whether the embedder takes a second look at the best hits: some 100 ms for each search."""


class Index:
    """Make it with `open_index`."""

    def __init__(
        self,
        root: Path,
        workspace: str,
        store: ChunkStore,
        manifest: Manifest,
        manifest_file: Path,
        workers: Workers,
        near: Workers,
        embedders: Embedders,
        embedder: str,
        cache: VectorCache,
        sources: Sequence[Source],
        options: SearchOptions = SearchOptions(),
    ) -> None:
        """:param embedder: the name of the one that the settings want; empty for none."""
        self.root, self.workspace = root, workspace
        self.store, self.manifest, self.manifest_file = store, manifest, manifest_file
        self.workers = workers
        self._options = options
        self._listeners: list[Callable[[Progress], None]] = []
        self.indexer = Indexer(
            root,
            workspace,
            store,
            manifest,
            manifest_file,
            workers,
            near,
            sources=sources,
            on_added=self._added,
            on_progress=self._changed,
        )
        self.overlays = Overlays(root, workspace, self.indexer.replace, near)
        self.embeddings = Embeddings(
            root,
            store,
            manifest,
            manifest_file,
            workers,
            embedders,
            embedder,
            cache,
            settled=self.indexer.settled,
            changed=self._changed,
            run=self._run,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watcher: Watcher | None = None

    async def start(self, *, watch: bool) -> None:
        """Begin to catch up with the workspace."""
        await self.store.drop_windows()
        self.indexer.progress = replace(self.indexer.progress, chunks=await self.store.count())
        self._run(self.indexer.run())
        self.embeddings.start()
        if watch:
            self._watcher = Watcher(self.root, self.indexer.touch, self.indexer.rescan)
            await asyncio.to_thread(self._watcher.start)
            self._run(self._reconcile())

    async def failed(self) -> None:
        """Waits; raises what ended one of the index's tasks, in practice StoreCorrupt."""
        await asyncio.shield(self._failure)

    async def close(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        await self.embeddings.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._failure.cancel()

    @property
    def progress(self) -> Progress:
        return self.embeddings.with_progress(self.indexer.progress)

    def listen(self, listener: Callable[[Progress], None]) -> Callable[[], None]:
        """Be told of progress; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def lexical_ready(self) -> None:
        """Returns when every change that is known is searchable by words."""
        await self.indexer.settled()

    async def dense_ready(self) -> None:
        """Returns when everything that is known has its vector, what other sources gave among it."""
        await self.indexer.visited()
        await self.embeddings.finished()

    async def search(self, question: Question) -> Answer:
        """The best chunks for a question, best first.

        :raises StoreError: when the store cannot answer.
        """
        began = time.perf_counter()
        candidates, notes = await self.candidates(question)
        limit = max(question.limit, DEPTH) if self._options.rerank else question.limit
        ranked = rank(question.text, candidates, options=self._options.rank, recent=self.indexer.recent(), limit=limit)
        texts = await self.store.texts([one.id for one in ranked])
        if self._options.rerank and (embedder := self.embeddings.query) is not None:
            try:
                ranked = await rerank(question.text, ranked, texts, embedder)
            except EmbedderError as error:
                notes = (*notes, f"not looked at twice: {error}")
        ranked = ranked[: question.limit]
        hits = tuple(
            Hit(chunk=texts[one.id], score=one.score, reasons=one.reasons) for one in ranked if one.id in texts
        )
        return Answer(hits=hits, seconds=time.perf_counter() - began, notes=notes)

    async def candidates(self, question: Question) -> tuple[Candidates, tuple[str, ...]]:
        """Both halves of a search before ranking, and what is missing from it."""
        words = StoreQuery(
            lexical=encode_query(question.text),
            limit=_CANDIDATES,
            languages=question.languages,
            path_prefix=question.path_prefix,
            window=question.window,
            without=self.overlays.paths(question.window),
        )
        embedding = asyncio.create_task(self.embeddings.vectors(question.text))
        try:
            await asyncio.sleep(0)  # the model begins on its own thread, and the store looks for words meanwhile
            by_words = await self.store.search(words)
            vectors, note = await embedding
        finally:
            embedding.cancel()
        found = by_words
        if vectors:
            by_meaning = await self.store.search(replace(words, lexical=_NO_WORDS, dense=vectors))
            found = replace(by_words, dense=by_meaning.dense)
        progress = self.progress
        notes = [note] if note else []
        if not progress.is_lexical_ready:
            notes.append(f"the index is still {progress.phase}: {progress.pending} files are not searchable yet")
        elif not progress.is_dense_ready:
            missing = progress.chunks - progress.embedded
            notes.append(f"{missing} of {progress.chunks} chunks have no vector yet and are found by their words only")
        return found, tuple(notes)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start something that lives as long as the index; its failure is the index's."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _reconcile(self) -> None:
        while True:
            await asyncio.sleep(_RECONCILE)
            self.indexer.rescan()

    def _added(self, entries: Sequence[Entry]) -> None:
        self.embeddings.added(entries)

    def _changed(self) -> None:
        for listener in list(self._listeners):
            listener(self.progress)
