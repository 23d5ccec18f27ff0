"""The team's store: a Qdrant server, over gRPC. Only this module imports `qdrant_client`.

There is one collection for each team and each generation of embedder, `assay_TEAM_EMBEDDER`, and one without dense
vectors, `assay_TEAM_lexical`, for workspaces that have no embedder yet. Every collection that a workspace uses holds
all of its chunks; the lexical half of a search asks the oldest. Which collections those are is said by a point in each
of them, the registration, that no search finds: it has no vectors, and belongs to no workspace.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import grpc
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from retrieval.chunk import Chunk
from retrieval.embedding.vectors import checked
from retrieval.errors import StoreCorrupt, StoreError, StoreUnavailable
from retrieval.ports import Candidates, Entry, Found, StoreQuery
from retrieval.store.batches import grouped, refuse_unstorable
from retrieval.store.payload import LANGUAGE, META, PATH, SOURCE, TEXT, WINDOW, chunk_of, payload_of

BATCH = 256
"""Points in one request: about 1 MB."""

_HNSW_M, _HNSW_EF_CONSTRUCT = 16, 200

_OVERSAMPLING = 2.0
"""Times the limit that is fetched by quantised vectors, to be scored again by the full ones."""

_LEXICAL, _DENSE = "lexical", "dense"
_TENANT, _WORKSPACE = "tenant", "workspace"
_REGISTERED = ""
"""The workspace of registrations: no workspace's key is empty."""

_NAMESPACE = uuid.UUID("8f6c1c9c-6c46-5b2f-9d0e-2f4f0d1a7b55")  # any constant does

_UNREACHABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class QdrantSettings:
    url: str
    """`https://HOST:6333`; with `https` gRPC is encrypted too."""
    team: str
    workspace: str
    """The workspace's key, not empty."""
    api_key: str = field(default="", repr=False)
    grpc_port: int = 6334
    prefer_grpc: bool = True
    shards: int = 1
    replicas: int = 1
    write_consistency: int = 1
    """How many replicas must have a write before it counts."""
    read_seconds: int = 2
    """For whatever a person may be waiting for, and so also for finding out that nobody answers."""
    write_seconds: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Generation:
    """A collection that holds this workspace's chunks."""

    collection: str
    embedder: str
    """Empty for the collection without dense vectors."""
    dimension: int
    order: int
    is_ready: bool
    """Whether it has all chunks; else a copy into it was interrupted."""


