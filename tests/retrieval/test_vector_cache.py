"""What every cache of embeddings must do, in SQLite and in a real Redis, and what their failures cost."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import resource
import shutil
import socket
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
import redis

from retrieval.cache import sqlite as sqlite_module
from retrieval.cache.codec import decoded, encoded
from retrieval.cache.redis import RedisVectorCache
from retrieval.cache.sqlite import SqliteVectorCache
from retrieval.cache.tiered import TieredVectorCache
from retrieval.errors import RetrievalError
from retrieval.ports import VectorCache

EMBEDDER = "org/model@1:8"
ONE = [1.0, 0, 0, 0, 0, 0, 0, 0]
TWO = [0.6, 0.8, 0, 0, 0, 0, 0, 0]


class RedisServer:
    """A real one, on a port and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://:the-password@127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": "", "appendonly": "no"}
        options["requirepass"] = "the-password"
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client().ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def redis_server(tmp_path: Path) -> Generator[RedisServer]:
    if not shutil.which("redis-server"):
        hint = "redis-server is not installed: run scripts/get-redis"
        if os.environ.get("CI"):
            pytest.fail(hint)
        pytest.skip(hint)
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def in_sqlite(request: pytest.FixtureRequest) -> VectorCache:
    return SqliteVectorCache.open(request.getfixturevalue("tmp_path") / "cache" / "vectors.sqlite")


PATIENT = {"connect_seconds": 10.0, "call_seconds": 10.0}  # a busy machine is no dead Redis


def in_redis(request: pytest.FixtureRequest) -> VectorCache:
    return RedisVectorCache(request.getfixturevalue("redis_server").url, **PATIENT)


def in_both(request: pytest.FixtureRequest) -> VectorCache:
    return TieredVectorCache(in_sqlite(request), in_redis(request))


@pytest.fixture(params=[in_sqlite, in_redis, in_both])
def make(request: pytest.FixtureRequest) -> Callable[[], VectorCache]:
    return lambda: request.param(request)


async def test_remembers_by_embedder_and_digest(make: Callable[[], VectorCache]) -> None:
    cache = make()
    assert await cache.get(EMBEDDER, ["a", "b"]) == {}
    await cache.put(EMBEDDER, {"a": ONE, "b": TWO})
    found = await cache.get(EMBEDDER, ["b", "c", "a"])
    assert found == {"a": ONE, "b": pytest.approx(TWO, abs=1e-3)}
    assert await cache.get("org/model@2:8", ["a"]) == {}
    await cache.put(EMBEDDER, {"a": TWO})
    assert (await cache.get(EMBEDDER, ["a"]))["a"] == pytest.approx(TWO, abs=1e-3)
    assert await cache.get(EMBEDDER, []) == {}
    await cache.put(EMBEDDER, {})
    await cache.close()
    again = make()
    assert list(await again.get(EMBEDDER, ["b"])) == ["b"]
    await again.close()


async def test_more_than_a_batch(make: Callable[[], VectorCache]) -> None:
    cache = make()
    await cache.put(EMBEDDER, {str(at): ONE for at in range(700)})
    assert len(await cache.get(EMBEDDER, [str(at) for at in range(800)])) == 700
    await cache.close()


@pytest.mark.parametrize("bad", [[float("nan"), *ONE[1:]], [float("inf"), *ONE[1:]], [0.0] * 8, [1e9] * 8])
async def test_keeps_no_vector_that_no_embedder_gives(make: Callable[[], VectorCache], bad: list[float]) -> None:
    cache = make()
    await cache.put(EMBEDDER, {"bad": bad, "good": ONE})
    assert await cache.get(EMBEDDER, ["bad", "good"]) == {"good": ONE}
    await cache.close()


async def test_two_writers(make: Callable[[], VectorCache]) -> None:
    caches = [make(), make()]
    writes = [
        cache.put(EMBEDDER, {f"{at}": ONE, f"{which} {at}": TWO})
        for at in range(20)
        for which, cache in enumerate(caches)
    ]
    await asyncio.gather(*writes)
    for cache in caches:
        assert len(await cache.get(EMBEDDER, [f"{which} {at}" for at in range(20) for which in range(2)])) == 40
        await cache.close()


async def test_two_processes_that_make_the_file_at_once(tmp_path: Path) -> None:
    """SQLite answers "busy" at once where two switch a new file to write-ahead logging: one in eighty of these."""
    for at in range(200):
        caches = [SqliteVectorCache.open(tmp_path / str(at)) for _ in range(2)]
        await asyncio.gather(*[cache.put(EMBEDDER, {str(which): ONE}) for which, cache in enumerate(caches)])
        for cache in caches:
            assert len(await cache.get(EMBEDDER, ["0", "1"])) == 2
            await cache.close()


