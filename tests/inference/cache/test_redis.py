"""What goes wrong between this client and a Redis, and what that costs."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from inference.cache.keys import Tenant
from inference.cache.redis import RedisCache
from inference.errors import InferenceError
from tests.inference.cache.redis_server import RedisServer
from tests.inference.test_openai_tls import AUTHORITY, LEAF

KEY, OTHER = b"k" * 32, b"o" * 32
MINUTE = 60.0
PATIENT = 10.0
PREFIX = "assay:ans:test:"


@pytest.fixture
def redis_server(tmp_path: Path) -> Generator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@asynccontextmanager
async def cache_at(url: str, **options: Any) -> AsyncGenerator[RedisCache]:
    cache = RedisCache(url, **{"prefix": PREFIX, "call_seconds": PATIENT, "connect_seconds": PATIENT, **options})
    yield cache
    await cache.close()


async def soon(check: Callable[[], Coroutine[None, None, bool]]) -> None:
    deadline = time.monotonic() + 20
    while not await check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_may_go_and_come_back(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with cache_at(redis_server.url, pause_seconds=0.01) as cache:
        await cache.put(KEY, b"value", seconds=MINUTE)
        redis_server.kill()
        for _ in range(20):
            assert await cache.get(KEY) is None
        await cache.put(OTHER, b"value", seconds=MINUTE)
        redis_server.start()

        async def is_back() -> bool:
            await cache.put(KEY, b"again", seconds=MINUTE)
            return await cache.get(KEY) == b"again"

        await soon(is_back)
        assert await cache.get(OTHER) is None
    said = [record for record in caplog.records if record.name == "inference.cache.redis"]
    assert [record.levelname for record in said] == ["WARNING", "INFO"]
    assert "the-password" not in caplog.text
    assert "the-password" not in repr(cache)


async def test_one_that_failed_is_left_alone_for_a_while(redis_server: RedisServer) -> None:
    async with cache_at(redis_server.url, pause_seconds=3_600) as cache:
        await cache.put(KEY, b"value", seconds=MINUTE)
        redis_server.kill()
        assert await cache.get(KEY) is None
        redis_server.start()
        with redis_server.client() as client:
            before = client.info()["total_connections_received"]
            assert await cache.get(KEY) is None
            assert client.info()["total_connections_received"] == before


@pytest.fixture
def silent_port() -> Generator[int]:
    """Of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_one_that_never_answers_costs_one_wait(silent_port: int) -> None:
    async with cache_at(f"redis://127.0.0.1:{silent_port}/0", call_seconds=0.2, connect_seconds=60) as cache:
        began = time.monotonic()
        for _ in range(100):
            assert await cache.get(KEY) is None
            await cache.put(KEY, b"value", seconds=MINUTE)
        assert time.monotonic() - began < 10  # each waiting for itself would take 40 s


async def test_one_that_stops_answering_costs_one_wait(redis_server: RedisServer) -> None:
    async with cache_at(redis_server.url, call_seconds=0.5, pause_seconds=0.2) as cache:

        async def is_kept() -> bool:
            await cache.put(KEY, b"value", seconds=MINUTE)
            return await cache.get(KEY) == b"value"

        await soon(is_kept)
        redis_server.process.send_signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(20):  # each waiting for itself would take 50 s
                for _ in range(100):
                    assert await cache.get(KEY) is None
        finally:
            redis_server.process.send_signal(signal.SIGCONT)


async def test_the_answer_that_a_cancelled_reader_leaves_is_nobody_elses(redis_server: RedisServer) -> None:
    """In 2023 a model service showed users each other's chats so, with the same client library."""
    async with cache_at(redis_server.url) as cache:
        await cache.put(KEY, b"mine", seconds=MINUTE)
        await cache.put(OTHER, b"theirs", seconds=MINUTE)
        redis_server.process.send_signal(signal.SIGSTOP)
        reading = asyncio.create_task(cache.get(KEY))
        await asyncio.wait({reading}, timeout=0.2)  # until it has been sent
        reading.cancel()
        await asyncio.wait({reading})
        redis_server.process.send_signal(signal.SIGCONT)
        assert [await cache.get(OTHER) for _ in range(3)] == [b"theirs"] * 3


