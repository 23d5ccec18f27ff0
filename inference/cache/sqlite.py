"""What is kept in one SQLite file of the user's cache folder, for all workspaces and windows on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

LIMIT_BYTES = 256 * 1024 * 1024

_EVICT_SHARE = 0.1
"""Of the entries, when the limit is reached: the longest unused go at once, so that it is not reached all the time."""

_CHECK_SHARE = 0.02
"""Of the limit: bytes that are written between two looks at the size."""

_BUSY_SECONDS = 0.1
"""How long another process may hold the file before this one goes on without the entry."""

_PREPARE_SECONDS = 2.0
"""The same when the file is opened, as others may be making its tables."""

_BUSY_PAUSE = 0.005
"""Seconds between two tries of what SQLite does not wait for by itself."""

_PAUSE_SECONDS = 5.0
"""How long a file that could not be opened is left alone."""

_MOST_WAITING = 64
"""Calls that may wait for the thread; more are not made."""

_TOUCH_SECONDS = 60
"""Use is noted once a minute for each entry, so that reading seldom writes."""

_PAGE_BYTES = 4_096

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    key BLOB NOT NULL UNIQUE,
    value BLOB NOT NULL,
    expires REAL NOT NULL,  -- seconds since 1970
    used INTEGER NOT NULL   -- seconds since 1970
);
CREATE INDEX IF NOT EXISTS entry_used ON entry (used);
CREATE INDEX IF NOT EXISTS entry_expires ON entry (expires);
"""

T = TypeVar("T")

log = logging.getLogger(__name__)


class SqliteCache:
    """A `Cache`. One connection, in a thread of its own; other processes may have the file open too.

    A file that is no cache is moved aside and begun anew. With a full disk, a file that somebody has locked, or a
    folder that cannot be written, it keeps nothing, and what can be read is still there.

    The file is touched only when it is first needed.

    :param limit_bytes: of the file, roughly.
    :param clock: seconds since 1970, as other processes count them too.
    """

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answer-cache")
        self._waiting = 0
        # From here on only the thread's.
        self._connection: sqlite3.Connection | None = None
        self._paused_until = 0.0
        self._unchecked = float(limit_bytes)
        self._is_failing = False

    async def get(self, key: bytes) -> bytes | None:
        return await self._run(lambda: self._get(key))

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        await self._run(lambda: self._put(key, value, seconds))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T | None:
        if self._waiting >= _MOST_WAITING:
            return None
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)
        done.add_done_callback(self._left)  # what was begun goes on when the caller is cancelled
        return await done

    def _left(self, _: asyncio.Future[Any]) -> None:
        self._waiting -= 1

    def _guarded(self, work: Callable[[], T]) -> T | None:
        if time.monotonic() < self._paused_until:
            return None
        try:
            result = work()
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            return None
        if self._is_failing:
            self._is_failing = False
            log.info("the cache of answers is back")
        return result

    def _failed(self, error: sqlite3.Error | OSError) -> None:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if self._connection is None:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
        elif name.startswith("SQLITE_BUSY"):
            return  # this entry is not kept, and nothing is wrong
        if not self._is_failing:
            log.warning("the cache of answers is left out: %s", name)
        self._is_failing = True
        if name == "SQLITE_FULL":
            return  # what is in the file can still be read
        self._disconnect()
        # An SQL error says that the tables are another version's.
        if name.startswith("SQLITE_CORRUPT") or name in ("SQLITE_NOTADB", "SQLITE_ERROR"):
            self._move_aside()
            self._paused_until = 0.0

    def _get(self, key: bytes) -> bytes | None:
        connection = self._connected()
        row = connection.execute("SELECT value, expires, used FROM entry WHERE key = ?", (key,)).fetchone()
        now = self._clock()
        if row is None or now >= row[1] or not isinstance(row[0], bytes):
            return None
        if now - row[2] >= _TOUCH_SECONDS:
            # A disk that is full, or a file that is locked, takes nothing from what was read.
            with contextlib.suppress(sqlite3.OperationalError), connection:
                connection.execute("UPDATE entry SET used = ? WHERE key = ?", (int(now), key))
        return row[0]

    def _put(self, key: bytes, value: bytes, seconds: float) -> None:
        connection = self._connected()
        now = self._clock()
        if self._unchecked >= self._limit_bytes * _CHECK_SHARE:
            self._evict(connection, now)
            self._unchecked = 0.0
        with connection:
            if seconds <= 0 or len(value) > self._limit_bytes // 2:
                connection.execute("DELETE FROM entry WHERE key = ?", (key,))
                return
            connection.execute(
                "INSERT INTO entry (key, value, expires, used) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires,"
                " used = excluded.used",
                (key, value, now + seconds, int(now)),
            )
        self._unchecked += len(value) + _PAGE_BYTES

    def _evict(self, connection: sqlite3.Connection, now: float) -> None:
        """Drop what is over, then the longest unused while the file, free pages not counted, is above the limit."""

        def number(pragma: str) -> int:
            ((value,),) = connection.execute(f"PRAGMA {pragma}")
            return value

        with connection:
            connection.execute("DELETE FROM entry WHERE expires <= ?", (now,))
        while (number("page_count") - number("freelist_count")) * number("page_size") > self._limit_bytes:
            with connection:
                ((entries,),) = connection.execute("SELECT count(*) FROM entry")
                if not entries:
                    return
                connection.execute(
                    "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry ORDER BY used, rowid LIMIT ?)",
                    (max(1, int(entries * _EVICT_SHARE)),),
                )

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._path.chmod(0o600)  # the file may be older, and answers are nobody else's
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
            try:
                _prepare(connection)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _move_aside(self) -> None:
        """Keep the broken file for whoever wants to look at it, and only the latest."""
        with contextlib.suppress(OSError):
            self._path.replace(self._path.with_name(self._path.name + ".broken"))
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, and wait where another process does the same at this moment.

    The change of the journal's mode does not wait by itself: it answers SQLITE_BUSY at once.
    """
    until = time.monotonic() + _PREPARE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            return
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
        time.sleep(_BUSY_PAUSE)
