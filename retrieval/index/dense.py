"""Dense vectors in the background: for what has none yet, from the cache when it knows them, else from the embedder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from retrieval.chunk import Chunk
from retrieval.embedding.vectors import checked
from retrieval.errors import EmbedderError, StoreCorrupt, StoreError
from retrieval.ports import ChunkStore, Embedder, Entry, VectorCache

log = logging.getLogger(__name__)

_ROUND = 256
"""Chunks embedded before they are stored: enough to sort by length, little enough to lose."""
_FEW = 512
"""Chunks remembered one by one; for more of them the store is asked what has no vector."""
_RETRY = (1.0, 5.0, 30.0, 120.0)
"""Seconds until an embedder that failed is asked again."""


class DenseFiller:
    """Gives the chunks of a store the vectors of one embedder. Lives on the index's event loop."""

    def __init__(
        self, store: ChunkStore, embedder: Embedder, cache: VectorCache, *, on_progress: Callable[[], None]
    ) -> None:
        self._store, self._embedder, self._cache = store, embedder, cache
        self._on_progress = on_progress
        self._few: dict[str, Chunk] = {}
        self._all = True
        self._wake = asyncio.Event()
        self._wake.set()
        self._done = asyncio.Event()
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._refused: set[str] = set()
        self.missing = 0
        """Chunks that are known to have no vector; counts while a round runs."""
        self.has_looked = False
        """Whether the store has been asked for chunks without a vector to the end, since this was made."""
        self.given = 0
        """Vectors that this has stored."""
        self.problem = ""

    def added(self, entries: Sequence[Entry]) -> None:
        """New chunks, which may lack vectors."""
        if not self._all:
            self._few.update((entry.id, entry.chunk) for entry in entries if not entry.window)
            if len(self._few) > _FEW:
                self._few.clear()
                self._all = True
        self.missing += len(entries)
        self._done.clear()
        self._wake.set()

    def look_again(self) -> None:
        """Something may lack vectors without having been announced."""
        self._all = True
        self._done.clear()
        self._wake.set()

    def pause(self) -> None:
        self._may_run.clear()

    def resume(self) -> None:
        self._may_run.set()

    async def finished(self) -> None:
        """Returns when every chunk has its vector, or has been refused by the embedder."""
        await self._done.wait()

    async def run(self) -> None:
        """Until cancelled; only StoreCorrupt ends it."""
        failures = 0
        while True:
            await self._wake.wait()
            await self._may_run.wait()
            self._wake.clear()
            try:
                await self._fill()
            except StoreCorrupt:
                raise
            except (EmbedderError, StoreError, OSError) as error:
                wait = _RETRY[min(failures, len(_RETRY) - 1)]
                failures += 1
                log.warning("no vectors for now, trying again in %g s: %s", wait, error)
                self.problem = str(error)
                self._all = True
                self._wake.set()
                self._on_progress()
                await asyncio.sleep(wait)
                continue
            failures, self.problem = 0, ""
            if not self._wake.is_set():
                self.missing = 0
                self._done.set()
            self._on_progress()

    async def _fill(self) -> None:
        await self._store.add_embedder(self._embedder.id, self._embedder.dimension)
        while self._all or self._few:
            if self._all:
                self._all = False
                self._few.clear()
                async for batch in self._store.without_vectors(self._embedder.id):
                    left: dict[str, Chunk] = {name: chunk for name, chunk in batch if chunk.digest not in self._refused}
                    while left:
                        now = dict(islice(left.items(), _ROUND))
                        left: dict[str, Chunk] = {name: chunk for name, chunk in left.items() if name not in now}
                        await self._give(now)
                self.has_looked = True
            else:
                now = dict(islice(self._few.items(), _ROUND))
                for name in now:
                    del self._few[name]
                await self._give(now)

    async def _give(self, chunks: Mapping[str, Chunk]) -> None:
        await self._may_run.wait()
        by_digest: dict[str, list[str]] = {}
        for name, chunk in chunks.items():
            by_digest.setdefault(chunk.digest, []).append(name)
        cached = dict(await self._cache.get(self._embedder.id, list(by_digest)))
        vectors = {name: cached[digest] for digest, names in by_digest.items() if digest in cached for name in names}
        fresh = {digest: names for digest, names in by_digest.items() if digest not in cached}
        if fresh:
            made = await self._embed({digest: chunks[names[0]] for digest, names in fresh.items()})
            await self._cache.put(self._embedder.id, made)
            vectors.update((name, made[digest]) for digest, names in fresh.items() if digest in made for name in names)
        await self._store.set_vectors(self._embedder.id, vectors)
        self.missing = max(0, self.missing - len(chunks))
        self.given += len(vectors)
        self._on_progress()

    async def _embed(self, chunks: Mapping[str, Chunk]) -> Mapping[str, Sequence[float]]:
        """Vectors by digest. A text that the embedder cannot do is left out, and its neighbours are not."""
        try:
            made = await self._embedder.embed([embedded_text(chunk) for chunk in chunks.values()])
            made = checked(made, self._embedder.dimension)
        except EmbedderError:
            if len(chunks) == 1:
                if not await self._is_alive():
                    raise
                self._refused.update(chunks)
                log.warning("a chunk of %s cannot be embedded and stays lexical", next(iter(chunks.values())).path)
                return {}
            items = list(chunks.items())
            half = len(items) // 2
            if not await self._is_alive():
                raise
            first = await self._embed(dict(items[:half]))
            return {**first, **await self._embed(dict(items[half:]))}
        return dict(zip(chunks, made.tolist(), strict=True))

    async def _is_alive(self) -> bool:
        """Whether the embedder does plain text: else it is the embedder and not the chunk."""
        try:
            await self._embedder.embed(["def main(): pass"])
        except EmbedderError:
            return False
        return True


def embedded_text(chunk: Chunk) -> str:
    """What stands for a chunk: where it is from, and its text."""
    return f"{chunk.header}\n{chunk.text}"