async def test_a_wrong_password_is_a_cache_that_has_nothing(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with cache_at(redis_server.url.replace("the-password", "no-password")) as cache:
        await cache.put(KEY, b"value", seconds=MINUTE)
        assert await cache.get(KEY) is None
    assert "AuthenticationError" in caplog.text and "no-password" not in caplog.text


@pytest.mark.parametrize(
    "value", [b"", b"x", b"\x02value", b"x" * 100_000, b"\x01" + b"x" * 2_000_000], ids=lambda value: str(value[:6])
)
async def test_what_others_wrote_there_is_nothing(redis_server: RedisServer, value: bytes) -> None:
    async with cache_at(redis_server.url) as cache:
        with redis_server.client() as client:
            client.set(f"{PREFIX}{KEY.hex()}", value)
        assert await cache.get(KEY) is None
        assert await cache.get(OTHER) is None


async def test_another_type_there_is_a_failure_that_is_survived(redis_server: RedisServer) -> None:
    async with cache_at(redis_server.url, pause_seconds=0.01) as cache:
        with redis_server.client() as client:
            client.lpush(f"{PREFIX}{KEY.hex()}", "an item")
        assert await cache.get(KEY) is None

        async def is_kept() -> bool:
            await cache.put(OTHER, b"value", seconds=MINUTE)
            return await cache.get(OTHER) == b"value"

        await soon(is_kept)


async def test_redis_forgets_in_time(redis_server: RedisServer) -> None:
    async with cache_at(redis_server.url) as cache:
        await cache.put(KEY, b"value", seconds=1_000.5)
        with redis_server.client() as client:
            assert 900_000 < client.pttl(f"{PREFIX}{KEY.hex()}") <= 1_000_500


async def test_with_tls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "authority.pem").write_text(AUTHORITY)
    (tmp_path / "leaf.pem").write_text(LEAF)
    leaf = str(tmp_path / "leaf.pem")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    options = ("--tls-port", str(port), "--tls-cert-file", leaf, "--tls-key-file", leaf, "--tls-auth-clients", "no")
    server = RedisServer(tmp_path, *options)
    url = f"rediss://:the-password@127.0.0.1:{port}/0"
    try:
        async with cache_at(url, ca=tmp_path / "authority.pem", connect_seconds=PATIENT) as cache:
            await cache.put(KEY, b"value", seconds=MINUTE)
            assert await cache.get(KEY) == b"value"
        async with cache_at(url, connect_seconds=PATIENT) as cache:  # an authority that nobody knows
            assert await cache.get(KEY) is None
    finally:
        server.kill()
    assert "the-password" not in caplog.text


@pytest.mark.parametrize("url", ["http://x", "redis://u:se/cret@h:1/0", "redis://h:port/0", "", "redis://[::1"])
def test_a_bad_url_is_said_without_its_password(url: str) -> None:
    with pytest.raises(InferenceError) as caught:
        RedisCache(url, prefix=PREFIX)
    assert "cret" not in str(caught.value) and caught.value.__suppress_context__


DOCS = Path(__file__).parents[3] / "docs" / "caches.md"


async def test_the_access_list_of_the_docs_is_enough_and_no_more(redis_server: RedisServer) -> None:
    prefix = Tenant(name="team", secret=bytes(32)).prefix
    documented = next(line for line in DOCS.read_text().splitlines() if line.startswith("ACL SETUSER"))
    with redis_server.client() as admin:
        admin.execute_command(*documented.replace("A-LONG-PASSWORD", "pw").split())
    url = f"redis://assay:pw@127.0.0.1:{redis_server.port}/0"
    async with cache_at(url, prefix=prefix) as cache:
        await cache.put(KEY, b"value", seconds=MINUTE)
        assert await cache.get(KEY) == b"value"
        await cache.put(KEY, b"", seconds=0)
        assert await cache.get(KEY) is None
    with redis.Redis.from_url(url) as user:
        for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["GET", "another:key"]):
            with pytest.raises(redis.ResponseError):
                user.execute_command(*command)
