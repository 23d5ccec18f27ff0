"""The embedded store: one qdrant-edge shard, in the process that owns the workspace's index.

The engine holds the interpreter's lock for the whole of each call, and damage in one of its files ends the process.
So this runs only in the index host, and hands it small batches. Only this module imports `qdrant_edge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import qdrant_edge as engine

from retrieval.chunk import Chunk
from retrieval.embedding.vectors import checked
from retrieval.errors import StoreCorrupt, StoreError
from retrieval.ports import Candidates, Entry, Found, StoreQuery
from retrieval.store import layout
from retrieval.store.batches import grouped, refuse_unstorable
from retrieval.store.layout import Description
from retrieval.store.payload import LANGUAGE, META, PATH, SOURCE, TEXT, WINDOW, chunk_of, payload_of

BATCH = 256
"""Points in one call of the engine: 10 to 40 ms of the interpreter's lock (facts 1.3: 6,000 points took 403 ms)."""

FLUSH_EVERY = 20_000
"""Points written between two flushes: opening after a kill replays the log, 250,000 points in 0.8 s."""

FREE_BYTES = 64 * 1024 * 1024
"""Writes are refused below this: the engine writes through memory maps, where a full disk is a fatal signal."""

OPTIMIZE_FROM = 20_000
"""Points. Below it an exact search takes 1 to 3 ms, and a graph would gain nothing (facts 1.2)."""

_COPY_ROOM = 3
"""Times the shard's size that must be free for an optimised copy: the copy, and what the engine makes beside it."""

_MOST_SEEN = 16_384
"""Chunks without text that are kept in memory, about 15 MB."""

_MOST_TOUCHED = 2_000
"""Points that may have changed while a copy was optimised. With more it is given up, and tried when it is quieter."""

_CHILD_ENVIRONMENT = ("LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR")

_LEXICAL = "lexical"

_WITHOUT_TEXT = engine.PayloadSelector.Include([META])

T = TypeVar("T")


