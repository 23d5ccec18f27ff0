"""The embedded store when it is killed, when its files are damaged, when the disk is full, and with two owners."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import psutil
import pytest

from retrieval.errors import IndexBusy, StoreCorrupt, StoreError
from retrieval.store import edge as edge_module
from retrieval.store import layout
from retrieval.store.edge import EdgeStore
from tests.retrieval import stores
from tests.retrieval.stores import EMBEDDER, asking, chunk, edge, entry, found, put

folder = stores.folder

DIMENSION = 384
OPTIMIZE_FROM = 400  # at which the writer's points are enough for a graph

WRITER = f"""
import asyncio, json, sys
from pathlib import Path
from retrieval.chunk import Chunk, chunk_id
from retrieval.errors import StoreError
from retrieval.ports import Entry, Sparse
from retrieval.store.edge import EdgeStore

def made(number):
    path = f"{{number}}.py"
    chunk = Chunk(path=path, language="python", kind="function", symbol="f", scope="", names=("f",), start_byte=0,
                  end_byte=1, start_line=0, end_line=1, header=path, text="x" * 1000 + str(number))
    return Entry(id=chunk_id("workspace", chunk), chunk=chunk, lexical=Sparse((1, number + 2), (1.0, 2.0)))

def say(**words):
    print(json.dumps(words), flush=True)

async def write(store, numbers):
    entries = [made(number) for number in numbers]
    await store.replace({{entry.chunk.path: [entry] for entry in entries}})
    say(kept=[entry.id for entry in entries])
    await store.set_vectors("m@1:{DIMENSION}", {{entry.id: [1.0] * {DIMENSION} for entry in entries}})
    say(embedded=[entry.id for entry in entries])

async def main():
    store = EdgeStore.open(Path(sys.argv[1]), optimize_from={OPTIMIZE_FROM})
    await store.add_embedder("m@1:{DIMENSION}", {DIMENSION})
    say(opened=True)
    number = 0
    optimizing = None
    try:
        while number < int(sys.argv[3]):
            await write(store, range(number, number + 20))
            number += 20
            if sys.argv[2] == "optimize" and number >= {OPTIMIZE_FROM} and optimizing is None:
                optimizing = asyncio.create_task(store.optimize())
                say(optimizing=True)
            if optimizing:
                await asyncio.sleep(0.02)
            if optimizing and optimizing.done():
                optimizing.result()
                say(optimized=str(layout.current(Path(sys.argv[1]))))
                optimizing = asyncio.create_task(asyncio.sleep(3600))
    except StoreError as error:
        await store.close()
        store = EdgeStore.open(Path(sys.argv[1]))
        say(refused=str(error), count=await store.count())
        await store.close()

