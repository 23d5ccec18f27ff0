"""Files that are hostile, odd or unlucky take nothing else with them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from pathlib import Path

import pytest

from retrieval.chunk import ChunkedFile
from retrieval.chunking.chunker import chunk_file
from retrieval.index.prepare import prepare, prepare_files
from retrieval.question import Question
from tests.retrieval.desk import MemoryCache, WordEmbedder, hits, opened, paths, write

GOOD = {"good.py": "def lantern():\n    return 1\n"}

ODD_NAMES = ["with space.py", "quote'\"s.py", "new\nline.py", "tab\t.py", "star*?.py", "[x].py", "-rf.py",
             "ünï-日本.py",
             "💡.py",
             "%20.py", "a:b.py", "back\\slash.py", "#hash.py", "a" * 200 + ".py", "history:x.py", " .py"]  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
async def test_a_name_with_any_byte_is_found_and_forgotten(tmp_path: Path, name: str) -> None:
    root = write(tmp_path / "w", {**GOOD, name: "def pigeon():\n    pass\n"})
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        assert await paths(index, "pigeon") == [name]
        (root / name).unlink()
        index.indexer.touch([name])
        await index.lexical_ready()
        assert await paths(index, "pigeon") == []
        assert await paths(index, "lantern") == ["good.py"]


async def test_a_name_that_is_no_text_is_left_out_and_counted(tmp_path: Path) -> None:
    root = write(tmp_path / "w", GOOD)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe.py")).write_text("def pigeon(): pass\n")
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        assert await paths(index, "pigeon") == []
        assert "has a name that is not UTF-8" in index.progress.skipped


async def test_what_policy_excludes_is_in_no_part_of_the_index(tmp_path: Path) -> None:
    root = write(
        tmp_path / "w",
        {
            **GOOD,
            ".env": "PIGEON=1\n",
            ".gitignore": "built/\n",
            ".aiignore": "private.py\n",
            "built/x.py": "def pigeon_built(): pass\n",
            "private.py": "def pigeon_private(): pass\n",
            ".ssh/config": "Host pigeon\n",
            "open.py": 'TOKEN = "ghp_' + "a1B2" * 9 + '"\ndef pigeon_open():\n    return TOKEN\n',
        },
    )
    (tmp_path / "outside.py").write_text("def pigeon_outside(): pass\n")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    (root / "pipe.py").unlink(missing_ok=True)
    os.mkfifo(root / "pipe.py")
    cache, embedder = MemoryCache(), WordEmbedder()
    async with opened(root, tmp_path / "index", embedders={"a": embedder}, embedder="a", cache=cache) as index:
        await index.dense_ready()
        allowed = {"good.py", "open.py", ".gitignore", ".aiignore"}
        assert set(await paths(index, "pigeon")) <= allowed
        assert (await paths(index, "pigeon"))[0] == "open.py"
        for path in ("private.py", ".env", "link.py", "pipe.py"):
            index.indexer.touch([path])  # an event names it; it is asked about all the same
        await index.dense_ready()
        assert set(await paths(index, "pigeon")) <= allowed
    everything = b"".join(file.read_bytes() for file in (tmp_path / "index").rglob("*") if file.is_file())
    for secret in (b"pigeon_built", b"pigeon_private", b"pigeon_outside", b"a1B2a1B2"):
        assert secret not in everything
    assert not any("a1B2a1B2" in text or "pigeon_private" in text for text in embedder.asked)


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    # The kernel says that this one has no bytes, and gives some: as a file that grows between the two looks.
    assert prepare(Path("/proc/self"), "status", "", "w", allowed=True).is_unsettled


def test_a_file_that_is_being_written_is_never_taken_in_half(tmp_path: Path) -> None:
    root = write(tmp_path / "w", {"good.py": "# 0\n"})
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            with (root / "good.py").open("ab", buffering=0) as file:
                file.write(b"# line\n" * 50)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        found = [prepare(root, "good.py", "", "w", allowed=True) for _ in range(50)]
    finally:
        stop.set()
        writer.join()
    for one in found:
        if not one.is_unsettled and one.state is not None:
            assert (one.state.signature[0] - 4) % 350 == 0
    assert not prepare(root, "good.py", "", "w", allowed=True).is_unsettled


def test_a_file_that_gives_errors_when_it_is_read_is_tried_again() -> None:
    """A disk that fails: the kernel says the same of a process's own memory at address 0."""
    assert prepare(Path("/proc/self"), "mem", "", "w", allowed=True).is_unsettled


def test_a_chunker_that_fails_over_a_file_costs_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str, content: bytes) -> ChunkedFile:
        if path == "bad.py":
            raise RecursionError("too deep")
        return chunk_file(path, content)

    root = write(tmp_path / "w", {**GOOD, "bad.py": "def pigeon(): pass\n"})
    monkeypatch.setattr("retrieval.index.prepare.chunk_file", fail)
    good, bad = prepare_files(root, {"good.py": "", "bad.py": ""}, "w", allowed=True)
    assert good.entries
    assert bad.entries == ()
    assert bad.state is not None
    assert "RecursionError" in bad.state.problem


