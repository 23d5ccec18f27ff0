"""The process that owns a workspace's index: `python -P -m server.index_host`, its configuration on stdin.

Started by `server.indexing`, by nobody else. Exit codes: 0 when it was not needed any more, 3 when another process
owns the index.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.host.place import Place
    from retrieval.index.index import Index
    from retrieval.ports import ChunkStore, Embedder, Source, VectorCache
    from server.model_settings import ModelSettings
    from server.settings import IndexSettings


def main() -> int:
    # Everything heavy is imported here: worker processes import this module, too, and need none of it.
    from retrieval.errors import IndexBusy
    from retrieval.host.client import OWNED_BY_ANOTHER
    from retrieval.host.serve import serve
    from server.indexing import index_place
    from server.model_settings import model_of
    from server.settings import IndexSettings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "grpc", "watchdog"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    config = json.load(sys.stdin)
    settings = IndexSettings(**config["index"])
    models = [model_of(each) for each in config["models"]]
    root, cache = Path(config["root"]), Path(config["cache"])
    place = index_place(root, settings, {"ASSAY_CACHE": str(cache)})
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # an index makes many values and hardly a cycle
    try:
        asyncio.run(serve(place, partial(_open, root, cache, settings, models)))
    except IndexBusy:
        return OWNED_BY_ANOTHER
    return 0


async def _open(
    root: Path,
    cache: Path,
    settings: IndexSettings,
    models: Sequence[ModelSettings],
    place: Place,
    stack: AsyncExitStack,
) -> Index:
    from retrieval.index.index import Index, SearchOptions
    from retrieval.index.manifest import Manifest
    from retrieval.index.workers import Workers
    from retrieval.rank.stack import RankOptions

    store = await _store(place, settings)
    stack.push_async_callback(store.close)
    manifest = Manifest.open(place.manifest)
    stack.callback(manifest.close)
    workers, near = Workers(2), Workers(1, stay=True, niceness=0)
    stack.callback(workers.close)
    stack.callback(near.close)
    cache_of_vectors = _vector_cache(cache, settings)
    stack.push_async_callback(cache_of_vectors.close)
    wanted = "" if settings.embedder == "none" else settings.embedder
    sources: list[Source] = []
    if settings.history == "on":
        from retrieval.history import GitHistory

        sources.append(GitHistory(root, files=lambda _: manifest.signatures()))
    index = Index(
        root,
        place.workspace,
        store,
        manifest,
        place.manifest,
        workers,
        near,
        partial(_embedders, models),
        wanted,
        cache_of_vectors,
        sources,
        SearchOptions(rank=RankOptions(fusion=settings.fusion), rerank=settings.rerank == "on"),
    )
    await index.start(watch=settings.watch == "on")
    return index


async def _store(place: Place, settings: IndexSettings) -> ChunkStore:
    if not settings.qdrant_url:
        from retrieval.store.edge import EdgeStore

        return EdgeStore.open(place.store)
    from retrieval.store.server import QdrantSettings, QdrantStore

    return await QdrantStore.open(
        QdrantSettings(
            url=settings.qdrant_url,
            api_key=settings.qdrant_api_key,
            team=settings.qdrant_team,
            workspace=place.workspace,
            shards=settings.qdrant_shards,
            replicas=settings.qdrant_replicas,
        )
    )


def _embedders(models: Sequence[ModelSettings], name: str) -> tuple[Embedder, Embedder]:
    """`local`, `onnx:FOLDER` with a model.onnx and a tokenizer.json of the same kind, or one of the models.

    :raises EmbedderError: there is no such embedder.
    """
    from retrieval.embedding.minilm import FOLDER, MiniLM
    from retrieval.errors import EmbedderError
    from retrieval.index.bulk import BulkEmbedder

    if (served := next((model for model in models if model.name == name), None)) is not None:
        from server.embedders import served_embedder

        # Two connections: what a search waits for does not queue behind what fills the index.
        return served_embedder(served, os.environ), served_embedder(served, os.environ)
    kind, _, place = name.partition(":")
    folder = FOLDER if kind == "local" else Path(place).expanduser() if kind == "onnx" and place else None
    if folder is None or not (folder / "model.onnx").is_file():
        raise EmbedderError(
            f"there is no embedder {name}: it is local, onnx:FOLDER with a model.onnx in it, or a model of the settings"
            " with the role embed"
        )
    query = MiniLM(folder, threads=1)
    return query, BulkEmbedder(query.id, query.dimension, folder)


def _vector_cache(cache: Path, settings: IndexSettings) -> VectorCache:
    from retrieval.cache.sqlite import SqliteVectorCache

    local = SqliteVectorCache.open(cache / "vectors.sqlite")
    if not settings.redis_url:
        return local
    from retrieval.cache.redis import RedisVectorCache
    from retrieval.cache.tiered import TieredVectorCache

    return TieredVectorCache(local, RedisVectorCache(settings.redis_url))


if __name__ == "__main__":
    sys.exit(main())