from retrieval.store import layout
asyncio.run(main())
"""


class Writer:
    """A process that writes and says what was acknowledged."""

    def __init__(self, folder: Path, mode: str, *, most: int = 1_000_000, prefix: tuple[str, ...] = ()) -> None:
        self.kept: set[str] = set()
        self.embedded: set[str] = set()
        self.said: dict[str, Any] = {}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-P", "-c", WRITER, str(folder), mode, str(most)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear_until(self, word: str) -> Any:
        """What it said by this name; None when it ends before."""
        assert self.process.stdout
        for line in self.process.stdout:
            said = json.loads(line)
            self.kept.update(said.get("kept", ()))
            self.embedded.update(said.get("embedded", ()))
            if word in said:
                self.said = said
                return said[word]
        return None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.hear_until("nothing more, but all that it had said")
        self.process.wait()


async def what_is_left(folder: Path) -> tuple[set[str], set[str]]:
    """Ids with a text, and ids with a vector."""
    store = EdgeStore.open(folder)
    count = await store.count()
    answer = await store.search(asking(1, dense={f"m@1:{DIMENSION}": [1.0] * DIMENSION}, limit=count + 1))
    texts = await store.texts([hit.id for hit in answer.lexical])
    assert len(texts) == count
    await store.close()
    return set(texts), {hit.id for hit in answer.dense[f"m@1:{DIMENSION}"]}


async def test_nothing_acknowledged_is_lost_when_it_is_killed(folder: Path) -> None:
    seconds = random.Random(os.getpid()).uniform
    for attempt in range(3):
        home = folder / str(attempt)
        writer = Writer(home, "write")
        writer.hear_until("embedded")
        await asyncio.sleep(seconds(0, 0.4))
        writer.kill()
        texts, vectors = await what_is_left(home)
        assert texts >= writer.kept and vectors >= writer.embedded
        assert len(writer.kept) >= 20


async def test_nothing_acknowledged_is_lost_when_it_is_killed_while_it_optimises(folder: Path) -> None:
    seconds = random.Random(os.getpid()).uniform
    for attempt, latest in enumerate((0.05, 0.5, 2.0)):
        home = folder / str(attempt)
        writer = Writer(home, "optimize")
        writer.hear_until("optimizing")
        await asyncio.sleep(seconds(0, latest))
        children = psutil.Process(writer.process.pid).children()
        writer.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert not alive, "the process that optimises must not outlive the store's"
        texts, vectors = await what_is_left(home)
        assert texts >= writer.kept and vectors >= writer.embedded
        assert [one.name for one in home.iterdir() if one.name.startswith("g-")] == [layout.current(home)]


async def test_optimising_builds_a_graph_and_takes_what_changed_meanwhile_along(folder: Path) -> None:
    writer = Writer(folder, "optimize")
    assert writer.hear_until("optimized") == "g-000002"
    writer.hear_until("embedded")
    writer.kill()
    texts, vectors = await what_is_left(folder)
    assert texts >= writer.kept and vectors >= writer.embedded
    assert any(path.name.startswith("graph") for path in (folder / "g-000002").rglob("*"))


@pytest.fixture
async def large(folder: Path) -> AsyncGenerator[EdgeStore]:
    """With as many points as are worth a graph."""
    store = EdgeStore.open(folder / "large", optimize_from=OPTIMIZE_FROM)
    await store.add_embedder(EMBEDDER, DIMENSION)
    entries = [entry(f"{at}.py", f"text {at}") for at in range(OPTIMIZE_FROM)]
    await put(store, *entries)
    await store.set_vectors(EMBEDDER, {one.id: [1.0] * DIMENSION for one in entries})
    yield store
    await store.close()


async def test_what_changes_while_it_optimises(large: EdgeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of change, made between the copy and the switch."""
    other = "org/model@3:4"
    hear = edge_module._hear
    saved, unsaved = entry("new.py", "new"), entry("0.py", "unsaved", window="w")

    async def change(child: asyncio.subprocess.Process, word: str) -> None:
        await hear(child, word)
        if word == "arranged":
            await put(large, saved)
            await put(large, unsaved)
            await put(large, entry("1.py", "text 1", line=7))
            await large.replace({"2.py": []})
            await large.add_embedder(other, 4)
            await large.set_vectors(other, {saved.id: [1, 0, 0, 0]})

    monkeypatch.setattr(edge_module, "_hear", change)
    assert large.needs_optimize()
    await large.optimize()
    assert layout.current(large._folder) == "g-000002"
    assert not large.needs_optimize()
    assert await large.count() == OPTIMIZE_FROM + 1
    assert await large.embedders() == {EMBEDDER: DIMENSION, other: 4}
    answer = await large.search(asking(1, dense={other: [1, 0, 0, 0]}, window="w", limit=1_000))
    assert [hit.id for hit in answer.dense[other]] == [saved.id]
    paths = {hit.chunk.path: hit.chunk for hit in answer.lexical}
    assert "2.py" not in paths and paths["1.py"] == chunk("1.py", "", line=7)
    assert {unsaved.id, saved.id} <= {hit.id for hit in answer.lexical}


