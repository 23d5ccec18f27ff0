"""What a client may ask of an index host, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from retrieval.host.wire import converter
from retrieval.index.gather import Need, context_for, map_of
from retrieval.index.index import Index
from retrieval.question import Question

Method = Callable[[Index, str, Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    names: tuple[str, ...]


async def search(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    question = converter.structure({**params, "window": window}, Question)
    return converter.unstructure(await index.search(question))


async def show_buffer(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    buffer = converter.structure(params, Buffer)
    return await index.overlays.show(window, buffer.path, buffer.text)


async def hide_buffer(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    await index.overlays.hide(window, str(params["path"]))


async def changed(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    index.indexer.touch(str(path) for path in params["paths"])


async def rescan(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    index.indexer.rescan()


async def settled(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    await (index.dense_ready() if params.get("dense") else index.lexical_ready())
    return converter.unstructure(index.progress)


async def status(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    return {
        "progress": converter.unstructure(index.progress),
        "languages": index.manifest.languages(),
        "problems": index.manifest.problems(),
        "migration": converter.unstructure(index.embeddings.migration),
    }


async def migrate(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    """`{to}` begins or goes on, `{action}` is pause, resume or rollback; answers how it stands."""
    action = params.get("action")
    if action == "rollback":
        await index.embeddings.roll_back()
    elif action in ("pause", "resume"):
        index.embeddings.pause_migration(paused=action == "pause")
    else:
        index.embeddings.migrate(str(params["to"]))
    return converter.unstructure(index.embeddings.migration)


async def definitions(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    wanted = converter.structure(params, Wanted)
    return [[path, converter.unstructure(found)] for path, found in index.manifest.defined(wanted.names)]


async def beginning(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    found = index.manifest.beginning(str(params["prefix"]))
    return [[path, converter.unstructure(one)] for path, one in found]


async def context(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    need = converter.structure({**params, "window": window}, Need)
    return converter.unstructure(await context_for(index, need))


async def repository_map(index: Index, window: str, params: Mapping[str, Any]) -> Any:
    return await map_of(index, frozenset(map(str, params.get("focus", ()))), int(params["budget"]))


METHODS: Mapping[str, Method] = {
    "search": search,
    "showBuffer": show_buffer,
    "hideBuffer": hide_buffer,
    "changed": changed,
    "rescan": rescan,
    "settled": settled,
    "status": status,
    "migrate": migrate,
    "definitions": definitions,
    "beginning": beginning,
    "context": context,
    "map": repository_map,
}
