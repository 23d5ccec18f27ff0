"""A map of the repository: the definitions that the rest of the code leans on, within a budget of tokens.

Files are ranked by PageRank (Page, Brin, Motwani, Winograd, "The PageRank Citation Ranking", 1998) over who uses whose
names, with the jumps going to the files in focus (its section 6, personalised PageRank). Every sum runs in the order of
sorted paths, so the same files give the same map to the last byte.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.chunk import ChunkedFile, Definition

BYTES_PER_TOKEN = 4
"""Of code, about, for the tokenizers of today's models; a budget is kept by this estimate."""
DAMPING = 0.85
"""Chance to follow a use instead of jumping; the paper's value."""
ITERATIONS = 30
"""0.85 to the power of 30 is below 0.01: the order of files no longer changes. A fixed number keeps it reproducible."""
_SPREAD_LIMIT = 8  # files; a name defined in more says nothing about which of them is meant
_WORD_WEIGHT = 0.1  # `order`, `first`: one plain word is mostly a variable or an attribute that is called the same
_PRIVATE_WEIGHT = 0.2  # `_name`: rarely meant when another file uses it
_BY_SCOPE = frozenset({"method", "constructor", "property"})
_UNKNOWN_SCOPE_WEIGHT = 0.05
"""Of a use of `text` in a file that does not name the class whose method it is: mostly it is another `text`."""
_FOCUS_SHARE = 0.9  # of the jumps that go to the files in focus
_PER_FILE = 12  # definitions shown of one file at most, so that one does not fill the map


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSymbols:
    """What the map needs of one file."""

    path: str
    definitions: tuple[Definition, ...]
    references: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, file: ChunkedFile) -> FileSymbols:
        return cls(path=file.path, definitions=file.definitions, references=file.references)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedFile:
    path: str
    score: float
    """The scores of all files make 1."""
    uses: Mapping[str, float]
    """By simple name, how much the other files lean on this file's definition of it."""


def repository_map(files: Sequence[FileSymbols], *, focus: Collection[str] = (), budget_tokens: int) -> str:
    """The definitions that matter most: `path:` and indented signatures below it, in the order of the file.

    :param focus: paths that the reader is at work on: what they use comes first.
    :param budget_tokens: of `BYTES_PER_TOKEN` bytes. The map is never larger.
    """
    by_path = {file.path: file for file in files}
    ranked = rank_files([by_path[path] for path in sorted(by_path)], focus)
    shown: dict[str, list[Definition]] = {}
    left = budget_tokens * BYTES_PER_TOKEN
    for path, definition in _by_importance(ranked, by_path):
        cost = len(_line(definition).encode()) + 1
        if path not in shown:
            cost += len(f"{path}:".encode()) + 1
        elif len(shown[path]) == _PER_FILE:
            continue
        if cost > left:
            break
        left -= cost
        shown.setdefault(path, []).append(definition)
    lines: list[str] = []
    for file in ranked:
        if file.path in shown:
            lines.append(f"{file.path}:")
            lines.extend(map(_line, sorted(shown[file.path], key=lambda it: (it.line, it.end_line, it.qualified))))
    return "".join(f"{line}\n" for line in lines)


def rank_files(files: Sequence[FileSymbols], focus: Collection[str] = ()) -> list[RankedFile]:
    """The most leaned upon first; ties by path.

    :param files: sorted by path, each path once.
    """
    if not files:
        return []
    edges, uses = _edges(files)
    scores = _page_rank(len(files), edges, _jumps(files, frozenset(focus)))
    # What a name is worth to a file: the share of the user's score that comes with it.
    worth: list[dict[str, float]] = [{} for _ in files]
    for user, targets in enumerate(uses):
        total = sum(weight for _, _, weight in targets)
        for name, definer, weight in targets:
            worth[definer][name] = worth[definer].get(name, 0.0) + scores[user] * weight / total
    ranked = [
        RankedFile(path=file.path, score=score, uses=values)
        for file, score, values in zip(files, scores, worth, strict=True)
    ]
    return sorted(ranked, key=lambda file: (-file.score, file.path))


