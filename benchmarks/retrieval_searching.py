"""How fast an index answers while it is used: searches, saves, the editor's loop meanwhile, memory, a second window."""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.retrieval_corpus import copies, python_files, questions
from benchmarks.retrieval_desk import (
    DEFAULT,
    WORDS,
    Desk,
    Row,
    Ticker,
    beside,
    filled,
    memory,
    milliseconds,
    percentile,
    unit_rows,
)
from retrieval.embedding.minilm import MiniLM
from retrieval.host.client import IndexClient
from retrieval.lexical.encode import encode_query
from retrieval.ports import StoreQuery
from retrieval.question import Question
from retrieval.rank.stack import rank
from retrieval.store import layout
from retrieval.store.edge import OPTIMIZE_FROM, EdgeStore
from server.settings import IndexSettings
from workspace.walk import walk

_CHUNKS_PER_COPY = 12_500
"""Of 2,800 files; the copies are as many as it takes, the last one is cut."""
_FILES_PER_COPY = 2_800
_SETTLED = 900.0
_IDLE = 25.0
"""Seconds until the processes that were needed for indexing have gone."""
_QUIET = 10.0
"""Seconds of the idle loop that stalls are compared with."""
_POLL = 0.002
_SAVED = 5.0
"""Seconds after which a save counts as lost."""
_CANDIDATES = 100
"""Of each list, as the index asks its store."""
_HOST = "server.index_host"
"""In a host's command line."""


async def large(folder: Path, *, chunks: int, asked: int) -> list[Row]:
    """A workspace of so many chunks: its searches, the loop of its client, and the memory of its host."""
    root, texts = _large_workspace(folder / "workspace", chunks)
    desk = Desk(root, folder / "cache")
    there = questions(texts, asked)
    del texts
    quiet, indexing, filling, optimising = Ticker(), Ticker(), Ticker(), Ticker()
    async with beside(quiet.run):
        await asyncio.sleep(min(_QUIET, chunks / 1_000))
    async with beside(indexing.run), desk.client(WORDS) as client:
        await client.settled()
    await desk.prime(model := MiniLM())
    rows: list[Row] = []
    async with desk.client(DEFAULT) as client:
        async with beside(filling.run):
            count = (await filled(client)).chunks
        full = memory(client.pid)
        before = await _searched(client, there)
        after = None
        if count >= OPTIMIZE_FROM:
            async with beside(optimising.run):
                await _optimised(desk, client)
            after = await _searched(client, there)
        await asyncio.sleep(min(_IDLE, chunks / 1_000))
        idle = memory(client.pid)
        load = asyncio.create_task(_searched(client, there))
        await asyncio.sleep(0.5)
        searching = memory(client.pid)
        await load
    parts = await _parts(desk, model, there)
    await model.close()
    size = f"{count:,} chunks"
    for when, found in (("before optimising", before), ("optimised", after)):
        if found is not None:
            rows += _search_rows(f"Hybrid search, {size}, {when}", found, parts)
    rows += [
        Row(what=f"- of it, in turn in one process{part}", value=f"p50 {milliseconds(percentile(times, 0.5))}",
            beside=f"p99 {milliseconds(percentile(times, 0.99))}")
        for part, times in parts.steps.items()
    ]  # fmt: skip
    for when, ticker in (("indexes", indexing), ("fills in vectors", filling), ("optimises", optimising)):
        if ticker.late:
            rows.append(
                Row(
                    what=f"The client's longest stall while the host {when} ({size})",
                    value=str(ticker),
                    beside=f"the same loop with nothing to do: {quiet}",
                    ratio=max(ticker.late) / max(quiet.late),
                    bound="10 ms",
                    met=max(ticker.late) <= 0.010,
                )
            )
    for when, used in (("idle", idle), ("while searching", searching), ("right after it was filled", full)):
        rows.append(
            Row(
                what=f"Memory of the index host at {size}, {when}",
                value=str(used),
                bound="400 MB" if used is not full else "",
                met=used.total <= 400 if used is not full else None,
            )
        )
    return rows


async def save(folder: Path, *, files: int, saves: int) -> list[Row]:
    """From a write to disk until a search finds it: seen by the host itself, and said by the client."""
    desk = Desk(python_files(files).write(folder / "workspace"), folder / "cache")
    async with desk.client(WORDS) as client:
        await client.settled()
    await desk.prime(model := MiniLM())
    await model.close()
    rows: list[Row] = []
    paths = walk(desk.root).files
    numbers = itertools.count()

    async def seen(client: IndexClient, path: str) -> None:
        """The host's own watch has to see it."""

    async def said(client: IndexClient, path: str) -> None:
        await client.changed([path])

    ways: tuple[tuple[str, IndexSettings, Callable[[IndexClient, str], Awaitable[None]]], ...] = (
        ("seen on the disk", DEFAULT, seen),
        ("said by the client", IndexSettings(watch="off"), said),
    )
    for name, settings, tell in ways:
        async with desk.client(settings) as client:
            await client.settled(dense=True)
            await client.search(Question(text="warm"))
            times = [
                await _saved(desk, client, paths[number * 31 % len(paths)], _word(next(numbers)), tell)
                for number in range(saves)
            ]
        high = percentile(times, 0.95)
        found = [took for took in times if took < math.inf]
        rows.append(
            Row(
                what=f"Save to searchable in {len(paths):,} files, {name}: p95 of {saves}",
                value=milliseconds(high),
                beside=f"p50 {milliseconds(percentile(times, 0.5))}, most {milliseconds(max(found))}, "
                f"{saves - len(found)} not found within {_SAVED:g} s",
                bound="100 ms",
                met=high <= 0.1 and len(found) == saves,
            )
        )
    return rows


