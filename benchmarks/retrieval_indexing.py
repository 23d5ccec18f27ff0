"""How fast content gets into the index: from nothing, by vectors, by number of files, and when nothing changed."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.retrieval_corpus import Corpus, python_files, small_files, small_symbol
from benchmarks.retrieval_desk import DEFAULT, WORDS, Desk, Row, Watch, beside, milliseconds
from retrieval.embedding.minilm import FOLDER, MAX_TOKENS, MiniLM
from retrieval.index.dense import embedded_text
from retrieval.index.workers import Workers
from retrieval.question import Question
from retrieval.store.edge import EdgeStore
from workspace.walk import MAX_FILES

_IMPORTS = "import retrieval.host.serve, retrieval.store.edge, retrieval.index.index, retrieval.embedding.minilm"
"""What an index host imports before it can answer."""
_BARE_BATCH = 32


async def cold(folder: Path, *, files: int, rounds: int) -> list[Row]:
    """From nothing to searchable by words, against parsing the same files and nothing else."""
    corpus = python_files(files)
    root = corpus.write(folder / "workspace")
    parses: list[float] = []
    starts: list[float] = []
    whole: list[float] = []
    indexing: list[float] = []
    chunks = 0
    for number in range(rounds):
        parses.append(_parse_all(corpus))
        desk = Desk(root, folder / f"cache{number}")
        async with desk.client(WORDS) as client:
            began = time.perf_counter()
            await client.call("status")
            up = time.perf_counter()
            chunks = (await client.settled()).chunks
            ready = time.perf_counter()
        starts.append(up - began)
        whole.append(ready - began)
        indexing.append(ready - up)
    ratios = [mine / theirs for mine, theirs in zip(whole, parses, strict=True)]
    parsing = statistics.median(parses)
    size = f"{len(corpus.files):,} files, {corpus.size / 1e6:.1f} MB, {chunks:,} chunks"
    ratio = statistics.median(ratios)
    return [
        Row(
            what=f"Cold index of {size}: start of the host to searchable by words",
            value=f"{statistics.median(whole):.2f} s",
            beside=f"parsing alone, one process: {parsing:.2f} s",
            ratio=ratio,
            bound="2 times",
            met=ratio <= 2,
        ),
        Row(
            what="- of it, after the host has started",
            value=f"{statistics.median(indexing):.2f} s",
            beside=f"{len(corpus.files) / statistics.median(indexing):,.0f} files/s",
            ratio=statistics.median(mine / theirs for mine, theirs in zip(indexing, parses, strict=True)),
        ),
        Row(
            what="Start of the host to its first answer",
            value=milliseconds(statistics.median(starts)),
            beside=f"Python and its imports: {milliseconds(bare := statistics.median(_imports(rounds)))}",
            ratio=statistics.median(starts) / bare,
        ),
    ]


async def dense(folder: Path, *, chunks: int) -> list[Row]:
    """Chunks per second of the background filling, against a loop around the model in a process of its own."""
    desk = Desk(python_files(chunks // 5).write(folder / "workspace"), folder / "cache")
    async with desk.client(WORDS) as client:
        await client.settled()
    texts = await _texts(desk)
    seen: list[tuple[float, int]] = []

    async def look() -> None:
        while True:
            seen.append((time.perf_counter(), await asyncio.to_thread(_vectors_made, desk)))
            await asyncio.sleep(0.1)

    before = await _bare(texts, _BARE_BATCH)
    async with desk.client(DEFAULT) as client, beside(look):
        began = time.perf_counter()
        await client.settled(dense=True)
        seen.append((time.perf_counter(), _vectors_made(desk)))
    after = await _bare(texts, 0)
    moments = [(at, count) for at, count in seen if count]
    (first, few), (last, all_) = moments[0], moments[-1]
    whole = all_ / (last - began)
    rate = (all_ - few) / (last - first) if all_ > few else whole  # so few that they were one round
    peer = max(before, after)
    return [
        Row(
            what=f"Vectors for {all_:,} chunks in the background, after the first round",
            value=f"{rate:.1f} chunks/s",
            beside=f"bare loop, same texts by length: {before:.1f} in batches of {_BARE_BATCH}, {after:.1f} in batches "
            "of 512 tokens",
            ratio=rate / peer,
            bound="0.9 times",
            met=rate >= 0.9 * peer,
        ),
        Row(
            what="- with the start of the host, the model and its process",
            value=f"{whole:.1f} chunks/s",
            ratio=whole / peer,
        ),
    ]


async def reopen(folder: Path, *, files: int, rounds: int, is_patient: bool) -> list[Row]:
    """An unchanged workspace, from the start of the host to a first answer that is right."""
    desk = Desk(small_files(folder / "workspace", files), folder / "cache", is_patient)
    async with desk.client(WORDS) as client:
        await client.settled()
    await desk.prime(model := MiniLM())
    await model.close()
    async with desk.client(DEFAULT) as client:
        await client.settled(dense=True)
    wanted = files * 7 // 10
    rows: list[Row] = []
    for name, settings in (("with vectors", DEFAULT), ("by words alone", WORDS)):
        times: list[float] = []
        checked: list[float] = []
        for _ in range(rounds):
            async with desk.client(settings) as client:
                began = time.perf_counter()
                while True:
                    found = await client.search(Question(text=small_symbol(wanted)))
                    if any(f"module{wanted:06d}" in hit.chunk.path for hit in found.hits):
                        break
                times.append(time.perf_counter() - began)
                await client.settled()
                checked.append(time.perf_counter() - began)
        imports = statistics.median(_imports(rounds))
        found_after = statistics.median(times)
        rows.append(
            Row(
                what=f"Reopening {files:,} unchanged files, {name}: start of the host to the first right answer",
                value=milliseconds(found_after),
                beside=f"Python and its imports: {milliseconds(imports)}",
                ratio=found_after / imports,
                bound="0.5 s",
                met=found_after <= 0.5,
            )
        )
        rows.append(Row(what="- and until every file was compared", value=milliseconds(statistics.median(checked))))
    return rows


async def growth(folder: Path, *, sizes: Sequence[int], beyond: int) -> list[Row]:
    """The cost of one file in workspaces of different sizes, and what a folder does that is too large.

    :param beyond: files of that folder; 0 leaves it out.
    """
    root = folder / "workspace"
    rows: list[Row] = []
    first = 0.0
    there = 0
    for count in sizes:
        small_files(root, count, start=there)
        there = count
        desk = Desk(root.resolve(), folder / f"cache{count}")
        async with desk.client(WORDS) as client:
            await client.call("status")
            watch = Watch(client)
            began = time.perf_counter()
            async with beside(watch.run):
                done = await client.settled()
            each = (time.perf_counter() - began) / count
        first = first or each
        last = count == sizes[-1]
        rows.append(
            Row(
                what=f"Cost of a file in a workspace of {done.files:,} small ones",
                value=f"{each * 1e3:.3f} ms",
                beside=f"of {sizes[0]:,}: {first * 1e3:.3f} ms; at most {watch.most}",
                ratio=each / first,
                bound="flat: 1.25 times" if last else "",
                met=each <= 1.25 * first if last else None,
            )
        )
        shutil.rmtree(desk.cache)
    if beyond:
        small_files(root, beyond, start=there)
        rows.append(await _too_large(Desk(root.resolve(), folder / "beyond"), beyond))
    return rows


async def _too_large(desk: Desk, count: int) -> Row:
    async with desk.client(WORDS) as client:
        await client.call("status")
        watch = Watch(client)
        began = time.perf_counter()
        async with beside(watch.run):
            done = await client.settled()
        took = time.perf_counter() - began
    said = "; ".join(f"{number:,} {reason}" for reason, number in done.skipped.items()) or "nothing"
    return Row(
        what=f"A folder of {count:,} files",
        value=f"{done.files:,} indexed in {took:.0f} s, at most {watch.most}",
        beside=f"the walk's limit is {MAX_FILES:,}; said: {said}",
        bound="bounded, and said",
        met=done.files <= MAX_FILES and bool(done.skipped),
    )


def _parse_all(corpus: Corpus) -> float:
    """Seconds, of one process that has the contents in memory and keeps no tree."""
    import tree_sitter
    import tree_sitter_python

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    contents = [text.encode() for text in corpus.files.values()]
    began = time.perf_counter()
    for content in contents:
        parser.parse(content)
    return time.perf_counter() - began


def _imports(rounds: int) -> list[float]:
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run((sys.executable, "-P", "-c", _IMPORTS), check=True)
        times.append(time.perf_counter() - began)
    return times


def _vectors_made(desk: Desk) -> int:
    """As the cache of embeddings tells: each round is in it before it is stored."""
    try:
        with closing(sqlite3.connect(f"file:{desk.cache}/vectors.sqlite?mode=ro", uri=True)) as cache:
            return cache.execute("SELECT count(*) FROM vector").fetchone()[0]
    except sqlite3.OperationalError:  # it is not there yet
        return 0


async def _texts(desk: Desk) -> list[str]:
    """What is embedded of a workspace that is indexed by words."""
    model = MiniLM()
    await model.close()
    store = EdgeStore.open(desk.place().store)
    try:
        await store.add_embedder(model.id, model.dimension)
        return [embedded_text(chunk) async for batch in store.without_vectors(model.id) for _, chunk in batch]
    finally:
        await store.close()


async def _bare(texts: list[str], batch: int) -> float:
    """Chunks per second; as niced as the product's process is.

    :param batch: texts at once; 0 for as many as 512 tokens.
    """
    workers = Workers(1)
    try:
        return len(texts) / await workers.run(bare_loop, texts, batch)
    finally:
        workers.close()


def bare_loop(texts: list[str], batch: int) -> float:
    """Seconds that the model takes for these texts, tokens included and its loading not."""
    import numpy as np
    import onnxruntime  # pyright: ignore[reportMissingTypeStubs]
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = onnxruntime.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    began = time.perf_counter()
    rows = sorted((one.ids for one in tokenizer.encode_batch(texts)), key=len, reverse=True)
    at = 0
    while at < len(rows):
        some = rows[at : at + (batch or max(1, 512 // len(rows[at])))]
        at += len(some)
        ids = np.zeros((len(some), len(some[0])), dtype=np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(some):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        session.run(["emb"], {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})
    return time.perf_counter() - began