async def test_an_embedder_dropped_while_it_optimises_is_gone(
    large: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = edge_module._hear

    async def drop(child: asyncio.subprocess.Process, word: str) -> None:
        await hear(child, word)
        if word == "arranged":
            await large.drop_embedder(EMBEDDER)

    monkeypatch.setattr(edge_module, "_hear", drop)
    await large.optimize()
    await large.add_embedder(EMBEDDER, 8)
    assert (await large.search(asking(1, dense={EMBEDDER: [1.0] * 8}))).dense == {EMBEDDER: ()}


def is_optimising(process: psutil.Process) -> bool:
    try:
        return "retrieval.store.optimize" in process.cmdline()
    except psutil.Error:
        return False


async def test_optimising_that_is_cancelled_or_fails_leaves_all_as_it_was(
    large: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizing = asyncio.create_task(large.optimize())
    while not (children := [child for child in psutil.Process().children() if is_optimising(child)]):
        await asyncio.sleep(0.01)
    optimizing.cancel()
    await asyncio.wait({optimizing})
    assert all(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in children)

    async def damage(child: asyncio.subprocess.Process, word: str) -> None:
        if word == "arranged":
            await child.wait()
            for file in (large._folder / "g-000002").rglob("segment.json"):
                file.write_text("{")

    monkeypatch.setattr(edge_module, "_hear", damage)
    with pytest.raises(StoreError):
        await large.optimize()
    assert sorted(path.name for path in large._folder.iterdir()) == ["current", "g-000001", "lock"]
    assert await large.count() == OPTIMIZE_FROM
    await put(large, entry("new.py", "new"))
    assert await large.count() == OPTIMIZE_FROM + 1


async def test_small_or_already_arranged_stores_are_left_alone(folder: Path) -> None:
    store = EdgeStore.open(folder / "store", optimize_from=OPTIMIZE_FROM)
    await put(store, entry("a.py", "a"))
    assert not store.needs_optimize()
    await store.optimize()
    assert layout.current(folder / "store") == "g-000001"
    await store.close()


async def test_what_it_remembers_of_answers_is_bounded_and_never_stale(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_module, "_MOST_SEEN", 10)
    async with edge(folder) as store:
        assert isinstance(store, EdgeStore)
        await put(store, *(entry(f"{at}.py", f"text {at}", {at: 1.0, 100: 1.0}) for at in range(30)))
        for at in range(30):
            (hit,) = (await store.search(asking(at))).lexical
            assert hit.chunk.path == f"{at}.py"
            assert len(store._seen) <= 10
        assert len((await store.search(asking(100))).lexical) == 30
        await put(store, entry("3.py", "text 3", {3: 1.0}, line=8))
        await store.replace({"4.py": []})
        assert (await store.search(asking(3))).lexical[0].chunk.start_line == 8
        assert (await store.search(asking(4))).lexical == ()


async def test_a_second_owner_is_refused(folder: Path) -> None:
    async with edge(folder):
        with pytest.raises(IndexBusy):
            EdgeStore.open(folder / "edge")
    async with edge(folder):
        pass


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("current", b"g-000009\n"),
        ("current", b"../../etc\n"),
        ("current", b"\xff\xfe"),
        ("g-000001/store.json", b"{"),
        ("g-000001/store.json", b"[]"),
        ("g-000001/store.json", b'{"format": 0}'),
        ("g-000001/shard/edge_config.json", b"{"),
        ("g-000001/shard/segments/*/segment.json", b"garbage"),
    ],
)
async def test_damage_is_said_and_a_new_index_can_be_made(folder: Path, file: str, content: bytes) -> None:
    async with edge(folder) as store:
        await put(store, entry("a.py", "a"))
    home = folder / "edge"
    for path in home.glob(file):
        path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            EdgeStore.open(home)
    shutil.rmtree(home)
    async with edge(folder) as store:
        assert await store.count() == 0


