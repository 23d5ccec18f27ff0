"""How good an order is, by question, and how sure a difference is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evals.suites import Target

CUTOFF = 10
SEED = 20261120
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A hit, as far as metrics ask."""

    path: str
    start_line: int
    """1-based, inclusive."""
    end_line: int
    """1-based, inclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One question's result."""

    reciprocal_rank: float
    """At 10; 0 when nothing right is among the first ten."""
    recall_1: float
    recall_5: float
    recall_10: float
    ndcg: float
    """At 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A paired difference with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        return self.low > 0 or self.high < 0


def outcome(hits: Sequence[Place], targets: Sequence[Target]) -> Outcome:
    """What an order of hits is worth.

    Hits are first reduced to distinct answers: files, when the targets are files; otherwise chunks as they are.
    Recall at k is 1 when any target is found: the rules of the sets of which the floors were measured.
    """
    by_file = all(target.line is None for target in targets)
    right: list[bool] = []
    if by_file:
        seen = dict.fromkeys(hit.path for hit in hits)
        wanted = {target.path for target in targets}
        right.extend(path in wanted for path in seen)
        ideal = len(wanted)
    else:
        found: set[Target] = set()
        for hit in hits:
            matched = {target for target in targets if _contains(hit, target)} - found
            found |= matched
            right.append(bool(matched))
        ideal = len(targets)
    right = right[:CUTOFF]
    first = right.index(True) + 1 if True in right else 0
    gain = math.fsum(1 / math.log2(rank + 1) for rank, good in enumerate(right, start=1) if good)
    best = math.fsum(1 / math.log2(rank + 1) for rank in range(1, min(ideal, CUTOFF) + 1))
    return Outcome(
        reciprocal_rank=1 / first if first else 0.0,
        recall_1=float(first == 1),
        recall_5=float(0 < first <= 5),
        recall_10=float(first > 0),
        ndcg=gain / best,
    )


def _contains(hit: Place, target: Target) -> bool:
    return hit.path == target.path and (target.line is None or hit.start_line <= target.line <= hit.end_line)


def mean(outcomes: Sequence[Outcome]) -> Outcome:
    """The mean of each metric.

    :raises ValueError: for no outcomes.
    """
    if not outcomes:
        raise ValueError("no outcomes to average")
    count = len(outcomes)
    return Outcome(
        reciprocal_rank=math.fsum(item.reciprocal_rank for item in outcomes) / count,
        recall_1=math.fsum(item.recall_1 for item in outcomes) / count,
        recall_5=math.fsum(item.recall_5 for item in outcomes) / count,
        recall_10=math.fsum(item.recall_10 for item in outcomes) / count,
        ndcg=math.fsum(item.ndcg for item in outcomes) / count,
    )


def paired(one: Sequence[float], other: Sequence[float], *, seed: int = SEED) -> Interval:
    """How much higher `one` is than `other` on the same questions: a percentile bootstrap over questions.

    B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    differences = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    means = _resampled_means(differences, np.random.default_rng(seed))
    return _interval(float(differences.mean()), means)


def paired_macro(
    one: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]], *, seed: int = SEED
) -> Interval:
    """The same for the mean over suites of their means: questions are resampled within each suite."""
    generator = np.random.default_rng(seed)
    differences = [np.asarray(one[name], dtype=np.float64) - np.asarray(other[name]) for name in one]
    means = np.mean([_resampled_means(difference, generator) for difference in differences], axis=0)
    return _interval(float(np.mean([difference.mean() for difference in differences])), means)


def _resampled_means(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    counts = generator.multinomial(len(values), np.full(len(values), 1 / len(values)), size=RESAMPLES)
    return counts @ values / len(values)


def _interval(middle: float, means: np.ndarray) -> Interval:
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(mean=middle, low=float(low), high=float(high))