def test_half_precision_loses_nothing_that_a_search_could_tell() -> None:
    vectors = np.random.default_rng(1).normal(size=(200, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for vector in vectors:
        data = encoded(vector.tolist())
        assert data is not None and len(data) == 768
        back = decoded(data, "m@1:384")
        assert back is not None and float(vector @ np.array(back)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("data", [b"", b"x", bytes(16), b"\xff" * 16, "text", None, bytes(14)])
def test_bytes_that_are_no_vector_are_nothing(data: object) -> None:
    assert decoded(data, EMBEDDER) is None
    assert decoded(encoded(ONE), "no dimension") is None


async def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    cache = SqliteVectorCache.open(path)
    await cache.put(EMBEDDER, {"a": ONE})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await cache.close()


@pytest.mark.parametrize(
    "damage", [b"no database at all, but long enough to be taken for one" * 10, None], ids=["garbage", "a page"]
)
async def test_a_broken_file_is_moved_aside_and_begun_anew(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "vectors.sqlite"
    cache = SqliteVectorCache.open(path)
    await cache.put(EMBEDDER, {str(at): ONE for at in range(400)})
    await cache.close()
    data = path.read_bytes()
    path.write_bytes(damage or data[:4096] + b"\xff" * (len(data) - 4096))
    cache = SqliteVectorCache.open(path)
    assert await cache.get(EMBEDDER, ["1", "2"]) == {}
    await cache.put(EMBEDDER, {"new": ONE})
    assert await cache.get(EMBEDDER, ["new"]) == {"new": ONE}
    assert (tmp_path / "vectors.sqlite.broken").exists()
    await cache.close()


async def test_the_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "_CHECK_EVERY", 1)
    path = tmp_path / "vectors.sqlite"
    cache = SqliteVectorCache.open(path, limit_bytes=300_000)
    await cache.put(EMBEDDER, {f"old {at}": ONE for at in range(1_000)})
    await cache.put(EMBEDDER, {f"used {at}": ONE for at in range(100)})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vector SET used = used - 7")
    connection.close()
    used = [f"used {at}" for at in range(100)]
    assert len(await cache.get(EMBEDDER, used)) == 100
    for batch in range(20):
        await cache.put(EMBEDDER, {f"new {batch} {at}": ONE for at in range(200)})
        if len(await cache.get(EMBEDDER, [f"old {at}" for at in range(1_000)])) == 0:
            break
    assert len(await cache.get(EMBEDDER, used)) == 100
    assert path.stat().st_size < 1_000_000
    await cache.close()


async def test_a_folder_that_cannot_be_is_a_cache_that_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = SqliteVectorCache.open(tmp_path / "file" / "vectors.sqlite")
    await cache.put(EMBEDDER, {"a": ONE})
    assert await cache.get(EMBEDDER, ["a"]) == {}
    await cache.close()


def _fill_a_full_disk(path: Path) -> None:
    async def fill() -> None:
        cache = SqliteVectorCache.open(path)
        await cache.put(EMBEDDER, {"first": ONE})
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for at in range(20):
            await cache.put(EMBEDDER, {f"{at} {number}": ONE for number in range(500)})
        assert await cache.get(EMBEDDER, ["first"]) == {"first": ONE}
        await cache.close()

    asyncio.run(fill())


async def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """A limit on the size of files, in a process of its own, fails writes as a full disk does."""
    child = multiprocessing.get_context("spawn").Process(target=_fill_a_full_disk, args=(tmp_path / "v.sqlite",))
    child.start()
    child.join()
    assert child.exitcode == 0
    cache = SqliteVectorCache.open(tmp_path / "v.sqlite")
    assert await cache.get(EMBEDDER, ["first"]) == {"first": ONE}
    assert not (tmp_path / "v.sqlite.broken").exists()
    await cache.close()


async def test_redis_may_go_and_come_back(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cache = RedisVectorCache(redis_server.url, pause_seconds=0, **PATIENT)
    await cache.put(EMBEDDER, {"a": ONE})
    redis_server.kill()
    assert await cache.get(EMBEDDER, ["a"]) == {}
    await cache.put(EMBEDDER, {"b": ONE})
    redis_server.start()
    await cache.put(EMBEDDER, {"c": ONE})
    assert await cache.get(EMBEDDER, ["a", "b", "c"]) == {"c": ONE}
    await cache.close()
    assert "the-password" not in caplog.text
    assert "the-password" not in repr(cache)


async def test_a_redis_that_failed_is_left_alone_for_a_while(redis_server: RedisServer) -> None:
    cache = RedisVectorCache(redis_server.url, pause_seconds=3_600, **PATIENT)
    await cache.put(EMBEDDER, {"a": ONE})
    redis_server.kill()
    assert await cache.get(EMBEDDER, ["a"]) == {}
    redis_server.start()
    before = redis_server.client().info()["total_connections_received"]
    assert await cache.get(EMBEDDER, ["a"]) == {}
    assert redis_server.client().info()["total_connections_received"] == before + 1  # this question's own
    await cache.close()


async def test_a_redis_that_never_answers_costs_one_wait(unused_listener: int) -> None:
    cache = RedisVectorCache(f"redis://127.0.0.1:{unused_listener}/0")
    async with asyncio.timeout(5):  # the default of the client is to wait for ever
        for _ in range(50):
            assert await cache.get(EMBEDDER, ["a"]) == {}
            await cache.put(EMBEDDER, {"a": ONE})
        await cache.close()


@pytest.fixture
def unused_listener() -> Generator[int]:
    """The port of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("value", [b"", b"short", bytes(16), b"\xff" * 16, b"x" * 100_000])
async def test_garbage_in_redis_is_nothing(redis_server: RedisServer, value: bytes) -> None:
    cache = RedisVectorCache(redis_server.url, **PATIENT)
    await cache.put(EMBEDDER, {"good": ONE})
    redis_server.client().set(f"assay:vec:{EMBEDDER}:bad", value)
    assert await cache.get(EMBEDDER, ["bad", "good"]) == {"good": ONE}
    await cache.close()


async def test_redis_forgets_in_time(redis_server: RedisServer) -> None:
    cache = RedisVectorCache(redis_server.url, ttl_seconds=1_000, **PATIENT)
    await cache.put(EMBEDDER, {"a": ONE})
    assert 0 < redis_server.client().ttl(f"assay:vec:{EMBEDDER}:a") <= 1_000
    await cache.close()


async def test_the_access_list_of_the_docs_is_enough_and_no_more(redis_server: RedisServer) -> None:
    documented = next(line for line in DOCS.read_text().splitlines() if line.startswith("ACL SETUSER"))
    admin = redis_server.client()
    admin.execute_command(*documented.replace("A-LONG-PASSWORD", "pw").split())
    url = f"redis://assay:pw@127.0.0.1:{redis_server.port}/0"
    cache = RedisVectorCache(url)
    await cache.put(EMBEDDER, {"a": ONE})
    assert await cache.get(EMBEDDER, ["a"]) == {"a": ONE}
    await cache.close()
    user = redis.Redis.from_url(url)
    for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["GET", "another:key"]):
        with pytest.raises(redis.ResponseError):
            user.execute_command(*command)


DOCS = Path(__file__).parents[2] / "docs" / "stores.md"


@pytest.mark.parametrize("url", ["http://x", "redis://u:se/cret@h:1/0", "redis://h:port/0", "", "redis://[::1"])
def test_a_bad_url_is_said_without_its_password(url: str) -> None:
    with pytest.raises(RetrievalError) as caught:
        RedisVectorCache(url)
    assert "cret" not in str(caught.value) and caught.value.__suppress_context__


async def test_the_near_tier_learns_from_the_far_one(tmp_path: Path, redis_server: RedisServer) -> None:
    near, far = SqliteVectorCache.open(tmp_path / "v.sqlite"), RedisVectorCache(redis_server.url)
    await far.put(EMBEDDER, {"a": ONE})
    both = TieredVectorCache(near, far)
    assert await both.get(EMBEDDER, ["a"]) == {"a": ONE}
    redis_server.kill()
    assert await both.get(EMBEDDER, ["a", "b"]) == {"a": ONE}
    await both.put(EMBEDDER, {"c": ONE})
    assert await both.get(EMBEDDER, ["c"]) == {"c": ONE}
    await both.close()


async def test_waiting_for_another_process_does_not_hold_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    cache = SqliteVectorCache.open(path)
    await cache.put(EMBEDDER, {"a": ONE})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(cache.put(EMBEDDER, {"b": ONE}))
    await asyncio.wait({writing}, timeout=0.05)
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    assert len(await cache.get(EMBEDDER, ["a", "b"])) == 2
    await cache.close()