async def test_damage_that_ends_a_process_ends_only_that_one(folder: Path) -> None:
    """The engine aborts on this file; whoever starts the index host counts how often."""
    writer = Writer(folder, "write", most=400)
    writer.hear_until("nothing")
    writer.process.wait()
    mappings = list(folder.rglob("*id_tracker*mappings"))
    assert mappings
    for path in mappings:
        path.write_bytes(random.Random(3).randbytes(max(4_096, path.stat().st_size)))
    opening = (
        f"from pathlib import Path; from retrieval.store.edge import EdgeStore; EdgeStore.open(Path({str(folder)!r}))"
    )
    ended = subprocess.run([sys.executable, "-P", "-c", opening], capture_output=True, check=False, text=True)
    assert ended.returncode == -signal.SIGABRT or "StoreCorrupt" in ended.stderr


async def test_what_a_crash_left_is_swept(folder: Path) -> None:
    async with edge(folder) as store:
        await put(store, entry("a.py", "a"))
    (folder / "edge" / "g-000002" / "shard").mkdir(parents=True)
    (folder / "edge" / "current.new").write_text("g-0000")
    async with edge(folder) as store:
        assert await found(store, asking(1)) == ["a"]
    assert not (folder / "edge" / "g-000002").exists()


async def test_a_crash_between_a_description_and_its_vectors_is_mended(folder: Path) -> None:
    async with edge(folder) as store:
        await store.add_embedder(EMBEDDER, 4)
        one = entry("a.py", "a")
        await put(store, one)
        await store.set_vectors(EMBEDDER, {one.id: [1, 0, 0, 0]})
    home = folder / "edge" / "g-000001"
    layout.write_description(
        home, layout.Description(embedders={"new@1:3": 3}, unsettled=frozenset({EMBEDDER, "new@1:3"}))
    )
    async with edge(folder) as store:
        await store.set_vectors("new@1:3", {one.id: [1, 0, 0]})
        await store.add_embedder(EMBEDDER, 4)
        assert (await store.search(asking(1, dense={EMBEDDER: [1, 0, 0, 0]}))).dense == {EMBEDDER: ()}


async def test_a_full_disk_refuses_writes_and_loses_nothing(tmp_path: Path) -> None:
    """On a real, small disk, in a mount namespace of its own."""
    alone = ("unshare", "--map-root-user", "--mount", "--propagation", "private")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        hint = "no mount namespace can be had here, so no small disk"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(hint)
    small = f'mount -t tmpfs -o size=120m tmpfs {tmp_path} && exec "$@"'
    writer = Writer(tmp_path / "store", "write", prefix=(*alone, "sh", "-c", small, "sh"))
    refused = writer.hear_until("refused")
    assert writer.process.wait() == 0
    assert "disk" in refused
    assert writer.said["count"] >= len(writer.kept) > 100


async def test_with_a_nearly_full_disk_it_still_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with edge(folder) as store:
        await put(store, entry("a.py", "a"))
        free = edge_module.FREE_BYTES
        monkeypatch.setattr(edge_module, "FREE_BYTES", 1 << 62)
        for refused in (put(store, entry("b.py", "b")), store.add_embedder(EMBEDDER, 4), store.replace({"a.py": []})):
            with pytest.raises(StoreError, match="disk"):
                await refused
        assert await found(store, asking(1)) == ["a"]
        monkeypatch.setattr(edge_module, "FREE_BYTES", free)
        await put(store, entry("b.py", "b"))
        assert await found(store, asking(1)) == ["a", "b"]
    async with edge(folder) as store:
        assert await found(store, asking(1)) == ["a", "b"]


def test_a_copy_keeps_holes(folder: Path) -> None:
    source = folder / "source"
    (source / "sub").mkdir(parents=True)
    with (source / "sub" / "sparse").open("wb") as file:
        file.seek(5_000_000)
        file.write(b"in the middle")
        file.truncate(40_000_000)
    (source / "plain").write_bytes(b"abc" * 10_000)
    (source / "empty").touch()
    (source / "link").symlink_to("/etc/passwd")
    layout.copy_sparse(source, folder / "target")
    for name in ("sub/sparse", "plain", "empty"):
        assert (folder / "target" / name).read_bytes() == (source / name).read_bytes()
    assert not (folder / "target" / "link").exists()
    assert layout.allocated(folder / "target") < 1_000_000