def _edges(
    files: Sequence[FileSymbols],
) -> tuple[list[list[tuple[int, float]]], list[list[tuple[str, int, float]]]]:
    """For each file, the files that it uses with weights, and the same name by name."""
    definers: dict[str, list[int]] = defaultdict(list)
    scopes: dict[tuple[str, int], set[str]] = defaultdict(set)  # what encloses a name in a file; "" for nothing
    for index, file in enumerate(files):
        for definition in file.definitions:
            scopes[_plain(definition.name), index].add(_scope(definition))
        for name in sorted({_plain(definition.name) for definition in file.definitions}):
            definers[name].append(index)
    users = Counter(name for file in files for name, _ in file.references)
    rarest = math.log1p(len(files))
    edges: list[list[tuple[int, float]]] = []
    uses: list[list[tuple[str, int, float]]] = []
    for index, file in enumerate(files):
        weights: dict[int, float] = {}
        named: list[tuple[str, int, float]] = []
        known = {name for name, _ in file.references} | {""}
        for name, count in file.references:
            targets = definers.get(name)
            # A name that the file defines itself is its own.
            if targets is None or len(targets) > _SPREAD_LIMIT or index in targets:
                continue
            # The square root: the tenth use in a file says less than the first.
            weight = _name_weight(name) * math.sqrt(count) / len(targets) ** 2
            weight *= math.log1p(len(files) / users[name]) / rarest
            for target in targets:
                part = weight if not known.isdisjoint(scopes[name, target]) else weight * _UNKNOWN_SCOPE_WEIGHT
                weights[target] = weights.get(target, 0.0) + part
                named.append((name, target, part))
        edges.append(sorted(weights.items()))
        uses.append(named)
    return edges, uses


def _scope(definition: Definition) -> str:
    """The simple name of what encloses a definition: a method is known by its class."""
    if definition.kind not in _BY_SCOPE:
        return ""
    return definition.qualified.rpartition(".")[0].rpartition(".")[2]


def _name_weight(name: str) -> float:
    weight = _WORD_WEIGHT if name.islower() and "_" not in name.strip("_") else 1.0
    return weight * (_PRIVATE_WEIGHT if name.startswith("_") else 1.0)


def _plain(name: str) -> str:
    """As it looks where it is used: Ruby's `full?` is found as `full`."""
    return name.rstrip("?!=")


def _jumps(files: Sequence[FileSymbols], focus: frozenset[str]) -> list[float]:
    """Where a reader begins: anywhere, or mostly at the files in focus."""
    focused = [file.path in focus for file in files]
    inside = sum(focused)
    if inside in (0, len(files)):
        return [1 / len(files)] * len(files)
    rest = (1 - _FOCUS_SHARE) / (len(files) - inside)
    return [_FOCUS_SHARE / inside if is_focused else rest for is_focused in focused]


def _page_rank(count: int, edges: Sequence[Sequence[tuple[int, float]]], jumps: Sequence[float]) -> list[float]:
    shares = [[(target, weight / total) for target, weight in targets] for targets, total in _with_totals(edges)]
    scores = list(jumps)
    for _ in range(ITERATIONS):
        following = [0.0] * count
        lost = 0.0  # by files that use nothing of the others: from there one jumps
        for score, targets in zip(scores, shares, strict=True):
            if not targets:
                lost += score
            for target, share in targets:
                following[target] += score * share
        scores = [
            (1 - DAMPING + DAMPING * lost) * jump + DAMPING * gained
            for jump, gained in zip(jumps, following, strict=True)
        ]
    return scores


def _with_totals(
    edges: Sequence[Sequence[tuple[int, float]]],
) -> Iterable[tuple[Sequence[tuple[int, float]], float]]:
    return ((targets, sum(weight for _, weight in targets)) for targets in edges)


def _by_importance(ranked: Sequence[RankedFile], files: Mapping[str, FileSymbols]) -> list[tuple[str, Definition]]:
    """Definitions by what the others lean on them; a part of a used class comes after the class."""
    weighed: list[tuple[float, str, int, Definition]] = []
    for file in ranked:
        for definition in files[file.path].definitions:
            used = file.uses.get(_plain(definition.name), 0.0)
            # Without a use only the file's own rank speaks for it, a little, and less for what is nested.
            own = file.score * 1e-3 / (1 + definition.qualified.count("."))
            weighed.append((-(used + own), file.path, definition.line, definition))
    weighed.sort(key=lambda it: (it[0], it[1], it[2], it[3].qualified))
    return [(path, definition) for _, path, _, definition in weighed]


def _line(definition: Definition) -> str:
    depth = 1 + (definition.qualified.count(".") if definition.kind in ("method", "constructor", "property") else 0)
    return f"{'  ' * min(depth, 3)}{definition.signature or definition.qualified}"
