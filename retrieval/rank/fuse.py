"""Two lists of scores that cannot be compared become one.

Every function takes lists of (chunk id, score), best first, with a weight for each, and returns scores by id.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Scores = Mapping[str, float]
Fusion = Callable[[Sequence[tuple[Scores, float]]], dict[str, float]]

RRF_K = 60
"""Cormack, Clarke and Buettcher, Reciprocal Rank Fusion, 2009: their value, kept for comparison."""
DEVIATIONS = 3.0
"""How many standard deviations around the mean DBSF takes for the whole range (Mazzeschi, Distribution-Based Score
Fusion, 2023); Qdrant's too."""


def weighted_sum(lists: Sequence[tuple[Scores, float]]) -> dict[str, float]:
    """Each list scaled to 0..1 by its lowest and highest score, times its weight, added up.

    An id that a list lacks gets nothing from it.
    """
    fused: dict[str, float] = {}
    for scores, weight in lists:
        if not scores:
            continue
        low, high = min(scores.values()), max(scores.values())
        scale = weight / (high - low) if high > low else 0.0
        flat = 0.0 if high > low else weight
        for identity, score in scores.items():
            fused[identity] = fused.get(identity, 0.0) + (score - low) * scale + flat
    return fused


def dbsf(lists: Sequence[tuple[Scores, float]]) -> dict[str, float]:
    """Each list scaled so that mean - 3 sigma is 0 and mean + 3 sigma is 1, times its weight, added up.

    A list of one, or of equal scores, counts 0.5, as in Qdrant.
    """
    fused: dict[str, float] = {}
    for scores, weight in lists:
        if not scores:
            continue
        mean = math.fsum(scores.values()) / len(scores)
        variance = math.fsum((score - mean) ** 2 for score in scores.values()) / max(1, len(scores) - 1)
        reach = DEVIATIONS * math.sqrt(variance)
        for identity, score in scores.items():
            part = (score - mean + reach) / (2 * reach) if reach > 0 else 0.5
            fused[identity] = fused.get(identity, 0.0) + part * weight
    return fused


def reciprocal_rank(lists: Sequence[tuple[Scores, float]]) -> dict[str, float]:
    """The sum of weight / (60 + rank), the best having rank 1; equal scores are ordered by id."""
    fused: dict[str, float] = {}
    for scores, weight in lists:
        ordered = sorted(scores, key=lambda identity: (-scores[identity], identity))
        for rank, identity in enumerate(ordered, start=1):
            fused[identity] = fused.get(identity, 0.0) + weight / (RRF_K + rank)
    return fused


FUSIONS: Mapping[str, Fusion] = {"weighted": weighted_sum, "dbsf": dbsf, "rrf": reciprocal_rank}
