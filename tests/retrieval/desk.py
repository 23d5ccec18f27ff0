"""A workspace with its index in this process, and small embedders that need no model."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from retrieval.chunk import Hit
from retrieval.errors import EmbedderError
from retrieval.index.index import Index, SearchOptions
from retrieval.index.manifest import Manifest
from retrieval.index.workers import Workers
from retrieval.ports import Embedder, Source, Vectors
from retrieval.question import Question
from retrieval.store.edge import EdgeStore

DIMENSION = 32
PLAIN = SearchOptions()


@dataclass
class WordEmbedder:
    """Texts that share words are near each other. A real embedder of a very small kind."""

    name: str = "words"
    seed: str = ""
    """Another seed is another model, as good as this one."""
    is_poor: bool = False
    """Sees only how long a text is: finds nothing."""
    broken: bool = False
    """Does not answer at all."""
    poison: str = ""
    """Texts with this word come out as NaN, as a faulty model's do."""
    asked: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.name}@{self.seed or 1}:{DIMENSION}"

    @property
    def dimension(self) -> int:
        return DIMENSION

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        if self.broken:
            raise EmbedderError("the embedder is away")
        if not is_query:
            self.asked += texts
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        if self.poison and self.poison in text:
            return np.full(DIMENSION, np.nan, dtype=np.float32)
        vector = np.full(DIMENSION, 1e-3, dtype=np.float32)
        words = [str(len(text))] if self.is_poor else text.lower().replace("_", " ").split()
        for word in words:
            place = hashlib.blake2b(f"{self.seed}{word}".encode(), digest_size=4).digest()
            vector[int.from_bytes(place, "big") % DIMENSION] += 1
        return vector / np.linalg.norm(vector)

    async def close(self) -> None:
        pass


class MemoryCache:
    """A `VectorCache` that lasts as long as the process."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Sequence[float]] = {}

    async def get(self, embedder: str, digests: Sequence[str]) -> Mapping[str, Sequence[float]]:
        return {digest: self.kept[embedder, digest] for digest in digests if (embedder, digest) in self.kept}

    async def put(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        self.kept.update(((embedder, digest), vector) for digest, vector in vectors.items())

    async def close(self) -> None:
        pass


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@asynccontextmanager
async def opened(
    root: Path,
    folder: Path,
    *,
    embedders: Mapping[str, Embedder] | None = None,
    embedder: str = "",
    cache: MemoryCache | None = None,
    sources: Sequence[Source] = (),
    watch: bool = False,
    options: SearchOptions = PLAIN,
) -> AsyncGenerator[Index]:
    """An index of a workspace, not necessarily settled."""
    folder.mkdir(exist_ok=True, parents=True)
    store = EdgeStore.open(folder / "store")
    manifest = Manifest.open(folder / "manifest.sqlite")
    workers, near = Workers(1), Workers(1, stay=True)
    known = embedders or {}

    def make(name: str) -> tuple[Embedder, Embedder]:
        if name not in known:
            raise EmbedderError(f"there is no embedder {name}")
        return known[name], known[name]

    index = Index(
        root.resolve(), "w", store, manifest, folder / "manifest.sqlite", workers, near, make, embedder,
        cache or MemoryCache(), sources, options,
    )  # fmt: skip
    try:
        await index.start(watch=watch)
        yield index
    finally:
        await index.close()
        workers.close()
        near.close()
        manifest.close()
        await store.close()


async def hits(index: Index, text: str, *, window: str = "", limit: int = 10) -> list[Hit]:
    return list((await index.search(Question(text=text, limit=limit, window=window))).hits)


async def paths(index: Index, text: str, *, window: str = "") -> list[str]:
    """Paths of the hits, each once, best first."""
    return list(dict.fromkeys(hit.chunk.path for hit in await hits(index, text, window=window)))