class QdrantStore:
    """A `ChunkStore` on a server. See `retrieval.ports.ChunkStore` for the methods."""

    def __init__(self, settings: QdrantSettings, client: AsyncQdrantClient) -> None:
        """Use `open`."""
        self._settings = settings
        self._client = client
        self._team = _slug(settings.team)
        self._mine = [_is(_TENANT, settings.team), _is(_WORKSPACE, settings.workspace)]
        self._generations: list[_Generation] | None = None
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, settings: QdrantSettings, client: AsyncQdrantClient | None = None) -> QdrantStore:
        """Does not wait for the server: while it is away, each method raises StoreUnavailable.

        :param client: another than the settings'; it is closed with the store.
        :raises StoreError: when the settings cannot be used.
        """
        if not settings.team or not settings.workspace:
            raise StoreError("A Qdrant server needs a team and a workspace.")
        if client is None:
            try:
                client = AsyncQdrantClient(
                    url=settings.url,
                    grpc_port=settings.grpc_port,
                    prefer_grpc=settings.prefer_grpc,
                    api_key=settings.api_key or None,
                    timeout=settings.read_seconds,
                    check_compatibility=False,  # it would ask the server before anybody does
                )
            except ValueError as error:
                raise StoreError("The URL of the Qdrant server cannot be used.") from error
        return cls(settings, client)

    async def replace(self, files: Mapping[str, Sequence[Entry]], *, window: str = "") -> None:
        refuse_unstorable(files, window)
        generations = await self._used()
        async with self._writing:
            for group in grouped(files, BATCH):
                await asyncio.gather(*(self._replace(generation, group, window) for generation in generations))

    async def set_vectors(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        if not vectors:
            return
        generation = await self._of(embedder)
        rows = checked(list(vectors.values()), generation.dimension)
        ids = list(vectors)
        async with self._writing:
            for start in range(0, len(ids), BATCH):
                part = ids[start : start + BATCH]
                here = {str(record.id) for record in await self._records(generation, part, payload=False)}
                points = [
                    models.PointVectors(id=id_, vector={_DENSE: rows[start + at].tolist()})
                    for at, id_ in enumerate(part)
                    if id_ in here
                ]
                if points:
                    await self._call(
                        self._client.update_vectors(generation.collection, points, timeout=self._settings.write_seconds)
                    )

    async def add_embedder(self, embedder: str, dimension: int) -> None:
        """As the port says. Copies all chunks to the new collection first; continues where a kill interrupted that."""
        known = next((one for one in await self._used() if one.embedder == embedder), None)
        if known and known.dimension != dimension:
            raise StoreError(f"The embedder {embedder} is stored with {known.dimension} dimensions, not {dimension}.")
        if known is None or not known.is_ready:
            await self._fill(known or await self._register(embedder, dimension))
        lexical = next((one for one in await self._used() if not one.embedder), None)
        if lexical:
            await self._leave(lexical)

    async def drop_embedder(self, embedder: str) -> None:
        generations = await self._used()
        gone = next((one for one in generations if one.embedder == embedder), None)
        if gone is None:
            return
        if gone.is_ready and not any(one.is_ready and one is not gone for one in generations):
            await self._fill(await self._register("", 0))
        await self._leave(gone)

    async def embedders(self) -> Mapping[str, int]:
        return {one.embedder: one.dimension for one in await self._used() if one.embedder and one.is_ready}

    async def search(self, query: StoreQuery) -> Candidates:
        generations = [one for one in await self._used() if one.is_ready]
        only = self._filter(query)
        requests: dict[str, list[tuple[str, models.QueryRequest]]] = {}

        def ask(generation: _Generation, name: str, vector: Any, using: str, parameters: models.SearchParams) -> None:
            request = models.QueryRequest(
                query=vector, using=using, filter=only, params=parameters, limit=query.limit, with_payload=[META]
            )
            requests.setdefault(generation.collection, []).append((name, request))

        if query.lexical.indices:
            sparse = models.SparseVector(indices=list(query.lexical.indices), values=list(query.lexical.values))
            corpus = models.IdfCorpusParams(corpus=models.Filter(must=list(self._mine)))
            ask(generations[0], "", sparse, _LEXICAL, models.SearchParams(idf=corpus))
        for one in generations:
            if one.embedder in query.dense:
                row = checked([query.dense[one.embedder]], one.dimension)[0]
                rescored = models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
                ask(one, one.embedder, row.tolist(), _DENSE, models.SearchParams(quantization=rescored))
        answers = await asyncio.gather(
            *(
                self._call(self._client.query_batch_points(collection, [request for _, request in named]))
                for collection, named in requests.items()
            )
        )
        lists = {
            name: _found(response.points)
            for named, responses in zip(requests.values(), answers, strict=True)
            for (name, _), response in zip(named, responses, strict=True)
        }
        return Candidates(lexical=lists.pop("", ()), dense=lists)

    async def texts(self, ids: Collection[str]) -> Mapping[str, Chunk]:
        generation = await self._leader()
        wanted = list(ids)
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        found = await asyncio.gather(*(self._records(generation, batch, payload=True) for batch in batches))
        return {str(record.id): _chunk(record.payload) for records in found for record in records}

    async def without_vectors(self, embedder: str) -> AsyncIterator[Sequence[tuple[str, Chunk]]]:
        """As the port says. What is added behind the place it has come to is left for the next time."""
        generation = await self._of(embedder)
        missing = models.Filter(
            must=[*self._mine, _is(WINDOW, "")], must_not=[models.HasVectorCondition(has_vector=_DENSE)]
        )
        async for records in self._scroll(generation, missing, payload=[META, TEXT]):
            yield [(str(record.id), _chunk(record.payload)) for record in records]

    async def drop_windows(self, keep: Collection[str] = ()) -> None:
        gone = models.Filter(must=list(self._mine), must_not=[_is_any(WINDOW, ["", *keep])])
        generations = await self._used()
        async with self._writing:
            await asyncio.gather(*(self._delete(one.collection, gone) for one in generations))

    async def count(self) -> int:
        return await self._count((await self._leader()).collection, models.Filter(must=list(self._mine)))

    async def optimize(self) -> None:
        """Does nothing: the server does it by itself."""

    async def close(self) -> None:
        await self._client.close()

    async def _replace(self, generation: _Generation, files: Mapping[str, Sequence[Entry]], window: str) -> None:
        entries = {entry.id: entry for group in files.values() for entry in group}
        stored: dict[str, str] = {}
        of_paths = models.Filter(must=[*self._mine, _is_any(PATH, files), _is(WINDOW, window)])
        async for records in self._scroll(generation, of_paths, payload=[META]):
            stored.update((str(record.id), (record.payload or {}).get(META, "")) for record in records)
        new = [self._point(entry) for id_, entry in entries.items() if id_ not in stored]
        changes: list[models.UpdateOperation] = [
            models.UpsertOperation(upsert=models.PointsList(points=new[start : start + BATCH]))
            for start in range(0, len(new), BATCH)
        ]
        # An id says what is in a chunk, not where: a line added above moves all that follows.
        for id_ in stored.keys() & entries.keys():
            payload = payload_of(entries[id_])
            if payload[META] != stored[id_]:
                del payload[TEXT]
                changes.append(
                    models.SetPayloadOperation(
                        set_payload=models.SetPayload(payload=payload, filter=self._these([id_]))
                    )
                )
        gone = [id_ for id_ in stored if id_ not in entries]
        if gone:
            changes.append(models.DeleteOperation(delete=models.FilterSelector(filter=self._these(gone))))
        if changes:
            await self._call(
                self._client.batch_update_points(
                    generation.collection, changes, wait=True, timeout=self._settings.write_seconds
                )
            )

    def _point(self, entry: Entry) -> models.PointStruct:
        sparse = models.SparseVector(indices=list(entry.lexical.indices), values=list(entry.lexical.values))
        payload = {
            **payload_of(entry),
            _TENANT: self._settings.team,
            _WORKSPACE: self._settings.workspace,
        }
        return models.PointStruct(id=entry.id, vector={_LEXICAL: sparse}, payload=payload)

    async def _used(self) -> list[_Generation]:
        """This workspace's collections, oldest first; at least one."""
        if self._generations is None:
            listed = await self._call(self._client.get_collections())
            names = [one.name for one in listed.collections if one.name.startswith(f"assay_{self._team}_")]
            found = [await self._registration(name) for name in names]
            self._generations = sorted((one for one in found if one), key=lambda one: one.order)
        if not any(one.is_ready for one in self._generations):
            await self._set_ready(await self._register("", 0))
        return self._generations

    async def _leader(self) -> _Generation:
        return next(one for one in await self._used() if one.is_ready)

    async def _of(self, embedder: str) -> _Generation:
        for one in await self._used():
            if one.embedder == embedder and one.is_ready:
                return one
        raise StoreError(f"The store has no place for vectors of {embedder}.")

    async def _registration(self, collection: str) -> _Generation | None:
        here = models.Filter(must=[models.HasIdCondition(has_id=[self._registration_id(collection)]), *self._registry])
        records, _ = await self._call(self._client.scroll(collection, here, limit=1, with_payload=True))
        if not records:
            return None
        payload = records[0].payload or {}
        try:
            return _Generation(
                collection=collection,
                embedder=str(payload["embedder"]),
                dimension=int(payload["dimension"]),
                order=int(payload["order"]),
                is_ready=bool(payload["ready"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StoreCorrupt("The workspace's registration on the Qdrant server cannot be read.") from error

    @property
    def _registry(self) -> list[Any]:
        return [
            _is(_TENANT, self._settings.team),
            _is(_WORKSPACE, _REGISTERED),
            _is(PATH, self._settings.workspace),
        ]

    def _registration_id(self, collection: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self._settings.team}\0{self._settings.workspace}\0{collection}"))

    async def _register(self, embedder: str, dimension: int) -> _Generation:
        """Begin to use a collection, which is made when the team has none of this embedder; it is not ready yet."""
        collection = f"assay_{self._team}_{_slug(embedder) if embedder else 'lexical'}"
        if not await self._call(self._client.collection_exists(collection)):
            await self._create(collection, dimension)
        others = self._generations or []
        order = max((one.order for one in others), default=0) + 1
        new = _Generation(collection=collection, embedder=embedder, dimension=dimension, order=order, is_ready=False)
        await self._remember(new)
        return new

    async def _set_ready(self, generation: _Generation) -> None:
        await self._remember(replace(generation, is_ready=True))

    async def _remember(self, generation: _Generation) -> None:
        payload = {
            _TENANT: self._settings.team,
            _WORKSPACE: _REGISTERED,
            PATH: self._settings.workspace,
            "embedder": generation.embedder,
            "dimension": generation.dimension,
            "order": generation.order,
            "ready": generation.is_ready,
        }
        point = models.PointStruct(id=self._registration_id(generation.collection), vector={}, payload=payload)
        await self._upsert(generation.collection, [point])
        others = [one for one in self._generations or [] if one.collection != generation.collection]
        self._generations = sorted([*others, generation], key=lambda one: one.order)

    async def _fill(self, generation: _Generation) -> None:
        """Copy to it what it lacks of this workspace's chunks, and call it ready."""
        source = next((one for one in await self._used() if one.is_ready), None)
        offset: Any = None
        while source:
            # What is written meanwhile goes to both; a batch must not bring back what that deletes.
            async with self._writing:
                records, offset = await self._call(
                    self._client.scroll(
                        source.collection,
                        models.Filter(must=list(self._mine)),
                        limit=BATCH,
                        offset=offset,
                        with_payload=True,
                        with_vectors=[_LEXICAL],
                    )
                )
                ids = [str(record.id) for record in records]
                there = {str(record.id) for record in await self._records(generation, ids, payload=False)}
                points: list[models.PointStruct] = []
                for record in records:
                    vector: Any = record.vector or {}
                    if str(record.id) not in there:
                        points.append(models.PointStruct(id=record.id, vector=vector, payload=record.payload))
                if points:
                    await self._upsert(generation.collection, points)
            if offset is None:
                break
        await self._set_ready(generation)

    async def _leave(self, generation: _Generation) -> None:
        """Take this workspace's chunks out of a collection, and the collection away when nobody else uses it."""
        async with self._writing:
            self._generations = [one for one in await self._used() if one.collection != generation.collection]
            await self._delete(generation.collection, models.Filter(must=self._registry))
            await self._delete(generation.collection, models.Filter(must=list(self._mine)))
            if not await self._count(generation.collection, None):
                await self._call(
                    self._client.delete_collection(generation.collection, timeout=self._settings.write_seconds)
                )

    async def _create(self, collection: str, dimension: int) -> None:
        dense = {
            _DENSE: models.VectorParams(
                size=dimension,
                distance=models.Distance.COSINE,
                hnsw_config=models.HnswConfigDiff(m=_HNSW_M, ef_construct=_HNSW_EF_CONSTRUCT),
                quantization_config=models.ScalarQuantization(
                    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
                ),
            )
        }
        try:
            await self._call(
                self._client.create_collection(
                    collection,
                    vectors_config=dense if dimension else {},
                    sparse_vectors_config={_LEXICAL: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                    shard_number=self._settings.shards,
                    replication_factor=self._settings.replicas,
                    write_consistency_factor=self._settings.write_consistency,
                    on_disk_payload=True,
                    timeout=self._settings.write_seconds,
                )
            )
        except StoreError:
            if not await self._call(self._client.collection_exists(collection)):  # a teammate may have been faster
                raise
        for key in (_TENANT, _WORKSPACE, PATH, LANGUAGE, SOURCE, WINDOW):
            schema = models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=key == _TENANT or None, prefix=key == PATH or None
            )
            await self._call(
                self._client.create_payload_index(
                    collection, key, schema, wait=True, timeout=self._settings.write_seconds
                )
            )

    def _filter(self, query: StoreQuery) -> models.Filter:
        must: list[Any] = [*self._mine, _is_any(WINDOW, {"", query.window})]
        must_not: list[Any] = []
        if query.languages:
            must.append(_is_any(LANGUAGE, query.languages))
        if query.sources:
            must.append(_is_any(SOURCE, query.sources))
        if query.path_prefix:
            must.append(models.FieldCondition(key=PATH, match=models.MatchPrefix(prefix=query.path_prefix)))
        if query.without:
            must_not.append(models.Filter(must=[_is_any(PATH, query.without), _is(WINDOW, "")]))
        return models.Filter(must=must, must_not=must_not or None)

    def _these(self, ids: Sequence[str]) -> models.Filter:
        return models.Filter(must=[*self._mine, models.HasIdCondition(has_id=list(ids))])

    async def _records(self, generation: _Generation, ids: Sequence[str], *, payload: bool) -> list[models.Record]:
        """At most `BATCH` of them."""
        if not ids:
            return []
        fields: Any = [META, TEXT] if payload else False
        records, _ = await self._call(
            self._client.scroll(generation.collection, self._these(ids), limit=len(ids), with_payload=fields)
        )
        return records

    async def _scroll(
        self, generation: _Generation, only: models.Filter, *, payload: list[str]
    ) -> AsyncIterator[Sequence[models.Record]]:
        offset: Any = None
        while True:
            records, offset = await self._call(
                self._client.scroll(generation.collection, only, limit=BATCH, offset=offset, with_payload=payload)
            )
            if records:
                yield records
            if offset is None:
                return

    async def _upsert(self, collection: str, points: list[models.PointStruct]) -> None:
        await self._call(self._client.upsert(collection, points, wait=True, timeout=self._settings.write_seconds))

    async def _delete(self, collection: str, only: models.Filter) -> None:
        await self._call(
            self._client.delete(
                collection, models.FilterSelector(filter=only), wait=True, timeout=self._settings.write_seconds
            )
        )

    async def _count(self, collection: str, only: models.Filter | None) -> int:
        return (await self._call(self._client.count(collection, only, exact=True))).count

    async def _call(self, request: Awaitable[T]) -> T:
        with _translated():
            return await request


@contextmanager
def _translated() -> Generator[None]:
    """Say the client's and the connection's failures in our words; none of them holds the key."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        code = error.code()
        if code in _UNREACHABLE:
            raise StoreUnavailable("The Qdrant server does not answer.") from error
        if code in _REFUSED:
            raise StoreError("The Qdrant server refused the API key.") from error
        if code is grpc.StatusCode.NOT_FOUND:
            raise StoreCorrupt("The workspace's collection is gone from the Qdrant server.") from error
        raise StoreError(f"The Qdrant server failed: {error.details()}") from error
    except UnexpectedResponse as error:
        if error.status_code in (401, 403):
            raise StoreError("The Qdrant server refused the API key.") from error
        if error.status_code == 404:
            raise StoreCorrupt("The workspace's collection is gone from the Qdrant server.") from error
        raise StoreError(f"The Qdrant server failed with status {error.status_code}.") from error
    except (ResponseHandlingException, ConnectionError, TimeoutError) as error:
        raise StoreUnavailable("The Qdrant server does not answer.") from error
    except (ApiException, ValueError, TypeError) as error:
        raise StoreError(f"The Qdrant server's client failed: {error}") from error


def _slug(name: str) -> str:
    """For a collection's name: readable, and different for different names. Never holds an underscore."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48]
    if readable == name:
        return name
    return f"{readable}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"


def _is(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _is_any(key: str, values: Collection[str]) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchAny(any=sorted(values)))


def _found(points: Sequence[models.ScoredPoint]) -> tuple[Found, ...]:
    found = [Found(id=str(point.id), chunk=_chunk(point.payload), score=point.score) for point in points]
    return tuple(sorted(found, key=lambda hit: (-hit.score, hit.id)))


def _chunk(payload: Mapping[str, Any] | None) -> Chunk:
    try:
        return chunk_of(payload or {})
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt("A stored chunk cannot be read; the index must be rebuilt.") from error
