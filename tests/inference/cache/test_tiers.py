"""Memory by itself, and in front of something slower."""

from __future__ import annotations

import asyncio

import pytest

from inference.cache.memory import MemoryCache
from inference.cache.tiered import TieredCache
from inference.ports import Cache

KEY, OTHER = b"k" * 32, b"o" * 32
MINUTE = 60.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class SlowCache:
    """Answers when it is let, and counts how often it was asked."""

    def __init__(self) -> None:
        self.inner = MemoryCache()
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def get(self, key: bytes) -> bytes | None:
        self.asked += 1
        value = self.inner.look(key)
        await self.open.wait()
        return value

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        await self.inner.put(key, value, seconds=seconds)

    async def close(self) -> None:
        await self.inner.close()


def test_memory_keeps_within_its_limit_and_drops_the_longest_unused() -> None:
    cache = MemoryCache(limit_bytes=10_000)
    cache.keep(KEY, b"used", seconds=MINUTE)
    for number in range(1_000):
        cache.keep(number.to_bytes(32, "big"), bytes(100), seconds=MINUTE)
        assert cache.look(KEY)
        assert cache.size <= 10_000
    assert cache.look((999).to_bytes(32, "big"))
    assert not cache.look((0).to_bytes(32, "big"))


def test_memory_counts_its_bytes() -> None:
    clock = Clock()
    cache = MemoryCache(limit_bytes=10_000, clock=clock)
    for size in (10, 1_000, 100, 50_000):
        cache.keep(KEY, bytes(size), seconds=MINUTE)
    assert cache.size == 0
    cache.keep(KEY, b"value", seconds=MINUTE)
    clock.now = 59.9
    assert cache.look(KEY) == b"value"
    clock.now = 60.0
    assert cache.look(KEY) is None
    assert cache.size == 0


async def written(far: Cache, value: bytes, *, seconds: float = MINUTE) -> None:
    """By somebody else who has the same far one."""
    await TieredCache(MemoryCache(), far).put(KEY, value, seconds=seconds)


async def test_what_was_found_far_away_is_near_afterwards() -> None:
    far = SlowCache()
    await written(far, b"value")
    cache = TieredCache(MemoryCache(), far)
    assert [await cache.get(KEY) for _ in range(3)] == [b"value"] * 3
    assert far.asked == 1


async def test_what_is_found_shortly_before_its_end_gets_no_new_life() -> None:
    clock = Clock()
    clock.now, far = 1_000.0, SlowCache()
    cache = TieredCache(MemoryCache(clock=clock), far, clock=clock)
    await TieredCache(MemoryCache(), far, clock=clock).put(KEY, b"value", seconds=10)
    clock.now = 1_009.0
    assert await cache.get(KEY) == b"value"
    clock.now = 1_010.0
    assert await cache.get(KEY) is None


@pytest.mark.parametrize("value", [b"", b"short", b"\x7f\xf8" + bytes(6) + b"value"], ids=["empty", "short", "NaN"])
async def test_what_others_wrote_far_away_is_nothing(value: bytes) -> None:
    far = SlowCache()
    far.inner.keep(KEY, value, seconds=MINUTE)
    assert await TieredCache(MemoryCache(), far).get(KEY) is None


async def test_it_is_near_for_a_while_only() -> None:
    clock, far = Clock(), SlowCache()
    cache = TieredCache(MemoryCache(clock=clock), far, near_seconds=10)
    await cache.put(KEY, b"value", seconds=MINUTE)
    await written(far, b"newer")
    clock.now = 9.0
    assert await cache.get(KEY) == b"value"
    clock.now = 10.0
    assert await cache.get(KEY) == b"newer"


@pytest.mark.parametrize("value", [b"value", None], ids=["there", "not there"])
async def test_those_who_look_at_the_same_time_ask_once(value: bytes | None) -> None:
    far = SlowCache()
    if value:
        await written(far, value)
    cache = TieredCache(MemoryCache(), far)
    far.open.clear()
    tasks = [asyncio.create_task(cache.get(KEY)) for _ in range(10)]
    other = asyncio.create_task(cache.get(OTHER))
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    far.open.set()
    assert await asyncio.gather(*tasks[1:], other) == [value] * 9 + [None]
    assert tasks[0].cancelled()
    assert far.asked == 2


async def test_what_is_written_meanwhile_is_not_undone() -> None:
    far = SlowCache()
    await written(far, b"older")
    cache = TieredCache(MemoryCache(), far)
    far.open.clear()
    reading = asyncio.create_task(cache.get(KEY))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await cache.put(KEY, b"newer", seconds=MINUTE)
    far.open.set()
    assert await reading == b"newer"
    assert await cache.get(KEY) == b"newer"
    await cache.close()
