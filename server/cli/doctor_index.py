"""`assay doctor` on what finds code: the cache folder, grammars, the embedder, and the team's Qdrant and Redis."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from retrieval.chunking.grammars import missing_grammars
from retrieval.errors import RetrievalError
from server.cli.checks import Check, folder_check
from server.configuration import cache_folder
from server.model_settings import ModelSettings
from server.settings import IndexSettings, Settings


async def check_index(settings: Settings) -> list[Check]:
    """One check for each part that is configured, each with a real request."""
    index = settings.index
    if index.enabled != "on":
        advice = "Set index.enabled to on to find code by searching."
        return [Check(name="index", status="warning", detail="turned off in the settings", advice=advice)]
    folder = folder_check("cache folder", cache_folder(os.environ), "ASSAY_CACHE", "indexes")
    checks = [folder, _grammars(), await _embedder(index, settings.models)]
    if index.qdrant_url:
        checks.append(await _qdrant(index))
    if index.redis_url:
        checks.append(await _redis(index))
    return checks


def _grammars() -> Check:
    missing = missing_grammars()
    if missing:
        advice = "Install Assay with the extra `languages`; these are cut by lines until then."
        return Check(name="grammars", status="warning", detail=f"without {', '.join(missing)}", advice=advice)
    return Check(name="grammars", status="ok", detail="all languages are parsed")


async def _embedder(index: IndexSettings, models: Sequence[ModelSettings]) -> Check:
    if index.embedder == "none":
        return Check(name="embedder", status="ok", detail="none: code is found by words alone")
    if index.embedder != "local":
        return _other_embedder(index.embedder, models)
    from retrieval.embedding.minilm import MiniLM

    began = time.perf_counter()
    try:
        embedder = MiniLM(threads=1)
        await embedder.embed(["def main(): pass"])
        await embedder.close()
    except RetrievalError as error:
        advice = "Install Assay again, or set index.embedder to none: words still find."
        return Check(name="embedder", status="warning", detail=str(error), advice=advice)
    return Check(name="embedder", status="ok", detail=f"{embedder.id} answered in {time.perf_counter() - began:.2f} s")


def _other_embedder(name: str, models: Sequence[ModelSettings]) -> Check:
    """A model of the settings is asked with the other models; of a folder's it is enough to say that it is there."""
    advice = "Set index.embedder to local, none, onnx:FOLDER, or the name of a model whose roles name embed."
    kind, _, place = name.partition(":")
    if kind == "onnx" and (Path(place).expanduser() / "model.onnx").is_file():
        return Check(name="embedder", status="ok", detail=name)
    if any(model.name == name and "embed" in model.roles for model in models):
        return Check(name="embedder", status="ok", detail=f"models.{name}, see there")
    return Check(name="embedder", status="warning", detail=f"there is no embedder {name}", advice=advice)


async def _qdrant(index: IndexSettings) -> Check:
    from retrieval.store.server import QdrantSettings, QdrantStore

    settings = QdrantSettings(
        url=index.qdrant_url, api_key=index.qdrant_api_key, team=index.qdrant_team, workspace="doctor"
    )
    try:
        store = await QdrantStore.open(settings)
        try:
            await store.count()
        finally:
            await store.close()
    except RetrievalError as error:
        advice = "Correct index.qdrant_url and its key, or start the server; searches say the same until then."
        return Check(name="Qdrant", status="failed", detail=str(error), advice=advice)
    return Check(name="Qdrant", status="ok", detail=f"{index.qdrant_url} answers for team {index.qdrant_team}")


async def _redis(index: IndexSettings) -> Check:
    from retrieval.cache.redis import RedisVectorCache

    advice = "Correct index.redis_url or its user's rights (docs/stores.md), or start the server; only time is lost."
    try:
        cache = RedisVectorCache(index.redis_url)
    except RetrievalError as error:
        return Check(name="Redis", status="warning", detail=str(error), advice=advice)
    try:
        await cache.put("doctor@1:1", {"probe": [1.0]})
        answers = "probe" in await cache.get("doctor@1:1", ["probe"])
    finally:
        await cache.close()
    if not answers:
        return Check(name="Redis", status="warning", detail="what was written could not be read back", advice=advice)
    return Check(name="Redis", status="ok", detail="remembers embeddings")
