"""From candidates to an order: fuse, gather by file, lift what the question names, lower what it seldom means."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retrieval.chunk import Chunk
from retrieval.ports import Candidates, Found
from retrieval.rank import penalties, question
from retrieval.rank.boosts import Matcher, defined_symbol
from retrieval.rank.fuse import FUSIONS, Scores

HISTORY = "history"
HISTORY_PREFIX = f"{HISTORY}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RankOptions:
    """The constants of ranking, each a flat optimum over all suites; docs/ranking.md has what each step is worth.

    Lifts are in units of the best fused score. 0 turns a step off, for `second` and `further` 1 does.
    """

    fusion: str = "weighted"
    """weighted, dbsf or rrf."""
    dense_weight: float = 0.4
    """Of the dense lists together; the lexical list has the rest. Best at 0.4 on docstrings and commits alike."""
    coherence: float = 0.45
    """What the file with the most good chunks gains. More is better for finding files, less for finding chunks."""
    definition: float = 3.0
    """For a chunk that defines the symbol which is the whole question. From 1 on it is always first."""
    embedded_definition: float = 0.15
    """For a chunk that defines a symbol which the question mentions among other words: mostly it is about its use."""
    stem_definition: float = 0.5
    """More, as a part of the above, when the file is called like the symbol."""
    path: float = 1.0
    """For a file whose stem and folder have all words of the question."""
    folder: float = 1.0
    """What a word that only the folder has counts, against 1 for one in the file's stem."""
    name: float = 0.6
    """For a chunk that defines something called by the words of the question: +0.08 on docstrings."""
    second: float = 0.85
    """What the second chunk of a file keeps: it is the answer often enough, 0.5 costs docstrings 0.02."""
    further: float = 0.5
    """What the third keeps of that, the fourth of the third, and so on: ten hits should not be one file."""
    history: float = 0.4
    """For a file whose past changes were described by these words: +0.01 on commits, flat from 0.3 to 0.8."""
    recency: float = 0.1
    """For a file that was edited just now: it chooses between equals, and brings up nothing that does not fit."""
    recency_half_life: float = 1800.0
    """Seconds after which that is worth half: about a stretch of work on one thing."""
    penalties: Mapping[str, float] = field(default_factory=lambda: penalties.FACTORS)
    """What a seldom wanted kind of file keeps of its score."""