async def test_a_parser_that_does_not_end_is_ended_and_the_file_is_cut_by_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tree-sitter's recovery is quadratic at the end of a file and listens to nobody: 14 s for this one."""
    hang = "int pigeon;\n" + "".join(f"a{i}=>\n" for i in range(4000))
    files = {**GOOD, "hang.c": hang, "later.py": "def violin():\n    return 2\n"}
    root = write(tmp_path / "w", files)
    monkeypatch.setattr("retrieval.index.indexer._ONE_SECONDS", 0.5)
    monkeypatch.setattr("retrieval.index.indexer._BATCH_SECONDS", 1.5)
    async with opened(root, tmp_path / "index") as index:
        await index.lexical_ready()
        assert await paths(index, "lantern") == ["good.py"]
        assert await paths(index, "violin") == ["later.py"]
        assert await paths(index, "pigeon") == ["hang.c"]


async def test_a_text_that_an_embedder_cannot_do_is_found_by_its_words(tmp_path: Path) -> None:
    root = write(tmp_path / "w", {**GOOD, "bad.py": "def poisoned_pigeon():\n    return 2\n"})
    embedder = WordEmbedder(poison="poisoned_pigeon")
    async with opened(root, tmp_path / "index", embedders={"a": embedder}, embedder="a") as index:
        await index.dense_ready()
        assert await paths(index, "pigeon") == ["bad.py"] + [p for p in await paths(index, "pigeon") if p != "bad.py"]
        left = [chunk.path async for batch in index.store.without_vectors(embedder.id) for _, chunk in batch]
        assert left == ["bad.py"]


async def test_an_embedder_that_is_away_costs_vectors_and_not_words(tmp_path: Path) -> None:
    root = write(tmp_path / "w", GOOD)
    embedder = WordEmbedder(broken=True)
    async with opened(root, tmp_path / "index", embedders={"a": embedder}, embedder="a") as index:
        await index.lexical_ready()
        assert [hit.chunk.path for hit in await hits(index, "lantern")] == ["good.py"]
        assert not index.progress.is_dense_ready
        embedder.broken = False
        await index.dense_ready()
        assert index.progress.dense_problem == ""


async def test_nothing_is_embedded_twice(tmp_path: Path) -> None:
    root = write(tmp_path / "w", {f"f{i}.py": f"def lantern_{i}():\n    return {i}\n" for i in range(20)})
    cache, embedder = MemoryCache(), WordEmbedder()
    known = {"embedders": {"a": embedder}, "embedder": "a", "cache": cache}
    async with opened(root, tmp_path / "index", **known) as index:
        await index.dense_ready()
        (root / "f3.py").rename(tmp_path / "away.py")
        index.indexer.touch(["f3.py"])
        await index.dense_ready()
        (tmp_path / "away.py").rename(root / "f3.py")  # as when a branch comes back
        index.indexer.touch(["f3.py"])
        await index.dense_ready()
    asked = len(embedder.asked)
    async with opened(root, tmp_path / "a colleague's index", **known) as index:
        await index.dense_ready()
    assert asked == len(set(embedder.asked)) == len(embedder.asked)


async def test_a_generated_folder_of_a_hundred_thousand_files_costs_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "w", {**GOOD, ".gitignore": "/built/\n"})
    subprocess.run(["git", "init", "-q", root], check=True)
    for folder in range(100):
        place = root / "built" / f"d{folder}"
        place.mkdir(parents=True)
        for name in range(1000):
            os.close(os.open(place / f"f{name}.py", os.O_CREAT | os.O_WRONLY))
    async with opened(root, tmp_path / "index", watch=True) as index:
        await index.lexical_ready()
        assert index.manifest.counts()[0] == 2
        assert index.progress.skipped["is ignored by git"] == 1
        (root / "built/d0/f0.py").write_text("def pigeon(): pass\n")
        write(root, {"new.py": "def violin(): pass\n"})
        async with asyncio.timeout(30):
            while await paths(index, "violin") != ["new.py"]:
                await asyncio.sleep(0.05)
        assert await paths(index, "pigeon") == []


async def test_an_index_that_lacks_vectors_says_so_after_it_was_opened_again(tmp_path: Path) -> None:
    root = write(tmp_path / "w", GOOD)
    known = {"embedders": {"a": WordEmbedder(broken=True)}, "embedder": "a"}
    for _ in range(2):
        async with opened(root, tmp_path / "index", **known) as index:
            await index.lexical_ready()
            assert not index.progress.is_dense_ready
            assert (await index.search(Question(text="lantern"))).notes
    known = {"embedders": {"a": WordEmbedder()}, "embedder": "a"}
    for _ in range(2):
        async with opened(root, tmp_path / "index", **known) as index:
            await index.dense_ready()
            assert index.progress.is_dense_ready
            assert (await index.search(Question(text="lantern"))).notes == ()
