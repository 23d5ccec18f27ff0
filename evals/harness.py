"""Every system over one suite: Assay's own functions in memory, its parts alone, baselines, or the product itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evals import baselines, vectors
from evals.index import DEPTH, Lexical, MemoryIndex
from evals.metrics import CUTOFF, Outcome, Place, outcome
from evals.suites import Suite
from retrieval.chunk import Chunk
from retrieval.chunking.chunker import chunk_file
from retrieval.lexical.encode import encode_chunk, encode_query
from retrieval.ports import Candidates, Embedder, Found
from retrieval.rank import penalties
from retrieval.rank.stack import HISTORY, HISTORY_PREFIX, RankOptions, rank

ABLATIONS: Mapping[str, RankOptions] = {
    "no words of the path": RankOptions(path=0),
    "no names of definitions": RankOptions(name=0),
    "no defined symbols": RankOptions(definition=0, embedded_definition=0),
    "no file coherence": RankOptions(coherence=0),
    "no same-file decay": RankOptions(second=1, further=1),
    "no path penalties": RankOptions(penalties=dict.fromkeys(penalties.FACTORS, 1.0)),
    "DBSF for the weighted sum": RankOptions(fusion="dbsf"),
    "RRF for the weighted sum": RankOptions(fusion="rrf"),
}
NO_RANKING = RankOptions(
    path=0,
    name=0,
    definition=0,
    embedded_definition=0,
    coherence=0,
    second=1,
    further=1,
    penalties=dict.fromkeys(penalties.FACTORS, 1.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """Outcomes of all systems on one suite."""

    name: str
    kind: str
    files: int
    chunks: int
    queries: int
    outcomes: Mapping[str, tuple[Outcome, ...]]
    """By system, one for each question."""
    ranking_ms: tuple[float, ...]
    """Milliseconds of ranking alone, for each question."""


def chunks_of(suite: Suite) -> list[Chunk]:
    """All chunks of a suite's files."""
    return [chunk for path, text in suite.files.items() for chunk in chunk_file(path, text.encode()).chunks]


def history_chunks(suite: Suite) -> list[Chunk]:
    """One document for each file with what its commits said, as `retrieval.history` makes them."""
    return [
        Chunk(
            path=HISTORY_PREFIX + path,
            language="text",
            kind="history",
            symbol="",
            scope="",
            names=(),
            start_byte=0,
            end_byte=0,
            start_line=0,
            end_line=1,
            header=f"# {path} history",
            text="\n\n".join(said),
            source=HISTORY,
        )
        for path, said in suite.history.items()
        if said
    ]


def evaluate(
    suite: Suite,
    *,
    embedder: Embedder | None,
    kept: vectors.VectorFile,
    semble: Path | None,
    say: Callable[[str], None],
) -> SuiteResult:
    """Every system's outcome on every question of a suite.

    :param embedder: None for lexical search only.
    :param semble: an interpreter that has semble, or None to leave it out.
    """
    chunks = chunks_of(suite)
    texts = [query.text for query in suite.queries]
    dense = questions = None
    if embedder is not None:
        dense = vectors.of_chunks(
            embedder, chunks, kept, lambda done, total: say(f"{suite.name}: {done} of {total} embedded")
        )
        questions = vectors.of_queries(embedder, texts, kept)
    say(f"{suite.name}: {len(suite.files)} files, {len(chunks)} chunks, {len(texts)} questions")

    index = MemoryIndex(chunks, encode_chunk, dense)
    found = [
        index.candidates(encode_query(text), questions[number] if questions is not None else None)
        for number, text in enumerate(texts)
    ]
    lexical = [Candidates(lexical=item.lexical, dense={}) for item in found]
    hits: dict[str, list[list[Place]]] = {
        "keyword counting": _keywords(chunks, texts),
        "BM25, plain words": _plain(chunks, texts),
        "BM25 alone": [_places(item.lexical) for item in found],
    }
    if semble is not None:
        hits["semble, no model"] = baselines.semble(suite, semble, CUTOFF)
    hits["Assay, no model"] = _ranked(texts, lexical, RankOptions())
    if embedder is not None:
        hits["MiniLM alone"] = [_places(item.dense["dense"]) for item in found]
        hits["weighted sum, not ranked"] = _ranked(texts, found, NO_RANKING)
    spent: list[float] = []
    hits["Assay"] = _ranked(texts, found, RankOptions(), spent)
    if suite.history:
        past = MemoryIndex([*chunks, *history_chunks(suite)], encode_chunk, dense)
        with_history = [
            past.candidates(encode_query(text), questions[number] if questions is not None else None)
            for number, text in enumerate(texts)
        ]
        hits["Assay with history"] = _ranked(texts, with_history, RankOptions())
    for name, options in ABLATIONS.items():
        hits[name] = _ranked(texts, found, options)
    return SuiteResult(
        name=suite.name,
        kind=suite.kind,
        files=len(suite.files),
        chunks=len(chunks),
        queries=len(texts),
        outcomes={name: _outcomes(suite, rows) for name, rows in hits.items()},
        ranking_ms=tuple(spent),
    )


