"""What every `Cache` promises. Add an implementation to `MAKERS` and it is held to all of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest

from inference.cache.memory import MemoryCache
from inference.cache.redis import RedisCache
from inference.cache.sqlite import SqliteCache
from inference.cache.tiered import TieredCache
from inference.ports import Cache
from tests.inference.cache.redis_server import RedisServer

KEY, OTHER = bytes(range(32)), b"\xff" * 32
MINUTE = 60.0
PATIENT = 10.0
"""Seconds for a call to Redis: this machine may be busy with other things."""


class Place:
    """Where the caches of one test keep what they have."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self.folder = folder
        self._request = request

    @property
    def redis(self) -> RedisServer:
        return self._request.getfixturevalue("redis_server")


def in_memory(place: Place) -> Cache:
    return MemoryCache()


def in_sqlite(place: Place) -> Cache:
    return SqliteCache(place.folder / "cache" / "answers.sqlite")


def in_redis(place: Place) -> Cache:
    return RedisCache(place.redis.url, prefix=f"{place.folder.name}:", call_seconds=PATIENT, connect_seconds=PATIENT)


def before_sqlite(place: Place) -> Cache:
    return TieredCache(MemoryCache(), in_sqlite(place))


def before_redis(place: Place) -> Cache:
    return TieredCache(MemoryCache(), in_redis(place))


SHARED = [in_sqlite, in_redis, before_sqlite, before_redis]
MAKERS = [in_memory, *SHARED]
Make = Callable[[], Cache]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Make]:
    place, made = Place(tmp_path, request), list[Cache]()

    def one() -> Cache:
        made.append(request.param(place))
        return made[-1]

    yield one
    for cache in made:
        await cache.close()


every = pytest.mark.parametrize("make", MAKERS, indirect=True, ids=lambda maker: maker.__name__)
shared = pytest.mark.parametrize("make", SHARED, indirect=True, ids=lambda maker: maker.__name__)


@every
@pytest.mark.parametrize(
    "value",
    [b"value", b"", b"\0", bytes(range(256)) * 3, b"x" * 100_000],
    ids=["text", "empty", "a zero", "all bytes", "100 kB"],
)
async def test_gives_back_what_it_was_given(make: Make, value: bytes) -> None:
    cache = make()
    assert await cache.get(KEY) is None
    await cache.put(KEY, value, seconds=MINUTE)
    assert await cache.get(KEY) == value
    assert await cache.get(OTHER) is None


@every
async def test_the_last_value_counts(make: Make) -> None:
    cache = make()
    for value in (b"one", b"a longer one", b"2"):
        await cache.put(KEY, value, seconds=MINUTE)
        assert await cache.get(KEY) == value


@every
async def test_forgets_in_time(make: Make) -> None:
    cache = make()
    await cache.put(KEY, b"short", seconds=0.2)
    await cache.put(OTHER, b"long", seconds=MINUTE)
    deadline = time.monotonic() + 20
    while await cache.get(KEY) is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert await cache.get(OTHER) == b"long"


@every
@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_what_lives_no_time_is_gone(make: Make, seconds: float) -> None:
    cache = make()
    await cache.put(KEY, b"before", seconds=MINUTE)
    await cache.put(KEY, b"now", seconds=seconds)
    assert await cache.get(KEY) is None


@every
async def test_writing_again_gives_it_a_new_life(make: Make) -> None:
    cache = make()
    await cache.put(KEY, b"value", seconds=0.3)
    await cache.put(KEY, b"value", seconds=MINUTE)
    await asyncio.sleep(0.4)
    assert await cache.get(KEY) == b"value"


@every
async def test_a_value_that_is_far_too_large_costs_only_itself(make: Make) -> None:
    cache = make()
    await cache.put(OTHER, b"other", seconds=MINUTE)
    await cache.put(KEY, b"small", seconds=MINUTE)
    await cache.put(KEY, bytes(200_000_000), seconds=MINUTE)
    assert await cache.get(KEY) is None
    assert await cache.get(OTHER) == b"other"


@every
async def test_many_at_once(make: Make) -> None:
    cache = make()
    keys = [number.to_bytes(32, "big") for number in range(50)]
    await asyncio.gather(*(cache.put(key, key * 3, seconds=MINUTE) for key in keys))
    assert await asyncio.gather(*(cache.get(key) for key in keys)) == [key * 3 for key in keys]


@every
async def test_a_reader_that_is_cancelled_disturbs_nobody(make: Make) -> None:
    """The answer that it leaves in the connection must not become that to another question."""
    cache = make()
    keys = [number.to_bytes(32, "big") for number in range(20)]
    for key in keys:
        await cache.put(key, key, seconds=MINUTE)
    for turns in range(12):
        tasks = [asyncio.create_task(cache.get(key)) for key in keys]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await asyncio.gather(*(cache.get(key) for key in keys)) == keys


@shared
async def test_another_one_finds_it(make: Make) -> None:
    first, second = make(), make()
    await first.put(KEY, b"value", seconds=MINUTE)
    assert await second.get(KEY) == b"value"


@shared
async def test_two_writers(make: Make) -> None:
    caches = [make(), make()]
    keys = [number.to_bytes(32, "big") for number in range(20)]
    await asyncio.gather(*(cache.put(key, key, seconds=MINUTE) for key in keys for cache in caches))
    for cache in caches:
        assert [await cache.get(key) for key in keys] == keys


@every
async def test_closing_what_was_never_used(make: Make) -> None:
    make()
