"""Small indexes, and each store that the contract is checked on."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient

from retrieval.chunk import Chunk, chunk_id
from retrieval.ports import ChunkStore, Entry, Sparse, StoreQuery
from retrieval.store.edge import EdgeStore
from retrieval.store.server import QdrantSettings, QdrantStore

EMBEDDER = "org/model@1:4"
OTHER_EMBEDDER = "org/model@2:3"

_FAST = Path("/dev/shm")

Reopen = Callable[[], AbstractAsyncContextManager[ChunkStore]]


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    """A folder of the test's own, in memory where there is room: a kill loses no more there than on a disk."""
    if not _FAST.is_dir() or shutil.disk_usage(_FAST).free < 1 << 30:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_FAST, prefix="assay-test-") as name:
        yield Path(name)


def chunk(path: str, text: str, *, symbol: str = "f", line: int = 0, language: str = "python") -> Chunk:
    return Chunk(
        path=path,
        language=language,
        kind="function",
        symbol=symbol,
        scope="",
        names=(symbol,),
        start_byte=line * 10,
        end_byte=line * 10 + 10,
        start_line=line,
        end_line=line + 1,
        header=f"{path} {symbol}",
        text=text,
    )


def entry(path: str, text: str, terms: dict[int, float] | None = None, *, window: str = "", **fields: object) -> Entry:
    made = chunk(path, text, **fields)  # pyright: ignore[reportArgumentType]
    found = sorted((terms or {1: 1.0}).items())
    lexical = Sparse(tuple(term for term, _ in found), tuple(value for _, value in found))
    return Entry(id=chunk_id("workspace", made, window=window), chunk=made, lexical=lexical, window=window)


def asking(*terms: int, **fields: object) -> StoreQuery:
    return StoreQuery(lexical=Sparse(tuple(sorted(terms)), (1.0,) * len(terms)), **fields)  # pyright: ignore


async def put(store: ChunkStore, *entries: Entry) -> None:
    """Each file as the entries of its path say, all of one window."""
    paths = dict.fromkeys(one.chunk.path for one in entries)
    files = {path: [one for one in entries if one.chunk.path == path] for path in paths}
    await store.replace(files, window=entries[0].window)


async def found(store: ChunkStore, query: StoreQuery) -> list[str]:
    """Texts of the lexical half's answer, sorted."""
    hits = (await store.search(query)).lexical
    return sorted(made.text for made in (await store.texts([hit.id for hit in hits])).values())


@asynccontextmanager
async def edge(folder: Path) -> AsyncGenerator[ChunkStore]:
    store = EdgeStore.open(folder / "edge", optimize_from=1)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def stand_in(folder: Path, workspace: str = "workspace") -> AsyncGenerator[ChunkStore]:
    """The server's requests, answered by the client's local mode: slow, exact, and knows nothing of a network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that payload indexes have no effect here
        client = AsyncQdrantClient(path=str(folder / "stand-in"))
        settings = QdrantSettings(url="", team="team", workspace=workspace)
        store = await QdrantStore.open(settings, client)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def server(folder: Path) -> AsyncGenerator[ChunkStore]:
    """A real server, in a team of the test's own."""
    settings = QdrantSettings(
        url=os.environ["QDRANT_URL"],
        team=f"test-{uuid.uuid5(uuid.NAMESPACE_URL, str(folder))}",
        workspace="workspace",
        api_key=os.environ.get("QDRANT_API_KEY", ""),
        grpc_port=int(os.environ.get("QDRANT_GRPC_PORT", "6334")),
    )
    store = await QdrantStore.open(settings)
    try:
        yield store
    finally:
        await store.close()


STORES = {"edge": edge, "stand-in": stand_in, "server": server}
