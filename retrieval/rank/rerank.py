"""A second, slower look at the best hits: each is read whole, window by window, by the embedder that is there anyway.

An embedder sees the first 256 tokens of a chunk and gives one vector for all of them; a chunk that answers the question
in its last lines is far from it. The best window of a chunk is nearer (as the maximum over passages in Dai and Callan,
Deeper Text Understanding for IR with Contextual Neural Language Modeling, SIGIR 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from retrieval.chunk import Chunk
from retrieval.ports import Embedder
from retrieval.rank.stack import Ranked

DEPTH = 20
"""Hits that are looked at again; the others stay behind them in their order."""
WINDOW_LINES = 12
STRIDE_LINES = 8
"""Windows overlap, so that nothing is cut in two everywhere."""
WEIGHT = 0.3
"""Of the best window, against the place that the hit had."""


async def rerank(
    query: str, ranked: Sequence[Ranked], chunks: Mapping[str, Chunk], embedder: Embedder
) -> tuple[Ranked, ...]:
    """The hits in a new order; scores of those that were looked at are new.

    :param chunks: whole ones, by id.
    :raises EmbedderError: the embedder does not answer.
    """
    first = [one for one in ranked[:DEPTH] if one.id in chunks]
    if len(first) < 2:
        return tuple(ranked)
    owners: list[int] = []
    texts: list[str] = []
    for place, one in enumerate(first):
        for text in windows(chunks[one.id]):
            owners.append(place)
            texts.append(text)
    asked = (await embedder.embed([query], is_query=True))[0]
    near = (await embedder.embed(texts)) @ asked
    best = np.full(len(first), -1.0)
    np.maximum.at(best, np.asarray(owners), near)
    placed = np.asarray([one.score for one in first])
    mixed = (1 - WEIGHT) * _spread(placed) + WEIGHT * _spread(best)
    top, low = float(placed.max()), float(placed.min())
    again = [
        replace(one, score=low + (top - low) * float(score)) for one, score in zip(first, mixed.tolist(), strict=True)
    ]
    again.sort(key=lambda one: (-one.score, one.chunk.path, one.chunk.start_byte, one.id))
    seen = {one.id for one in first}
    return (*again, *(one for one in ranked if one.id not in seen))


def windows(chunk: Chunk) -> list[str]:
    """Overlapping runs of lines, each with the chunk's header."""
    lines = chunk.text.split("\n")
    starts = range(0, max(1, len(lines) - STRIDE_LINES // 2), STRIDE_LINES)
    return ["\n".join((chunk.header, *lines[start : start + WINDOW_LINES])) for start in starts]


def _spread(scores: np.ndarray) -> np.ndarray:
    """To 0..1; all 0 when they are equal."""
    reach = float(scores.max() - scores.min())
    return (scores - scores.min()) / reach if reach > 0 else np.zeros_like(scores)
