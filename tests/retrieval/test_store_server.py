"""What the Qdrant store sends, and what it makes of a server that is away, slow, or says no."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from qdrant_client import AsyncQdrantClient, models

from retrieval.errors import StoreCorrupt, StoreError, StoreUnavailable
from retrieval.store.server import QdrantSettings, QdrantStore
from tests.retrieval import stores
from tests.retrieval.stores import EMBEDDER, asking, entry, found, put, stand_in

folder = stores.folder
pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),  # in local mode
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure"),
]


class Recording:
    """A client in local mode that keeps what it was asked."""

    def __init__(self) -> None:
        self.client = AsyncQdrantClient(":memory:")
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.broken = ""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, arguments, named))
            if name == self.broken:
                raise ConnectionError(name)
            return await method(*arguments, **named)

        return call

    def of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(arguments, named) for called, arguments, named in self.calls if called == name]


@asynccontextmanager
async def recorded(**settings: Any) -> AsyncGenerator[tuple[QdrantStore, Recording]]:
    client = Recording()
    chosen = QdrantSettings(**{"url": "", "team": "Team/One", "workspace": "workspace", **settings})
    store = await QdrantStore.open(chosen, client)  # pyright: ignore[reportArgumentType]
    yield store, client
    await store.close()


async def use_all_of_it(store: QdrantStore) -> None:
    one = entry("a.py", "a")
    await put(store, one, entry("b.py", "b"))
    await store.add_embedder(EMBEDDER, 4)
    await store.set_vectors(EMBEDDER, {one.id: [1, 0, 0, 0]})
    await put(store, entry("a.py", "a", line=3))
    await put(store, entry("a.py", "unsaved", window="w"))
    await store.replace({"b.py": []})
    await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0]}, languages=("python",), without=frozenset({"x"})))
    await store.texts([one.id])
    assert [batch async for batch in store.without_vectors(EMBEDDER)] == []
    await store.drop_windows()
    await store.count()
    await store.drop_embedder(EMBEDDER)


def filters(value: Any) -> Generator[models.Filter]:
    """The outermost filters of a request."""
    if isinstance(value, models.Filter):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from filters(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from filters(one)
    elif hasattr(value, "model_fields_set"):
        for name in type(value).model_fields:
            yield from filters(getattr(value, name))


async def test_every_request_names_the_team_and_the_workspace() -> None:
    async with recorded() as (store, client):
        await use_all_of_it(store)
    asked = [call for call in client.calls if call[0] in {"scroll", "query_batch_points", "delete", "count"}]
    updates = [one for (_, operations), _ in client.of("batch_update_points") for one in operations]
    changes = [one for one in updates if not isinstance(one, models.UpsertOperation)]
    requests: list[Any] = [call for call in asked if call[0] != "query_batch_points"]
    requests += [one for (_, batch), _ in client.of("query_batch_points") for one in batch]
    assert {type(one) for one in changes} == {models.SetPayloadOperation, models.DeleteOperation}
    assert len(requests) > 10
    whole_collection = 0
    for request in [*requests, *changes]:
        found_filters = list(filters(request if not isinstance(request, tuple) else request[1:]))
        if not found_filters:
            assert request[0] == "count"  # whether anybody else uses a collection that is to go
            whole_collection += 1
            continue
        for only in found_filters:
            must = {
                one.key: one.match.value for one in only.must or [] if hasattr(getattr(one, "match", None), "value")
            }
            assert must["tenant"] == "Team/One"
            assert must["workspace"] in ("workspace", "")
    assert whole_collection == 2


async def test_collections_are_made_as_the_settings_say() -> None:
    async with recorded(shards=3, replicas=2, write_consistency=2) as (store, client):
        await store.add_embedder(EMBEDDER, 4)
    (arguments, named) = client.of("create_collection")[-1]
    assert arguments[0].startswith("assay_team-one-") and "_org-model-1-4-" in arguments[0]
    assert (named["shard_number"], named["replication_factor"], named["write_consistency_factor"]) == (3, 2, 2)
    dense = named["vectors_config"]["dense"]
    assert (dense.size, dense.distance) == (4, models.Distance.COSINE)
    assert (dense.hnsw_config.m, dense.hnsw_config.ef_construct) == (16, 200)
    assert dense.quantization_config.scalar.type is models.ScalarType.INT8
    assert dense.quantization_config.scalar.always_ram
    assert named["on_disk_payload"]
    assert named["sparse_vectors_config"]["lexical"].modifier is models.Modifier.IDF
    indexes = {call[0][1]: call[0][2] for call in client.of("create_payload_index")}
    assert indexes.keys() == {"tenant", "workspace", "path", "language", "source", "window"}
    assert indexes["tenant"].is_tenant and indexes["path"].prefix


async def test_dense_answers_are_scored_again_by_full_vectors() -> None:
    async with recorded() as (store, client):
        await store.add_embedder(EMBEDDER, 4)
        await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0]}))
    (_, batch), _ = client.of("query_batch_points")[-1]
    assert [request.using for request in batch] == ["lexical", "dense"]
    assert batch[1].params.quantization.rescore


async def test_a_copy_to_a_new_embedder_that_was_interrupted_goes_on(folder: Path) -> None:
    async with stand_in(folder) as store:
        assert isinstance(store, QdrantStore)
        await put(store, *(entry(f"{at}.py", f"{at}") for at in range(20)))
        await store._register(EMBEDDER, 4)  # and then it is killed
    async with stand_in(folder) as store:
        assert await store.embedders() == {}
        await put(store, entry("new.py", "new"))
        await store.replace({"0.py": []})
        await store.add_embedder(EMBEDDER, 4)
        assert await store.embedders() == {EMBEDDER: 4}
        assert await store.count() == 20
        missing = [id_ async for batch in store.without_vectors(EMBEDDER) for id_ in batch]
        assert len(missing) == 20
    async with stand_in(folder) as store:
        assert await store.embedders() == {EMBEDDER: 4}


async def test_a_collection_goes_with_its_last_workspace(folder: Path) -> None:
    async def collections(store: QdrantStore) -> list[str]:
        return sorted(one.name for one in (await store._client.get_collections()).collections)

    for workspace in ("one", "two"):
        async with stand_in(folder, workspace) as store:
            assert isinstance(store, QdrantStore)
            await store.add_embedder(EMBEDDER, 4)
            assert len(await collections(store)) == 1
            await put(store, entry("a.py", workspace))
    for workspace, left in (("one", 2), ("two", 1)):
        async with stand_in(folder, workspace) as store:
            assert isinstance(store, QdrantStore)
            await store.drop_embedder(EMBEDDER)
            assert len(await collections(store)) == left
            assert await found(store, asking(1)) == [workspace]


async def test_going_away_and_coming_back() -> None:
    async with recorded() as (store, client):
        await put(store, entry("a.py", "a"))
        for name in ("query_batch_points", "scroll", "batch_update_points"):
            client.broken = name
            with pytest.raises(StoreUnavailable):
                if name == "query_batch_points":
                    await store.search(asking(1))
                else:
                    await put(store, entry("b.py", "b"))
        client.broken = ""
        await put(store, entry("b.py", "b"))
        assert await found(store, asking(1)) == ["a", "b"]


SETTINGS: dict[str, Any] = {"team": "team", "workspace": "workspace", "api_key": "the-key"}


def test_the_key_is_not_shown() -> None:
    assert "the-key" not in repr(QdrantSettings(url="https://q:6333", **SETTINGS))


@pytest.mark.parametrize("url", ["", "http://", "ftp://x:1", "http://h:port"])
async def test_a_bad_url_is_said(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        store = await QdrantStore.open(QdrantSettings(url=url, **SETTINGS))
        await store.count()
    assert "the-key" not in str(caught.value)


@pytest.mark.parametrize("missing", ["team", "workspace"])
async def test_a_team_and_a_workspace_are_needed(missing: str) -> None:
    with pytest.raises(StoreError):
        await QdrantStore.open(QdrantSettings(url="http://q", **{**SETTINGS, missing: ""}))


@pytest.fixture
def silent_port() -> Generator[int]:
    """Of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("prefer_grpc", [True, False])
