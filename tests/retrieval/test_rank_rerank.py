"""The second look at the best hits."""

from __future__ import annotations

from pathlib import Path

from retrieval.chunk import Chunk
from retrieval.chunking.chunker import chunk_file
from retrieval.index.index import SearchOptions
from retrieval.rank.rerank import DEPTH, rerank, windows
from retrieval.rank.stack import Ranked
from tests.retrieval.desk import WordEmbedder, hits, opened, write

FILLER = "".join(f"    step_{i} = other_{i} + more_{i}\n" for i in range(24))
FILES = {
    "first.py": "def play():\n    harbour = 1\n    return harbour\n",
    "long.py": f"def run():\n{FILLER}" + "    copper violin meadow\n" * 8,
    "last.py": "def rest():\n    return thunder\n",
}


def chunk_of(path: str, text: str) -> Chunk:
    return chunk_file(path, text.encode()).chunks[0]


CHUNKS = {path: chunk_of(path, text) for path, text in FILES.items()}


def ranked(scores: dict[str, float]) -> list[Ranked]:
    return [Ranked(id=path, chunk=CHUNKS[path], score=score, reasons=()) for path, score in scores.items()]


async def test_what_stands_at_the_end_of_a_long_chunk_is_seen() -> None:
    before = ranked({"first.py": 1.0, "long.py": 0.9, "last.py": 0.1})
    after = await rerank("copper violin meadow", before, CHUNKS, WordEmbedder())
    assert [one.id for one in after] == ["long.py", "first.py", "last.py"]
    assert [one.score for one in after] == sorted((one.score for one in after), reverse=True)


async def test_only_the_best_are_looked_at_and_nobody_is_lost() -> None:
    many = [Ranked(id=f"{i}", chunk=CHUNKS["last.py"], score=1 - i / 100, reasons=()) for i in range(DEPTH + 5)]
    embedder = WordEmbedder()
    after = await rerank("x", many, {one.id: one.chunk for one in many}, embedder)
    assert len(embedder.asked) == DEPTH
    assert {one.id for one in after} == {one.id for one in many}
    assert [one.id for one in after[DEPTH:]] == [one.id for one in many[DEPTH:]]


async def test_nothing_to_order_asks_nobody() -> None:
    embedder = WordEmbedder(broken=True)
    assert await rerank("x", [], {}, embedder) == ()
    assert len(await rerank("x", ranked({"first.py": 1.0}), CHUNKS, embedder)) == 1


def test_windows_overlap_and_hold_every_line() -> None:
    found = windows(CHUNKS["long.py"])
    assert len(found) == 4
    assert all(text.startswith(CHUNKS["long.py"].header) for text in found)
    lines = set(CHUNKS["long.py"].text.split("\n"))
    assert lines <= {line for text in found for line in text.split("\n")}


async def test_a_search_without_the_embedder_is_as_it_was_and_says_so(tmp_path: Path) -> None:
    root = write(tmp_path / "w", FILES)
    embedder = WordEmbedder()
    known = {"embedders": {"a": embedder}, "embedder": "a", "options": SearchOptions(rerank=True)}
    async with opened(root, tmp_path / "i", **known) as index:
        await index.dense_ready()
        assert await hits(index, "thunder")
        embedder.broken = True
        assert (await hits(index, "harbour"))[0].chunk.path == "first.py"
