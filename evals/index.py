"""A store in memory that gives the same candidates as the product's, for trying one ranking after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.chunk import Chunk
from retrieval.ports import Candidates, Found, Sparse

DEPTH = 100
"""Candidates of each list, as `retrieval.ports.StoreQuery` asks for."""

_FloatArray = NDArray[np.float64]


class Lexical:
    """Sparse vectors with the engine's IDF: ln(1 + (N - n + 0.5) / (n + 0.5))."""

    def __init__(self, vectors: Sequence[Sparse]) -> None:
        self.size = len(vectors)
        lengths = np.fromiter((len(vector.indices) for vector in vectors), dtype=np.int64, count=self.size)
        total = int(lengths.sum())
        terms = np.fromiter((i for vector in vectors for i in vector.indices), dtype=np.int64, count=total)
        values = np.fromiter((v for vector in vectors for v in vector.values), dtype=np.float64, count=total)
        documents = np.repeat(np.arange(self.size), lengths)
        order = np.argsort(terms, kind="stable")
        self._documents, self._values = documents[order], values[order]
        self._terms, starts = np.unique(terms[order], return_index=True)
        self._bounds = np.append(starts, total)

    def scores(self, query: Sparse) -> _FloatArray:
        """Of every document."""
        scores = np.zeros(self.size)
        for term, weight in zip(query.indices, query.values, strict=True):
            place = int(np.searchsorted(self._terms, term))
            if place == len(self._terms) or self._terms[place] != term:
                continue
            start, end = self._bounds[place], self._bounds[place + 1]
            count = float(end - start)
            idf = float(np.log(1 + (self.size - count + 0.5) / (count + 0.5)))
            scores[self._documents[start:end]] += weight * idf * self._values[start:end]
        return scores


class MemoryIndex:
    """Chunks with both kinds of vectors."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        encode: Callable[[Chunk], Sparse],
        dense: NDArray[np.float32] | None,
    ) -> None:
        self.chunks = tuple(chunks)
        self.lexical = Lexical([encode(chunk) for chunk in chunks])
        self._dense = dense
        self._ids = [f"{number:08d}" for number in range(len(chunks))]

    def candidates(self, query: Sparse, dense: NDArray[np.float32] | None, depth: int = DEPTH) -> Candidates:
        """The best of each list."""
        scores = self.lexical.scores(query)
        lexical = self._best(scores, depth, lowest=0.0)
        if dense is None or self._dense is None:
            return Candidates(lexical=lexical, dense={})
        vectors: Mapping[str, tuple[Found, ...]] = {
            "dense": self._best((self._dense @ dense).astype(np.float64), depth, lowest=-np.inf, count=len(self._dense))
        }
        return Candidates(lexical=lexical, dense=vectors)

    def _best(self, scores: _FloatArray, depth: int, *, lowest: float, count: int | None = None) -> tuple[Found, ...]:
        scores = scores[:count]
        depth = min(depth, len(scores))
        top = np.argpartition(-scores, depth - 1)[:depth] if depth else np.zeros(0, dtype=np.int64)
        top = top[np.lexsort((top, -scores[top]))]
        best: list[int] = [int(place) for place in top]
        return tuple(
            Found(id=self._ids[place], chunk=self.chunks[place], score=float(scores[place]))
            for place in best
            if scores[place] > lowest
        )
