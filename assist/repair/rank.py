"""Order candidates: suspicion of the line, times how often faults are of this kind, ordinary changes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assist.repair.scope import Mutation
from assist.repair.source import Source, Splice

# How likely a fault is repaired by each template, relative to `comparison`. Set by hand, between two sources:
# faults made by mutation (one operator, name or number) and fixes in public Python repositories, of which
# many add a guard or change a constant or a call. Templates with very many instances get less each.
PRIORS: Mapping[str, float] = {
    "comparison": 1.0,
    "mutable_default": 0.9,
    "negation": 0.9,
    "off_by_one": 0.9,
    "qualified": 0.9,
    "arithmetic": 0.8,
    "condition": 0.8,
    "loop_exit": 0.8,
    "function_name": 0.7,
    "refusal": 0.7,
    "arguments": 0.6,
    "attribute": 0.6,
    "bound": 0.6,
    "constant": 0.6,
    "handler": 0.6,
    "missing_call": 0.6,
    "grouping": 0.6,
    "nesting": 0.6,
    "pattern": 0.7,
    "none_test": 0.6,
    "variable": 0.6,
    "base_case": 0.5,
    "guard": 0.5,
    "initial_value": 0.5,
    "lookup": 0.5,
    "returned": 0.5,
    "sign": 0.5,
    "loop_guard": 0.4,
    "order": 0.4,
    "unwrap": 0.4,
    "wrap": 0.35,
    "early_exit": 0.4,
    "refused_here": 0.6,
    "conditional": 0.4,
    "item_filter": 0.6,
    "type_test": 0.35,
    "floor_at_zero": 0.4,
    "block": 0.35,
    "like_call": 0.5,
    "library_name": 0.7,
    "one_more": 0.5,
    "step": 0.2,
    "statement": 0.35,
    "extra_condition": 0.3,
    "fallback": 0.3,
    "removal": 0.15,
}

_RECITAL = 0.4  # a value taken from the failing test may fix that test and nothing else
_HALF_SIZE = 120  # bytes changed at which an edit counts half


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    mutation: Mutation
    score: float
    """Higher is better; comparable within one search only."""


def rank(
    mutations: Iterable[Mutation], suspicion: Mapping[str, Mapping[int, float]], sources: Mapping[str, Source]
) -> list[Ranked]:
    """Best first; each resulting text once; nothing on lines that no failing test executes."""
    best: dict[tuple[str, tuple[Splice, ...]], Ranked] = {}
    for mutation in mutations:
        lines = suspicion.get(mutation.path, {})
        suspicious = max((lines.get(line, 0.0) for line in mutation.lines), default=0.0)
        if suspicious <= 0:
            continue
        score = suspicious * PRIORS[mutation.template] * mutation.weight * ordinariness(mutation)
        key = (mutation.path, _essence(sources[mutation.path].raw, mutation.splices))
        if key not in best or best[key].score < score:
            best[key] = Ranked(mutation=mutation, score=score)
    return sorted(best.values(), key=lambda ranked: (-ranked.score, ranked.mutation.size))


def ordinariness(mutation: Mutation) -> float:
    """From 0 to 1: small changes that do not recite the test's own values are ordinary."""
    recital = _RECITAL if mutation.mined else 1.0
    return recital * _HALF_SIZE / (_HALF_SIZE + mutation.size)


def _essence(raw: bytes, splices: tuple[Splice, ...]) -> tuple[Splice, ...]:
    """The splices without the bytes that they leave as they were, so that equal results compare equal."""
    return tuple(sorted(_trimmed(raw, splice) for splice in splices))


def _trimmed(raw: bytes, splice: Splice) -> Splice:
    old, new = raw[splice.start : splice.end], splice.text.encode()
    front = 0
    while front < min(len(old), len(new)) and old[front] == new[front]:
        front += 1
    back = 0
    while back < min(len(old), len(new)) - front and old[-1 - back] == new[-1 - back]:
        back += 1
    middle = new[front : len(new) - back].decode("utf-8", "surrogateescape")
    return Splice(splice.start + front, splice.end - back, middle)
