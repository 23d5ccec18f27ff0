"""The index host as a process: what kills it, what it survives, and who may talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from retrieval.errors import HostUnavailable, RetrievalError
from retrieval.host import wire
from retrieval.host.client import IndexClient
from retrieval.host.place import Place
from retrieval.question import Question
from server.indexing import index_client, index_place
from server.settings import IndexSettings

WORDS_ONLY = IndexSettings(embedder="none", history="off")
FILES = {f"part{i}.py": f"def lantern_{i}():\n    return 'zeppelin {i}'\n" for i in range(30)}


class Bench:
    """A workspace and its index's place, with clients that are closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "shop"
        self.root.mkdir()
        self.env = {"ASSAY_CACHE": str(folder / "cache")}
        self.clients: list[IndexClient] = []
        self.write(FILES)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.root / name).write_text(text)

    def client(self, settings: IndexSettings = WORDS_ONLY) -> IndexClient:
        self.clients.append(index_client(self.root, settings, self.env))
        return self.clients[-1]

    def place(self, settings: IndexSettings = WORDS_ONLY) -> Place:
        return index_place(self.root, settings, self.env)

    async def close(self) -> None:
        """Without waiting until the hosts go by themselves, which one test is about."""
        pids = {client.pid for client in self.clients if client.pid}
        for client in self.clients:
            await client.close()
        hosts = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        family = [each for host in hosts for each in (host, *host.children(recursive=True))]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.to_thread(psutil.wait_procs, family, timeout=30)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.close()


async def found(client: IndexClient, text: str, limit: int = 50) -> set[str]:
    return {hit.chunk.path for hit in (await client.search(Question(text=text, limit=limit))).hits}


async def test_windows_that_start_at_once_share_one_host(bench: Bench) -> None:
    clients = [bench.client() for _ in range(4)]
    await asyncio.gather(*(client.settled() for client in clients))
    assert len({client.pid for client in clients}) == 1


async def test_it_goes_with_its_last_client_and_leaves_no_process(bench: Bench) -> None:
    client = bench.client()
    await client.settled()
    host = psutil.Process(client.pid)
    family = [host, *host.children(recursive=True)]
    await client.close()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=30)
    assert alive == []
    assert not bench.place().socket.exists()


async def test_a_host_that_is_killed_takes_its_workers_along(bench: Bench) -> None:
    client = bench.client()
    await client.settled()
    bench.write({"late.py": "def violin():\n    pass\n"})
    await client.changed(["late.py"])
    await client.settled()
    host = psutil.Process(client.pid)
    family = host.children(recursive=True)
    assert any("spawn_main" in " ".join(process.cmdline()) for process in family)
    host.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=20)
    assert alive == []


async def test_nobody_else_can_read_or_ask_it(bench: Bench) -> None:
    client = bench.client()
    await client.settled()
    place = bench.place()
    for path in (place.socket, place.token):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.folder.stat().st_mode) & 0o077 == 0
    for hello in ({"token": "guess", "version": wire.VERSION}, {"version": wire.VERSION}, {"method": "search"}):
        reader, writer = await asyncio.open_unix_connection(place.socket)
        wire.write(writer, hello)
        assert await wire.read(reader) is None
        writer.close()
    for garbage in (b"\xff" * 100, b"\0\0\0\2[]", b"\0\0\0\1{"):
        reader, writer = await asyncio.open_unix_connection(place.socket)
        writer.write(garbage)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
    assert await found(client, "zeppelin")


async def test_what_it_does_not_know_is_an_error_and_no_end(bench: Bench) -> None:
    client = bench.client()
    senseless = (("dance", {}), ("search", {"text": 3, "limt": 1}), ("hideBuffer", {}), ("migrate", {"to": "x"}))
    for method, params in senseless:
        with pytest.raises(RetrievalError):
            await client.call(method, params)
    assert (await client.settled()).files == len(FILES)