@pytest.mark.parametrize("kind", ["silent_port", "closed_port"])
async def test_a_server_that_is_not_there(kind: str, prefer_grpc: bool, request: pytest.FixtureRequest) -> None:
    port = request.getfixturevalue(kind)
    settings = QdrantSettings(
        url=f"http://127.0.0.1:{port}", grpc_port=port, prefer_grpc=prefer_grpc, read_seconds=1, **SETTINGS
    )
    store = await QdrantStore.open(settings)
    async with asyncio.timeout(10):  # far from the 30 s that a write may take
        for work in (store.count(), store.replace({"a.py": [entry("a.py", "a")]}), store.search(asking(1))):
            with pytest.raises(StoreUnavailable):
                await work
    await store.close()


@asynccontextmanager
async def answering(code: grpc.StatusCode) -> AsyncGenerator[tuple[int, list[dict[str, Any]]]]:
    """A gRPC server that answers every call with a status, and what was sent along with the calls."""
    sent: list[dict[str, Any]] = []

    class Handler(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            sent.append({"method": handler_call_details.method, **dict(handler_call_details.invocation_metadata)})

            async def answer(_: bytes, context: grpc.aio.ServicerContext) -> None:
                await context.abort(code, "because")

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port, sent
    await server.stop(None)


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, StoreError, "API key"),
        (grpc.StatusCode.PERMISSION_DENIED, StoreError, "API key"),
        (grpc.StatusCode.NOT_FOUND, StoreCorrupt, "gone"),
        (grpc.StatusCode.UNAVAILABLE, StoreUnavailable, "answer"),
        (grpc.StatusCode.INVALID_ARGUMENT, StoreError, "because"),
    ],
)
async def test_what_a_server_says_no_with(code: grpc.StatusCode, expected: type[StoreError], words: str) -> None:
    async with answering(code) as (port, sent):
        store = await QdrantStore.open(QdrantSettings(url="http://127.0.0.1:1", grpc_port=port, **SETTINGS))
        with pytest.raises(expected, match=words) as caught:
            await store.count()
        assert type(caught.value) is expected
        assert sent[0]["api-key"] == "the-key" and sent[0]["method"] == "/qdrant.Collections/List"
        await store.close()