class EdgeStore:
    """A `ChunkStore` in one folder, for one process. See `retrieval.ports.ChunkStore` for the methods."""

    def __init__(self, folder: Path, name: str, shard: engine.EdgeShard, optimize_from: int) -> None:
        """Use `open`."""
        self._folder = folder
        self._name = name
        self._shard = shard
        self._optimize_from = optimize_from
        self._lock = ExitStack()
        self._description = layout.read_description(folder / name)
        self._settle()
        windows = _engine(shard.facet, engine.FacetRequest(WINDOW, 10_000))
        self._windows = {str(hit.value) for hit in windows.hits} - {""}
        self._writing = asyncio.Lock()
        self._unflushed = 0
        self._seen: dict[str, Chunk] = {}
        """Chunks without text that searches found, oldest first: reading them takes most of a search's time."""
        self._touched: set[str] | None = None
        """Ids that changed since a copy was made to be optimised; None while there is no copy."""

    @classmethod
    def open(cls, folder: Path, *, optimize_from: int = OPTIMIZE_FROM) -> EdgeStore:
        """Open the store in this folder, or make one.

        Some damage to the engine's files ends the process instead; whoever starts the host counts that.

        :param optimize_from: points from which `optimize` builds a graph.
        :raises IndexBusy: when another process has it open.
        :raises StoreCorrupt: when it cannot be read.
        :raises StoreError: when it cannot be made.
        """
        try:
            with ExitStack() as stack:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                stack.enter_context(layout.owned(folder))
                name = layout.current(folder)
                layout.sweep(folder, keep=name)
                is_new = name is None
                if name is None:
                    _require_space(folder)
                    name = layout.next_generation(folder)
                    shard = _create(folder / name, optimize_from)
                else:
                    shard = _load(folder / name / "shard")
                with ExitStack() as unless_opened:
                    unless_opened.callback(_engine, shard.close)
                    if is_new:
                        layout.switch(folder, name)
                    store = cls(folder, name, shard, optimize_from)
                    unless_opened.pop_all()
                store._lock = stack.pop_all()
                return store
        except OSError as error:
            raise StoreError(f"The index cannot be opened: {error.strerror}.") from error

    async def replace(self, files: Mapping[str, Sequence[Entry]], *, window: str = "") -> None:
        refuse_unstorable(files, window)
        async with self._writing:
            for group in grouped(files, BATCH):
                self._replace(group, window)
                await asyncio.sleep(0)

    async def set_vectors(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        if not vectors:
            return
        dimension = self._dimension(embedder)
        rows = checked(list(vectors.values()), dimension)
        ids = list(vectors)
        async with self._writing:
            for start in range(0, len(ids), BATCH):
                part = ids[start : start + BATCH]
                here = {str(record.id) for record in self._retrieve(part, payload=False)}
                points = [
                    engine.PointVectors(id_, {_vector(embedder): rows[start + at].tolist()})
                    for at, id_ in enumerate(part)
                    if id_ in here
                ]
                if points:
                    self._update(engine.UpdateOperation.update_vectors(points), here)
                await asyncio.sleep(0)

    async def add_embedder(self, embedder: str, dimension: int) -> None:
        known = self._description.embedders.get(embedder)
        if known == dimension:
            return
        if known is not None:
            raise StoreError(f"The embedder {embedder} is stored with {known} dimensions, not {dimension}.")
        async with self._writing:
            self._describe(
                embedders={**self._description.embedders, embedder: dimension},
                unsettled=self._description.unsettled | {embedder},
            )
            self._settle()

    async def drop_embedder(self, embedder: str) -> None:
        if embedder not in self._description.embedders:
            return
        async with self._writing:
            left = {name: size for name, size in self._description.embedders.items() if name != embedder}
            self._describe(embedders=left, unsettled=self._description.unsettled | {embedder})
            self._settle()

    async def embedders(self) -> Mapping[str, int]:
        return dict(self._description.embedders)

    async def search(self, query: StoreQuery) -> Candidates:
        narrowed = bool(query.languages or query.path_prefix or query.sources)
        only = _engine(_filter, query, bool(self._windows))
        # A graph search under a narrow filter loses answers (recall 0.95 at 50,000 points); all of them take 1 ms.
        parameters = engine.SearchParams(exact=narrowed)

        def request(vector: Any, using: str) -> engine.QueryRequest:
            return engine.QueryRequest(
                limit=query.limit,
                query=engine.Query.Nearest(vector, using=using),
                filter=only,
                params=parameters,
            )

        requests: list[engine.QueryRequest] = []
        if query.lexical.indices:
            sparse = engine.SparseVector(list(query.lexical.indices), list(query.lexical.values))
            requests.append(request(sparse, _LEXICAL))
        known = [name for name in query.dense if name in self._description.embedders]
        for name in known:
            row = checked([query.dense[name]], self._description.embedders[name])[0]
            requests.append(request(row.tolist(), _vector(name)))
        lists = _engine(self._shard.query_batch, engine.QueryBatchRequest(requests))
        scores = [[(str(point.id), point.score) for point in points] for points in lists]
        chunks = self._chunks({id_ for points in scores for id_, _ in points})
        answers = [_found(points, chunks) for points in scores]
        lexical = answers.pop(0) if query.lexical.indices else ()
        return Candidates(lexical=lexical, dense=dict(zip(known, answers, strict=True)))

    async def texts(self, ids: Collection[str]) -> Mapping[str, Chunk]:
        return {str(record.id): _chunk(record.payload) for record in self._retrieve(list(ids), payload=True)}

    async def without_vectors(self, embedder: str) -> AsyncIterator[Sequence[tuple[str, Chunk]]]:
        """As the port says. What is added behind the place it has come to is left for the next time."""
        self._dimension(embedder)
        missing = engine.Filter(
            must=[_is(WINDOW, "")],
            must_not=[engine.HasVectorCondition(_vector(embedder))],
        )
        offset: Any = None
        while True:
            records, offset = _engine(
                self._shard.scroll,
                engine.ScrollRequest(offset=offset, limit=BATCH, filter=missing, with_payload=True),
            )
            if records:
                yield [(str(record.id), _chunk(record.payload)) for record in records]
            if offset is None:
                return
            await asyncio.sleep(0)

    async def drop_windows(self, keep: Collection[str] = ()) -> None:
        if not self._windows - set(keep):
            return
        async with self._writing:
            gone = engine.Filter(must_not=[_is_any(WINDOW, ["", *keep])])
            while records := _engine(self._shard.scroll, engine.ScrollRequest(limit=BATCH, filter=gone))[0]:
                self._delete([str(record.id) for record in records])
                await asyncio.sleep(0)
            self._windows &= set(keep)

    async def count(self) -> int:
        return _engine(self._shard.count, engine.CountRequest(exact=True))

    def needs_optimize(self) -> bool:
        """Whether enough vectors are outside of a graph for a search to feel it."""
        points = _engine(self._shard.count, engine.CountRequest(exact=True))
        if points < self._optimize_from:
            return False
        return self._unindexed(self._shard) - self._description.unindexed >= max(1, self._optimize_from // 4)

    async def optimize(self) -> None:
        """Build graphs for what has none yet, when there is enough of it; else return at once.

        A child process does it to a copy, for minutes at the lowest priority. Searches and writes go on meanwhile;
        writes wait while the files are copied, less than a second at 50,000 chunks. Cancelling it leaves all as it was.
        """
        if self._touched is not None or not self.needs_optimize():
            return
        name = layout.next_generation(self._folder)
        home = self._folder / name
        self._touched = set()
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with self._writing:
                    self._flush()
                    _require_space(self._folder, _COPY_ROOM * layout.allocated(self._folder / self._name))
                    before = self._description.embedders
                    child = await _start_child(self._folder / self._name / "shard", home / "shard")
                    stack.push_async_callback(_end_child, child)
                    await _hear(child, "copied")
                    self._touched = set()
                await _hear(child, "arranged")
            async with self._writing:
                if len(self._touched) <= _MOST_TOUCHED:
                    changed = before.items() ^ self._description.embedders.items()
                    self._switch(name, list(self._touched), frozenset(embedder for embedder, _ in changed))
        except OSError as error:
            raise StoreError(f"The index could not be optimised: {error.strerror}.") from error
        finally:
            self._touched = None
            await asyncio.to_thread(layout.sweep, self._folder, self._name)

    async def close(self) -> None:
        with self._lock:
            _engine(self._shard.flush)
            _engine(self._shard.close)

    def _switch(self, name: str, touched: list[str], changed: frozenset[str]) -> None:
        """Bring the optimised copy up to date and use it from now on.

        Until the pointer is replaced the old files are the truth, and whole. They are closed first, as both together
        would take twice the memory.

        :param touched: ids that changed since the copy was made.
        :param changed: embedders that were added or dropped since.
        """
        _require_space(self._folder)
        records = self._retrieve(touched, payload=True, vectors=True)
        points = [engine.Point(record.id, record.vector or {}, record.payload) for record in records]
        gone: list[Any] = list(set(touched) - {str(record.id) for record in records})
        _engine(self._shard.flush)
        _engine(self._shard.close)
        try:
            copy = _load(self._folder / name / "shard")
            try:
                _settle(copy, self._description.embedders, changed)
                if points:
                    _engine(copy.update, engine.UpdateOperation.upsert_points(points))
                if gone:
                    _engine(copy.update, engine.UpdateOperation.delete_points(gone))
                _engine(copy.flush)
                description = replace(self._description, unindexed=self._unindexed(copy))
                layout.write_description(self._folder / name, description)
                layout.switch(self._folder, name)
            except BaseException:
                _engine(copy.close)
                raise
        except BaseException:
            self._shard = _load(self._folder / self._name / "shard")
            raise
        self._shard, self._name, self._description = copy, name, description

    def _unindexed(self, shard: engine.EdgeShard) -> int:
        """Dense vectors that are in no graph. The engine counts lexical vectors as indexed from the beginning."""
        info = _engine(shard.info)
        dense = 0
        for embedder in self._description.embedders:
            has = engine.Filter(must=[engine.HasVectorCondition(_vector(embedder))])
            dense += _engine(shard.count, engine.CountRequest(exact=True, filter=has))
        return info.points_count + dense - info.indexed_vectors_count

    def _replace(self, files: Mapping[str, Sequence[Entry]], window: str) -> None:
        """Without an await, so that no search sees half of a file of up to `BATCH` chunks."""
        entries = {entry.id: entry for group in files.values() for entry in group}
        stored = self._stored(list(files), window)
        new = [entry for id_, entry in entries.items() if id_ not in stored]
        points = [_point(entry) for entry in new]
        for start in range(0, len(points), BATCH):
            part = points[start : start + BATCH]
            self._update(engine.UpdateOperation.upsert_points(part), [entry.id for entry in new[start : start + BATCH]])
        if new and window:
            self._windows.add(window)
        # An id says what is in a chunk, not where: a line added above moves all that follows.
        for id_ in stored.keys() & entries.keys():
            payload = payload_of(entries[id_])
            if payload[META] != stored[id_]:
                del payload[TEXT]
                self._update(engine.UpdateOperation.set_payload([id_], payload), [id_])
        gone = [id_ for id_ in stored if id_ not in entries]
        for start in range(0, len(gone), BATCH):
            self._delete(gone[start : start + BATCH])

    def _stored(self, paths: Sequence[str], window: str) -> dict[str, str]:
        """What is stored of these paths: `META` by id."""
        of_paths = engine.Filter(must=[_is_any(PATH, paths), _is(WINDOW, window)])
        stored: dict[str, str] = {}
        offset: Any = None
        while True:
            records, offset = _engine(
                self._shard.scroll,
                engine.ScrollRequest(offset=offset, limit=BATCH * 4, filter=of_paths, with_payload=_WITHOUT_TEXT),
            )
            stored.update((str(record.id), (record.payload or {}).get(META, "")) for record in records)
            if offset is None:
                return stored

    def _chunks(self, ids: Collection[str]) -> Mapping[str, Chunk]:
        """Chunks without text of ids that are there, and perhaps others."""
        if len(self._seen) + len(ids) > _MOST_SEEN:
            self._seen = dict(islice(self._seen.items(), _MOST_SEEN // 2, None))
        missing = [id_ for id_ in ids if id_ not in self._seen]
        for record in self._retrieve(missing, payload=_WITHOUT_TEXT):
            self._seen[str(record.id)] = _chunk(record.payload)
        return self._seen

    def _retrieve(self, ids: Sequence[str], *, payload: Any, vectors: bool = False) -> list[engine.Record]:
        return _engine(self._shard.retrieve, list(ids), payload, vectors) if ids else []

    def _delete(self, ids: Sequence[str]) -> None:
        self._update(engine.UpdateOperation.delete_points(list[Any](ids)), ids)

    def _update(self, operation: engine.UpdateOperation, ids: Collection[str]) -> None:
        """
        :param ids: the points that it changes.
        """
        _require_space(self._folder)
        if self._touched is not None:
            self._touched.update(ids)
        for id_ in ids:
            self._seen.pop(id_, None)
        _engine(self._shard.update, operation)
        self._unflushed += len(ids)
        if self._unflushed >= FLUSH_EVERY:
            self._flush()

    def _flush(self) -> None:
        _require_space(self._folder)
        _engine(self._shard.flush)
        self._unflushed = 0

    def _dimension(self, embedder: str) -> int:
        try:
            return self._description.embedders[embedder]
        except KeyError:
            raise StoreError(f"The store has no place for vectors of {embedder}.") from None

    def _describe(self, **changes: Any) -> None:
        description = replace(self._description, **changes)
        try:
            layout.write_description(self._folder / self._name, description)
        except OSError as error:
            raise StoreError(f"The index cannot be changed: {error.strerror}.") from error
        self._description = description

    def _settle(self) -> None:
        """Give the shard the vectors of the embedders that came, and take those of them that went."""
        if self._description.unsettled:
            _require_space(self._folder)
            _settle(self._shard, self._description.embedders, self._description.unsettled)
            self._describe(unsettled=frozenset())


def arrange(folder: Path) -> None:
    """Optimise the shard in a folder that nobody else has open. Holds the interpreter's lock for minutes."""
    shard = _load(folder)
    _engine(shard.optimize)
    _engine(shard.flush)
    _engine(shard.close)
    _engine(_load(folder).close)  # damage that ends a process shall end this one, and not the host


def _settle(shard: engine.EdgeShard, embedders: Mapping[str, int], unsettled: Collection[str]) -> None:
    """Make a shard's named vectors of these embedders what they must be, whatever was done already."""
    for embedder in unsettled:
        # The same embedder may have gone and come back with another dimension.
        _engine(shard.update, engine.UpdateOperation.delete_vector_name(_vector(embedder)))
        if embedder in embedders:
            _engine(shard.update, _dense(embedder, embedders[embedder]))


def _require_space(folder: Path, more: int = 0) -> None:
    if shutil.disk_usage(folder).free < FREE_BYTES + more:
        raise StoreError("The disk is nearly full, so the index was not changed; free some space.")


def _create(home: Path, optimize_from: int) -> engine.EdgeShard:
    (home / "shard").mkdir(parents=True)
    config = engine.EdgeConfig(
        sparse_vectors={_LEXICAL: engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf)},
        hnsw_config=engine.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=1_000, max_indexing_threads=1),
        # In KB of vectors: half of the points at which a graph is worth it, at 384 numbers of two bytes.
        optimizers=engine.EdgeOptimizersConfig(indexing_threshold=max(1, optimize_from * 768 // 2048)),
    )
    shard = _engine(engine.EdgeShard.create, str(home / "shard"), config)
    for key in (PATH, WINDOW, LANGUAGE, SOURCE):
        schema = engine.KeywordIndexParams(prefix=key == PATH)
        _engine(shard.update, engine.UpdateOperation.create_field_index(key, schema))
    layout.write_description(home, Description())
    return shard


async def _start_child(source: Path, target: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "retrieval.store.optimize", str(source), str(target), str(os.getpid())),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _CHILD_ENVIRONMENT if name in os.environ},
    )


async def _hear(child: asyncio.subprocess.Process, word: str) -> None:
    """Wait until the child says that it is done with a part of its work."""
    assert child.stdout
    if (await child.stdout.readline()).decode("ascii", "replace").strip() != word:
        raise StoreError("The index could not be optimised: the process that does it ended early.")


async def _end_child(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()


def _load(folder: Path) -> engine.EdgeShard:
    try:
        return _engine(engine.EdgeShard.load, str(folder))
    except StoreError as error:
        raise StoreCorrupt("The index cannot be read; it must be rebuilt.") from error


def _engine(function: Callable[..., T], *arguments: Any) -> T:
    """Call the engine, and say its failures in our words. It raises plain `Exception`."""
    try:
        return function(*arguments)
    except Exception as error:
        raise StoreError(f"The index's engine failed: {error}") from error


def _vector(embedder: str) -> str:
    """The name of an embedder's vector, which is part of file names: ids hold slashes and colons."""
    return "dense-" + hashlib.blake2b(embedder.encode(), digest_size=8).hexdigest()


def _dense(embedder: str, dimension: int) -> engine.UpdateOperation:
    # Half precision moves a cosine by less than 1e-4, halves the memory and is a third faster.
    return engine.UpdateOperation.create_dense_vector(
        _vector(embedder), dimension, engine.Distance.Cosine, datatype=engine.VectorStorageDatatype.Float16
    )


def _point(entry: Entry) -> engine.Point:
    sparse = engine.SparseVector(list(entry.lexical.indices), list(entry.lexical.values))
    return _engine(engine.Point, entry.id, {_LEXICAL: sparse}, payload_of(entry))


def _filter(query: StoreQuery, with_windows: bool) -> engine.Filter | None:
    """None when all points are looked at, which is faster than a filter that lets everything through."""
    must: list[Any] = []
    must_not: list[Any] = []
    if with_windows:
        must.append(_is_any(WINDOW, ["", query.window] if query.window else [""]))
    if query.languages:
        must.append(_is_any(LANGUAGE, query.languages))
    if query.sources:
        must.append(_is_any(SOURCE, query.sources))
    if query.path_prefix:
        must.append(engine.FieldCondition(key=PATH, match=engine.MatchPrefix(query.path_prefix)))
    if query.without:
        must_not.append(engine.Filter(must=[_is_any(PATH, query.without), _is(WINDOW, "")]))
    return engine.Filter(must=must or None, must_not=must_not or None) if must or must_not else None


def _is(key: str, value: str) -> engine.FieldCondition:
    return engine.FieldCondition(key=key, match=engine.MatchValue(value))


def _is_any(key: str, values: Collection[str]) -> engine.FieldCondition:
    # One value is compared a third faster when it is no list.
    match = engine.MatchAny(sorted(values)) if len(values) != 1 else engine.MatchValue(next(iter(values)))
    return engine.FieldCondition(key=key, match=match)


def _found(points: Sequence[tuple[str, float]], chunks: Mapping[str, Chunk]) -> tuple[Found, ...]:
    ordered = sorted(points, key=lambda point: (-point[1], point[0]))
    return tuple(Found(id=id_, chunk=chunks[id_], score=score) for id_, score in ordered)


def _chunk(payload: Mapping[str, Any] | None) -> Chunk:
    try:
        return chunk_of(payload or {})
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt("A stored chunk cannot be read; the index must be rebuilt.") from error
