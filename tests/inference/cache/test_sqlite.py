"""What goes wrong with a file, and what that costs."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import resource
import sqlite3
import stat
from pathlib import Path

import pytest

from inference.cache.sqlite import SqliteCache

KEY, OTHER = b"k" * 32, b"o" * 32
MINUTE = 60.0


async def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "answers.sqlite"
    cache = SqliteCache(path)
    await cache.put(KEY, b"value", seconds=MINUTE)
    files = list(path.parent.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await cache.close()
    path.chmod(0o644)
    cache = SqliteCache(path)
    assert await cache.get(KEY) == b"value"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await cache.close()


async def test_outlives_the_process(tmp_path: Path) -> None:
    for expected in (None, b"value"):
        cache = SqliteCache(tmp_path / "a.sqlite")
        assert await cache.get(KEY) == expected
        await cache.put(KEY, b"value", seconds=MINUTE)
        await cache.close()


@pytest.mark.parametrize("damage", ["garbage", "pages", "another table"])
async def test_a_broken_file_is_moved_aside_and_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.sqlite"
    cache = SqliteCache(path)
    for number in range(200):
        await cache.put(number.to_bytes(32, "big"), bytes(500), seconds=MINUTE)
    await cache.close()
    data = path.read_bytes()
    match damage:
        case "garbage":
            path.write_bytes(b"no database at all, but long enough to be taken for one" * 10)
        case "pages":
            path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
        case _:
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE entry (something)")
            connection.close()
    cache = SqliteCache(path)
    assert await cache.get(KEY) is None
    await cache.put(KEY, b"value", seconds=MINUTE)
    assert await cache.get(KEY) == b"value"
    assert path.with_name("a.sqlite.broken").exists()
    await cache.close()


async def test_two_that_make_the_file_at_once(tmp_path: Path) -> None:
    """SQLite answers "busy" at once where two switch a new file to write-ahead logging: one in eighty of these."""
    for number in range(150):
        caches = [SqliteCache(tmp_path / str(number)) for _ in range(2)]
        keys = [KEY, OTHER]
        await asyncio.gather(*(cache.put(key, key, seconds=MINUTE) for cache, key in zip(caches, keys, strict=True)))
        for cache in caches:
            assert [await cache.get(key) for key in keys] == keys
            await cache.close()


async def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    now = 1_000.0
    path = tmp_path / "a.sqlite"
    cache = SqliteCache(path, limit_bytes=400_000, clock=lambda: now)
    await cache.put(KEY, b"used", seconds=1e9)
    await cache.put(OTHER, b"unused", seconds=1e9)
    for number in range(300):
        now += 100
        await cache.put(number.to_bytes(32, "big"), bytes(5_000), seconds=1e9)
        assert await cache.get(KEY) == b"used"
    assert await cache.get(OTHER) is None
    assert await cache.get((299).to_bytes(32, "big")) is not None
    await cache.close()
    assert path.stat().st_size < 1_000_000


async def test_what_is_over_goes_before_what_is_not(tmp_path: Path) -> None:
    now = 1_000.0
    cache = SqliteCache(tmp_path / "a.sqlite", limit_bytes=400_000, clock=lambda: now)
    await cache.put(KEY, b"lasting", seconds=1e9)
    for number in range(300):
        now += 100
        await cache.put(number.to_bytes(32, "big"), bytes(5_000), seconds=1_000)
    assert await cache.get(KEY) == b"lasting"
    await cache.close()


async def test_a_folder_that_cannot_be_is_a_cache_that_has_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = SqliteCache(tmp_path / "file" / "a.sqlite")
    for _ in range(10):
        await cache.put(KEY, b"value", seconds=MINUTE)
        assert await cache.get(KEY) is None
    await cache.close()
    assert len(caplog.records) == 1


def _fill_a_full_disk(path: Path) -> None:
    async def fill() -> None:
        cache = SqliteCache(path)
        await cache.put(KEY, b"first", seconds=MINUTE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        for number in range(200):
            await cache.put(number.to_bytes(32, "big"), os.urandom(5_000), seconds=MINUTE)
        assert await cache.get((199).to_bytes(32, "big")) is None
        assert await cache.get(KEY) == b"first"
        await cache.close()

    asyncio.run(fill())


async def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """A limit on the size of files, in a process of its own, fails writes as a full disk does."""
    path = tmp_path / "a.sqlite"
    child = multiprocessing.get_context("spawn").Process(target=_fill_a_full_disk, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == 0
    cache = SqliteCache(path)
    assert await cache.get(KEY) == b"first"
    assert not path.with_name("a.sqlite.broken").exists()
    await cache.close()


async def test_a_locked_file_costs_the_entry_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "a.sqlite"
    cache = SqliteCache(path)
    await cache.put(KEY, b"value", seconds=MINUTE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(10):
        await cache.put(OTHER, b"value", seconds=MINUTE)
    assert await cache.get(KEY) == b"value"
    other.execute("COMMIT")
    other.close()
    assert await cache.get(OTHER) is None
    await cache.put(OTHER, b"value", seconds=MINUTE)
    assert await cache.get(OTHER) == b"value"
    await cache.close()
    assert not caplog.records


async def test_waiting_for_another_process_does_not_hold_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    cache = SqliteCache(path)
    await cache.put(KEY, b"value", seconds=MINUTE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(cache.put(OTHER, b"value", seconds=MINUTE))
    await asyncio.wait({writing}, timeout=0.02)
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    await cache.close()


async def test_calls_do_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    cache = SqliteCache(path)
    await cache.put(KEY, b"value", seconds=MINUTE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = [asyncio.create_task(cache.put(OTHER, b"value", seconds=MINUTE)) for _ in range(1_000)]
    await asyncio.sleep(0)
    assert sum(task.done() for task in writing) > 900
    for task in writing:
        task.cancel()
    other.execute("COMMIT")
    other.close()
    await asyncio.gather(*writing, return_exceptions=True)
    assert await cache.get(KEY) == b"value"
    await cache.close()