async def test_nothing_acknowledged_is_lost_whenever_it_is_killed(bench: Bench) -> None:
    """What `settled` has said is searchable, is searchable after a kill -9."""
    chance = random.Random(7)
    client = bench.client()
    await client.settled()
    acknowledged: set[str] = set(FILES)
    for turn in range(4):
        more = {f"turn{turn}_{i}.py": f"def violin_{turn}_{i}():\n    return 'zeppelin'\n" for i in range(12)}
        bench.write(more)
        await client.changed(list(more))
        if chance.random() < 0.5:
            await client.settled()
            acknowledged |= more.keys()
        await asyncio.sleep(chance.random() * 0.1)
        os.kill(client.pid, signal.SIGKILL)
        missing = acknowledged - await found(client, "zeppelin", limit=100)
        assert missing == set()
        await client.settled()
        acknowledged |= more.keys()
        client._started.clear()  # it is the test that ends it so often
    assert acknowledged <= await found(client, "zeppelin", limit=100)


def no_manifest(place: Place) -> None:
    place.manifest.write_bytes(b"\x13\x37" * 4096)


def no_configuration(place: Place) -> None:
    for file in place.store.rglob("*.json"):
        file.write_bytes(b"\x13\x37")


def no_id_tracker(place: Place) -> None:
    """The engine ends the process over this one of an optimised store (SIGABRT), and no exception says so."""
    found = list(place.store.rglob("*id_tracker.mappings"))
    assert found
    for file in found:
        file.write_bytes(os.urandom(max(64, file.stat().st_size)))


@pytest.mark.parametrize("damage", [no_manifest, no_configuration, no_id_tracker])
async def test_a_damaged_index_is_built_anew(bench: Bench, damage: Callable[[Place], None]) -> None:
    client = bench.client()
    await client.settled()
    host = psutil.Process(client.pid)
    await client.close()
    await asyncio.to_thread(psutil.wait_procs, [host], timeout=30)
    damage(bench.place())
    again = bench.client()
    assert (await again.settled()).files == len(FILES)
    assert set(FILES) <= await found(again, "zeppelin", limit=100)


async def test_a_host_that_cannot_start_is_an_error_that_says_where_to_look(bench: Bench) -> None:
    client = bench.client()
    client._launch = replace(client._launch, config=b"no configuration")
    with pytest.raises(HostUnavailable, match=r"host\.log"):
        await client.settled()


async def test_a_qdrant_that_is_away_is_said_and_waited_for(bench: Bench) -> None:
    settings = replace(WORDS_ONLY, qdrant_url=f"http://127.0.0.1:{free_port()}")
    client = bench.client(settings)
    with pytest.raises(RetrievalError, match=r"(?i)qdrant"):
        await until_refused(client)
    with pytest.raises(RetrievalError, match=r"(?i)qdrant"):
        await client.search(Question(text="zeppelin"))


async def test_a_redis_that_is_away_costs_no_vectors(bench: Bench) -> None:
    settings = IndexSettings(history="off", redis_url=f"redis://:hush@127.0.0.1:{free_port()}")
    client = bench.client(settings)
    assert (await client.settled(dense=True)).is_dense_ready
    assert await found(client, "airship")
    assert "hush" not in bench.place(settings).log.read_text()


async def until_refused(client: IndexClient) -> None:
    """Asking waits for the index to open, or to be known to be away."""
    async with asyncio.timeout(30):
        while True:
            await client.call("status")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncGenerator[None]:
    """A file system of 24 MB, as a full disk is made without filling one."""
    folder.mkdir(parents=True)
    mount = await asyncio.create_subprocess_exec("mount", "-t", "tmpfs", "-o", "size=24m", "none", folder)
    assert await mount.wait() == 0, "mounting needs root, which CI has"
    try:
        yield
    finally:
        await (await asyncio.create_subprocess_exec("umount", "-l", folder)).wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
async def test_a_full_disk_is_said_and_does_not_end_the_host(bench: Bench) -> None:
    async with small_disk(Path(bench.env["ASSAY_CACHE"])):
        client = bench.client()
        outcome = await until_settled_or_said(client.settled)
        assert any(word in outcome for word in ("disk", "space", "full")), outcome
        assert psutil.pid_exists(client.pid)
        await bench.close()


async def until_settled_or_said(settled: Callable[[], Awaitable[object]]) -> str:
    """`ready`, or what the error says."""
    try:
        async with asyncio.timeout(60):
            await settled()
    except RetrievalError as error:
        return str(error)
    except TimeoutError:
        return ""
    return "ready"
