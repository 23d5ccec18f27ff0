"""What retrieval needs from the parts that can be exchanged."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.chunk import Chunk

Vectors = NDArray[np.float32]
"""Shape (texts, dimension)."""


class Embedder(Protocol):
    """Texts to vectors. Implementations: local ONNX here, Triton and OpenAI-compatible HTTP in `inference`."""

    @property
    def id(self) -> str:
        """`model@revision:dimension`. Vectors of different ids are never compared."""
        ...

    @property
    def dimension(self) -> int: ...

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        """One unit vector for each text, float32, in order, shape (len(texts), dimension).

        :param is_query: whether the texts are searches; some models want a prefix then.
        :raises EmbedderError: when it cannot; never returns NaN, infinities or a wrong shape.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sparse:
    """A lexical vector. Indices are hashes of terms, sorted and without repeats; values are positive."""

    indices: tuple[int, ...]
    """Unsigned, 32 bits."""
    values: tuple[float, ...]

    def __reduce__(self) -> tuple[Callable[[bytes, bytes], Sparse], tuple[bytes, bytes]]:
        """Packed, between processes: a fifth of the time of pickling each number. Values lose what float32 does not
        hold, as they do in a store."""
        return _unpacked, (array("I", self.indices).tobytes(), array("f", self.values).tobytes())


def _unpacked(indices: bytes, values: bytes) -> Sparse:
    return Sparse(tuple(array("I", indices)), tuple(array("f", values)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A chunk as a store keeps it."""

    id: str
    chunk: Chunk
    lexical: Sparse
    window: str = ""
    """Of an unsaved buffer: only searches of this window see it. Empty for what is on disk."""

    def __reduce__(self) -> tuple[Callable[..., Entry], tuple[object, ...]]:
        return _entry, (self.id, self.chunk, self.lexical, self.window)


def _entry(name: str, chunk: Chunk, lexical: Sparse, window: str) -> Entry:
    return Entry(id=name, chunk=chunk, lexical=lexical, window=window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A chunk that one half of a hybrid search found. Its chunk has no text: see `ChunkStore.texts`."""

    id: str
    chunk: Chunk
    score: float
    """Higher is better; the inner product of lexical vectors with IDF, or the cosine of dense ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreQuery:
    lexical: Sparse
    dense: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])
    """Vectors by the id of the embedder that made them."""
    limit: int = 100
    """Of each list."""
    languages: tuple[str, ...] = ()
    """Only these; empty for all."""
    path_prefix: str = ""
    sources: tuple[str, ...] = ()
    window: str = ""
    """Sees this window's unsaved buffers."""
    without: frozenset[str] = frozenset()
    """Paths whose content on disk is not searched, because the window has them open and changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    lexical: tuple[Found, ...]
    """Best first; ties by id."""
    dense: Mapping[str, tuple[Found, ...]]
    """The same, for each embedder of the query that the store has vectors of."""


class ChunkStore(Protocol):
    """Chunks with lexical and dense vectors, of one workspace. What a call has returned from survives a kill -9.

    Every method raises StoreUnavailable when the store cannot be reached, StoreCorrupt when it must be rebuilt,
    and StoreError for what else went wrong.
    """

    async def replace(self, files: Mapping[str, Sequence[Entry]], *, window: str = "") -> None:
        """Put these in the place of all that the store has of these paths (and this window).

        An empty sequence removes a path. Dense vectors of entries whose id stays are kept.
        """
        ...

    async def set_vectors(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Dense vectors by chunk id, made by one embedder. Ids that are gone are ignored.

        :raises EmbedderError: for NaN, infinities or a wrong dimension; nothing of the call is stored then.
        """
        ...

    async def add_embedder(self, embedder: str, dimension: int) -> None:
        """Prepare for vectors of an embedder; does nothing when it is known."""
        ...

    async def drop_embedder(self, embedder: str) -> None: ...

    async def embedders(self) -> Mapping[str, int]:
        """Id to dimension."""
        ...

    async def search(self, query: StoreQuery) -> Candidates: ...

    async def texts(self, ids: Collection[str]) -> Mapping[str, Chunk]:
        """Whole chunks by id; those that are gone are missing."""
        ...

    def without_vectors(self, embedder: str) -> AsyncIterator[Sequence[tuple[str, Chunk]]]:
        """Batches of ids and whole chunks that have no dense vector of an embedder yet. Not those of windows."""
        ...

    async def drop_windows(self, keep: Collection[str] = ()) -> None:
        """Forget unsaved buffers of all windows but these."""
        ...

    async def count(self) -> int:
        """Chunks, unsaved buffers' among them."""
        ...

    async def optimize(self) -> None:
        """Arrange for faster search. May take minutes and the interpreter's lock: only when idle."""
        ...

    async def close(self) -> None: ...


class VectorCache(Protocol):
    """Embeddings by chunk digest and embedder id. A cache that fails is a cache that has nothing."""

    async def get(self, embedder: str, digests: Sequence[str]) -> Mapping[str, Sequence[float]]: ...

    async def put(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something that a source gives to the index and that is not a file of the workspace."""

    path: str
    """`SOURCE:NAME`, unique."""
    version: str
    """Changes when the content does."""
    chunks: tuple[Chunk, ...]


class Source(Protocol):
    """Where more than the workspace's files comes from: git history; later tickets, Kubernetes resources."""

    @property
    def name(self) -> str: ...

    async def versions(self) -> Mapping[str, str]:
        """Every document's path and version; cheap, for finding out what changed."""
        ...

    def documents(self, paths: Collection[str]) -> AsyncIterator[Document]: ...
