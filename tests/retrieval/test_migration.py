"""Moving to another embedder: never a worse search, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from retrieval.errors import EmbedderError
from retrieval.index.index import Index
from retrieval.index.migration import first_sentence, is_good_enough
from tests.retrieval.desk import WordEmbedder, opened, paths, write

WORDS = ["lantern", "pigeon", "balloon", "harbour", "meadow", "violin"]
WORDS += ["copper", "thunder", "basket", "letter", "window", "garden"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        f"{word}.py": f'def use_{word}(x):\n    """Carry the {word} over the {WORDS[i - 1]} bridge."""\n    return x\n'
        for i, word in enumerate(WORDS)
    }
    return write(tmp_path / "w", files)


@pytest.fixture
def embedders() -> dict[str, WordEmbedder]:
    return {"old": WordEmbedder(), "new": WordEmbedder(seed="2"), "poor": WordEmbedder(seed="3", is_poor=True)}


async def ended(index: Index) -> str:
    async with asyncio.timeout(20):
        while index.embeddings.migration is None or index.embeddings.migration.is_running:
            await asyncio.sleep(0.01)
    return index.embeddings.migration.state


async def test_a_move_fills_compares_switches_and_stays(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()
        index.embeddings.migrate("new")
        assert await ended(index) == "done"
        assert index.embeddings.migration is not None
        assert index.embeddings.migration.after is not None
        assert set(await index.store.embedders()) == {embedders["new"].id}
        assert (await paths(index, "carry the violin"))[0] == "violin.py"
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()  # the settings still say old; this workspace has moved
        assert index.progress.embedder == embedders["new"].id


async def test_the_end_of_the_old_embedder_is_no_failure_of_the_index(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        watching = asyncio.create_task(index.failed())
        await index.dense_ready()
        index.embeddings.migrate("new")
        assert await ended(index) == "done"
        write(root, {"late.py": "def late_zeppelin():\n    pass\n"})
        index.indexer.touch(["late.py"])
        await index.dense_ready()
        assert not watching.done()
        watching.cancel()


async def test_a_worse_embedder_is_refused_and_the_old_one_stays(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()
        index.embeddings.migrate("poor")
        assert await ended(index) == "refused"
        assert set(await index.store.embedders()) == {embedders["old"].id}
        assert index.progress.embedder == embedders["old"].id
        write(root, {"late.py": "def late_zeppelin():\n    pass\n"})
        index.indexer.touch(["late.py"])
        await index.dense_ready()
        assert index.progress.is_dense_ready


async def test_meanwhile_new_content_goes_to_the_new_one_and_both_are_searched(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()
        index.embeddings.migrate("new")
        index.embeddings.pause_migration(paused=True)
        known = len(embedders["old"].asked)
        write(root, {"late.py": "def late_zeppelin():\n    pass\n"})
        index.indexer.touch(["late.py"])
        await index.lexical_ready()
        assert (await paths(index, "carry the violin"))[0] == "violin.py"
        assert (await paths(index, "zeppelin"))[0] == "late.py"
        index.embeddings.pause_migration(paused=False)
        assert await ended(index) == "done"
        assert len(embedders["old"].asked) == known
        assert any("zeppelin" in text for text in embedders["new"].asked)


async def test_a_move_goes_on_after_a_kill(root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()
        index.embeddings.migrate("new")
        index.embeddings.pause_migration(paused=True)
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        assert index.embeddings.migration is not None
        assert index.embeddings.migration.state == "paused"
        index.embeddings.migrate("new")  # again: goes on
        assert await ended(index) == "done"


async def test_a_move_rolled_back_leaves_nothing_and_misses_nothing(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()
        index.embeddings.migrate("new")
        index.embeddings.pause_migration(paused=True)
        write(root, {"late.py": "def late_zeppelin():\n    pass\n"})
        index.indexer.touch(["late.py"])
        await index.lexical_ready()
        await index.embeddings.roll_back()
        await index.dense_ready()
        assert set(await index.store.embedders()) == {embedders["old"].id}
        assert [batch async for batch in index.store.without_vectors(embedders["old"].id)] in ([], [[]])
        with pytest.raises(EmbedderError, match="no move"):
            await index.embeddings.roll_back()


async def test_an_embedder_that_dies_over_the_comparison_ends_the_move_and_no_more(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder]
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        await index.dense_ready()
        embedders["old"].broken = True
        index.embeddings.migrate("new")
        assert await ended(index) == "failed"
        embedders["old"].broken = False
        assert (await paths(index, "carry the violin"))[0] == "violin.py"


@pytest.mark.parametrize("to", ["old", "nobody"])
async def test_a_move_to_nowhere_is_refused(
    root: Path, tmp_path: Path, embedders: dict[str, WordEmbedder], to: str
) -> None:
    async with opened(root, tmp_path / "i", embedders=embedders, embedder="old") as index:
        with pytest.raises(EmbedderError):
            index.embeddings.migrate(to)
        assert index.embeddings.migration is None


SENTENCES = [
    ('def f():\n    """Return the sum of all prices. More."""\n', "Return the sum of all prices."),
    ("// Add puts one more item in.\nfunc Add() {}\n", "Add puts one more item in."),
    ("/**\n * Adds one more item to it.\n */\nvoid add();\n", "Adds one more item to it."),
    ("# Add one more item here\ndef add\nend\n", "Add one more item here"),
    ('def f():\n    """Sum."""\n', ""),
    ("x = 1\n", ""),
]


@pytest.mark.parametrize(("text", "sentence"), SENTENCES)
def test_a_piece_of_code_is_described_by_its_first_sentence(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


@pytest.mark.parametrize(
    ("before", "after", "queries", "good"),
    [
        (0.5, 0.5, 100, True),
        (0.5, 0.49, 100, True),
        (0.5, 0.47, 100, False),
        (0.5, 0.9, 100, True),
        (0.9, 0.0, 3, True),
    ],
)
def test_the_gate_lets_through_what_is_not_worse(before: float, after: float, queries: int, good: bool) -> None:
    assert is_good_enough(before, after, queries) is good