def with_system(result: SuiteResult, system: str, outcomes: tuple[Outcome, ...]) -> SuiteResult:
    """The same result with one more system."""
    return replace(result, outcomes={**result.outcomes, system: outcomes})


def product(suite: Suite, command: Sequence[str]) -> tuple[Outcome, ...]:
    """What `assay index` and `assay search --queries` find in a folder that holds the suite's files.

    :param command: how assay is started.
    :raises subprocess.CalledProcessError: when it fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        root, asked = Path(scratch, "workspace"), Path(scratch, "queries.jsonl")
        for path, text in suite.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        asked.write_text("".join(json.dumps({"id": query.id, "query": query.text}) + "\n" for query in suite.queries))
        subprocess.run([*command, "index", str(root)], check=True, stdout=subprocess.DEVNULL)
        search = [*command, "search", str(root), "--queries", str(asked), "-k", str(CUTOFF)]
        answers = subprocess.run(search, check=True, stdout=subprocess.PIPE, text=True).stdout
    by_id: dict[str, list[Place]] = {}
    for line in answers.splitlines():
        row = json.loads(line)
        by_id[row["id"]] = [
            Place(path=hit["path"], start_line=hit["start_line"], end_line=hit["end_line"]) for hit in row["hits"]
        ]
    return _outcomes(suite, [by_id.get(query.id, []) for query in suite.queries])


def _outcomes(suite: Suite, rows: Sequence[Sequence[Place]]) -> tuple[Outcome, ...]:
    return tuple(outcome(hits, query.targets) for hits, query in zip(rows, suite.queries, strict=True))


def _ranked(
    texts: Sequence[str], found: Sequence[Candidates], options: RankOptions, spent: list[float] | None = None
) -> list[list[Place]]:
    """The ten best of every question, as the product shows them.

    :param spent: takes the milliseconds of each.
    """
    rows: list[list[Place]] = []
    for text, candidates in zip(texts, found, strict=True):
        began = time.perf_counter()
        ranked = rank(text, candidates, options=options, limit=CUTOFF)
        if spent is not None:
            spent.append((time.perf_counter() - began) * 1e3)
        rows.append([_place(item.chunk) for item in ranked])
    return rows


def _places(found: Sequence[Found]) -> list[Place]:
    return [_place(item.chunk) for item in found[:DEPTH]]


def _place(chunk: Chunk) -> Place:
    return Place(path=chunk.path, start_line=chunk.start_line + 1, end_line=chunk.end_line)


def _keywords(chunks: Sequence[Chunk], texts: Sequence[str]) -> list[list[Place]]:
    keywords = baselines.Keywords(chunks)
    return [[_place(chunks[place]) for place in keywords.best(text, DEPTH)] for text in texts]


def _plain(chunks: Sequence[Chunk], texts: Sequence[str]) -> list[list[Place]]:
    average = float(np.mean([len(chunk.text.split()) for chunk in chunks])) if chunks else 1.0
    index = Lexical([baselines.encode_plain(chunk, average) for chunk in chunks])
    rows: list[list[Place]] = []
    for text in texts:
        scores = index.scores(baselines.encode_plain_query(text))
        order = np.argsort(-scores, kind="stable")[:DEPTH]
        rows.append([_place(chunks[int(place)]) for place in order if scores[place] > 0])
    return rows