async def windows(folder: Path) -> list[Row]:
    """Two windows that start at once."""
    desk = Desk(python_files(20).write(folder / "workspace"), folder / "cache")
    async with desk.client(WORDS) as one, desk.client(WORDS, last=False) as other:
        await asyncio.gather(one.settled(), other.settled())
        family = {child.pid for child in psutil.Process().children()}
        known = ((process.pid, process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
        hosts = [pid for pid, command in known if pid in family and _HOST in command]
    return [
        Row(what="Index hosts of two windows on one workspace", value=str(len(hosts)), bound="1", met=len(hosts) == 1)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Seconds of each search."""

    client: list[float]
    host: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Seconds of each step of each search, done in one process without a socket."""

    steps: dict[str, list[float]]
    engine: list[float]
    exact: list[float]
    """A numpy search of all vectors."""


async def _searched(client: IndexClient, asked: Sequence[str]) -> Searched:
    for text in asked[:20]:
        await client.search(Question(text=f"{text} warm"))
    times: list[float] = []
    host: list[float] = []
    for text in asked:
        began = time.perf_counter()
        answer = await client.search(Question(text=text))
        times.append(time.perf_counter() - began)
        host.append(answer.seconds)
    return Searched(client=times, host=host)


async def _parts(desk: Desk, model: MiniLM, asked: Sequence[str]) -> Parts:
    store = EdgeStore.open(desk.place().store)
    steps: dict[str, list[float]] = {
        ": the question's vector": [],
        ": the question's words": [],
        ": the engine": [],
        ": ranking": [],
        ": the texts of ten": [],
    }
    exact: list[float] = []
    try:
        rows = unit_rows(np.random.default_rng(5), await store.count(), model.dimension)
        for number, text in enumerate([*(f"{text} warm" for text in asked[:20]), *asked]):
            times = [time.perf_counter()]
            vector = (await model.embed([text], is_query=True))[0]
            times.append(time.perf_counter())
            lexical = encode_query(text)
            times.append(time.perf_counter())
            found = await store.search(
                StoreQuery(lexical=lexical, dense={model.id: vector.tolist()}, limit=_CANDIDATES)
            )
            times.append(time.perf_counter())
            ranked = rank(text, found, limit=10)
            times.append(time.perf_counter())
            await store.texts([one.id for one in ranked])
            times.append(time.perf_counter())
            scores = rows @ vector
            best = np.argpartition(scores, -min(_CANDIDATES, len(scores)))[-_CANDIDATES:]
            best[np.argsort(scores[best])]
            ended = time.perf_counter()
            if number >= min(20, len(asked)):
                for step, (start, end) in zip(steps.values(), itertools.pairwise(times), strict=True):
                    step.append(end - start)
                exact.append(ended - times[-1])
    finally:
        await store.close()
    return Parts(steps=steps, engine=steps[": the engine"], exact=exact)


def _search_rows(what: str, found: Searched, parts: Parts) -> list[Row]:
    middle, high = (percentile(found.client, share) for share in (0.5, 0.99))
    exact, engine = (statistics.median(times) for times in (parts.exact, parts.engine))
    inside = (percentile(found.host, share) for share in (0.5, 0.99))
    return [
        Row(
            what=f"{what}: p50 of {len(found.client)}",
            value=milliseconds(middle),
            beside=f"the engine alone {milliseconds(engine)}, numpy over all vectors {milliseconds(exact)}",
            ratio=middle / engine,
            bound="5 ms",
            met=middle <= 0.005,
        ),
        Row(
            what="- p99",
            value=milliseconds(high),
            beside="in the host p50 {}, p99 {}".format(*map(milliseconds, inside)),
            ratio=high / percentile(parts.engine, 0.99),
            bound="20 ms",
            met=high <= 0.020,
        ),
    ]


async def _saved(
    desk: Desk, client: IndexClient, path: str, word: str, tell: Callable[[IndexClient, str], Awaitable[None]]
) -> float:
    """Seconds; infinite for a save that counts as lost."""
    file = desk.root / path
    text = f"{file.read_text()}\n\ndef {word}(value):\n    return value\n"
    began = time.perf_counter()
    file.write_text(text)
    await tell(client, path)
    while time.perf_counter() - began < _SAVED:
        # Fifty, as the vectors here are random and may come first: it is the index that is timed, not the ranking.
        found = await client.search(Question(text=word, limit=50))
        if any(word in hit.chunk.text for hit in found.hits):
            return time.perf_counter() - began
        await asyncio.sleep(_POLL)
    return math.inf


async def _optimised(desk: Desk, client: IndexClient) -> None:
    """Waits without asking anything, as the host does it only when it is left alone."""
    store = desk.place().store
    before = layout.current(store)
    async with asyncio.timeout(_SETTLED):
        while layout.current(store) == before:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.5)
    await client.call("status")


def _large_workspace(root: Path, chunks: int) -> tuple[Path, list[str]]:
    share = chunks / _CHUNKS_PER_COPY
    corpus = python_files(min(_FILES_PER_COPY, int(_FILES_PER_COPY * share) + 1))
    texts: list[str] = []
    for number, copy in enumerate(copies(corpus, max(1, -(-chunks // _CHUNKS_PER_COPY)))):
        part = max(0.0, min(1.0, share - number))
        files = dict(list(copy.files.items())[: int(len(copy.files) * part) + 1])
        type(copy)(files=files).write(root)
        texts += files.values()
    return root.resolve(), texts


def _word(number: int) -> str:
    letters = "bcdfghjklm"
    return "quorum" + "".join(letters[int(digit)] + "aeiou"[int(digit) % 5] for digit in f"{number:05d}")