DEFAULT = RankOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate after ranking."""

    id: str
    chunk: Chunk
    score: float
    """Comparable within one answer only."""
    reasons: tuple[str, ...]
    """What lifted or lowered it, for people."""


def rank(
    query: str,
    candidates: Candidates,
    *,
    options: RankOptions = DEFAULT,
    recent: Mapping[str, float] | None = None,
    limit: int = 10,
) -> tuple[Ranked, ...]:
    """The best candidates, best first; the same for the same candidates, whatever order equal ones come in.

    Documents of the history (path `history:FILE`) lift the chunks of their file and are no results themselves.

    :param recent: seconds since each of the lately edited paths was edited.
    """
    asked = question.read(query)
    past = _history(candidates.lexical)
    found, fused = _fuse(candidates, options)
    if not fused:
        return ()
    best = max(fused.values())
    if best > 0:
        fused = {identity: score / best for identity, score in fused.items()}

    by_file: defaultdict[str, list[str]] = defaultdict(list)
    for identity in fused:
        by_file[found[identity].chunk.path].append(identity)

    matcher = Matcher(asked)
    spared = frozenset[str]().union(*(penalties.ASKED_FOR[about] for about in asked.about))
    sums = {path: math.fsum(fused[identity] for identity in identities) for path, identities in by_file.items()}
    largest = max(sums.values()) or 1.0

    on_paths = matcher.paths(by_file, options.folder)
    scored: list[tuple[float, str, int, str]] = []
    whole = options.definition if asked.is_symbol else options.embedded_definition
    for path, identities in by_file.items():
        chunk = found[identities[0]].chunk
        on_path = options.path * on_paths[path]
        lift = options.recency * _freshness(recent, path, options) if recent else 0.0
        if past:
            lift += options.history * past.get(path, 0.0)
        lower = penalties.factor(penalties.path_kinds(path, chunk.language), spared, options.penalties)
        rows: list[tuple[float, int, str]] = []
        for identity in identities:
            chunk = found[identity].chunk
            score = fused[identity] + on_path + lift + options.name * matcher.names(chunk)
            if asked.symbols and (tier := defined_symbol(asked, chunk)):
                score += whole * (1 + options.stem_definition * (tier - 1))
            rows.append((score, -chunk.start_byte, identity))
        rows.sort(reverse=True)
        coherence = options.coherence * sums[path] / largest
        for place, (score, start, identity) in enumerate(rows):
            gained = score + coherence if place == 0 else score
            keeps = options.second * options.further ** (place - 1) if place else 1.0
            scored.append((gained * lower * keeps, path, -start, identity))
    scored.sort(key=lambda row: (-row[0], row[1], row[2], row[3]))
    lexical = {item.id for item in candidates.lexical}
    dense = {item.id for items in candidates.dense.values() for item in items}
    ranked: list[Ranked] = []
    for score, _, _, identity in scored[:limit]:
        chunk = found[identity].chunk
        reasons = ["words"] if identity in lexical else []
        if identity in dense:
            reasons.append("meaning")
        reasons += _reasons(chunk, matcher, past, recent, spared)
        ranked.append(Ranked(id=identity, chunk=chunk, score=score, reasons=tuple(reasons)))
    return tuple(ranked)


def _fuse(candidates: Candidates, options: RankOptions) -> tuple[dict[str, Found], dict[str, float]]:
    """All candidates but the history's by id, and their fused scores."""
    found: dict[str, Found] = {}
    lists: list[tuple[Scores, float]] = []
    dense = [kept for items in candidates.dense.values() if (kept := _without_history(items))]
    for items in dense:
        found.update((item.id, item) for item in items)
        lists.append(({item.id: item.score for item in items}, options.dense_weight / len(dense)))
    if lexical := _without_history(candidates.lexical):
        found.update((item.id, item) for item in lexical)
        lists.append(({item.id: item.score for item in lexical}, 1 - options.dense_weight if dense else 1.0))
    return found, FUSIONS[options.fusion](lists)


def _without_history(items: Sequence[Found]) -> list[Found]:
    return [item for item in items if item.chunk.source != HISTORY]


def _history(lexical: Sequence[Found]) -> dict[str, float]:
    """The best score of each file's history, as a part of the best lexical score."""
    past: dict[str, float] = {}
    for item in lexical:
        if item.chunk.source == HISTORY:
            path = item.chunk.path.removeprefix(HISTORY_PREFIX)
            past[path] = max(past.get(path, 0.0), item.score / lexical[0].score if lexical[0].score > 0 else 0.0)
    return past


def _freshness(recent: Mapping[str, float], path: str, options: RankOptions) -> float:
    age = recent.get(path)
    return 0.0 if age is None else 0.5 ** (max(0.0, age) / options.recency_half_life)


def _reasons(
    chunk: Chunk,
    matcher: Matcher,
    past: Mapping[str, float],
    recent: Mapping[str, float] | None,
    spared: frozenset[str],
) -> list[str]:
    reasons: list[str] = []
    if matcher.question.symbols and defined_symbol(matcher.question, chunk):
        names = sorted(matcher.question.symbols.intersection(chunk.names)) or [chunk.symbol]
        reasons.append(f"defines {', '.join(names)}")
    if matcher.on_path(chunk.path):
        reasons.append("path")
    if matcher.names(chunk):
        reasons.append("name")
    if chunk.path in past:
        reasons.append("history")
    if recent and chunk.path in recent:
        reasons.append("edited lately")
    reasons += [kind for kind in penalties.path_kinds(chunk.path, chunk.language) if kind not in spared]
    return reasons
