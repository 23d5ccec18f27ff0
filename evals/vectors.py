"""Embeddings of chunks and questions, kept between runs: they are most of an evaluation's time."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.chunk import Chunk
from retrieval.ports import Embedder

Vectors = NDArray[np.float32]
"""Shape (texts, dimension)."""

_BATCH = 256


class VectorFile:
    """An SQLite file of vectors by embedder and digest of the text."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=60)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def get(self, embedder: str, digests: Sequence[str]) -> dict[str, Vectors]:
        found: dict[str, Vectors] = {}
        for digest in digests:
            row = self._connection.execute(
                "SELECT vector FROM vectors WHERE key = ?", (f"{embedder} {digest}",)
            ).fetchone()
            if row is not None:
                found[digest] = np.frombuffer(row[0], dtype=np.float32)
        return found

    def put(self, embedder: str, vectors: Sequence[tuple[str, Vectors]]) -> None:
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [(f"{embedder} {digest}", vector.astype(np.float32).tobytes()) for digest, vector in vectors],
            )

    def close(self) -> None:
        self._connection.close()


def of_chunks(
    embedder: Embedder, chunks: Sequence[Chunk], kept: VectorFile, progress: Callable[[int, int], None]
) -> Vectors:
    """Vectors of chunks, in order."""
    return _embed(embedder, [f"{chunk.header}\n{chunk.text}" for chunk in chunks], kept, progress, is_query=False)


def of_queries(embedder: Embedder, texts: Sequence[str], kept: VectorFile) -> Vectors:
    """Vectors of questions, in order."""
    return _embed(embedder, texts, kept, None, is_query=True)


def _embed(
    embedder: Embedder,
    texts: Sequence[str],
    kept: VectorFile,
    progress: Callable[[int, int], None] | None,
    *,
    is_query: bool,
) -> Vectors:
    prefix = "query:" if is_query else ""
    digests = [prefix + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest() for text in texts]
    known = kept.get(embedder.id, digests)
    missing = sorted(
        {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}.items(),
        key=lambda item: len(item[1]),
    )
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        made = asyncio.run(embedder.embed([text for _, text in batch], is_query=is_query))
        rows = [(digest, np.asarray(row, dtype=np.float32)) for (digest, _), row in zip(batch, made, strict=True)]
        kept.put(embedder.id, rows)
        known.update(rows)
        if progress is not None:
            progress(start + len(batch), len(missing))
    if not digests:
        return np.zeros((0, embedder.dimension), dtype=np.float32)
    return np.stack([known[digest] for digest in digests])
