"""Embeddings in one SQLite file of the user's cache folder, which all workspaces on this machine share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from retrieval.cache.codec import decoded, encoded

LIMIT_BYTES = 512 * 1024 * 1024
"""About 550,000 vectors of 384 numbers."""

_EVICT_SHARE = 0.1
"""Of the entries, when the limit is reached: the longest unused go at once, so that it is not reached all the time."""

_CHECK_EVERY = 1_000
"""Vectors written between two looks at the size."""

_BUSY_SECONDS = 2.0
"""How long another process may hold the file before this one goes on without it."""

_BUSY_PAUSE = 0.005
"""Seconds between two tries of what SQLite does not wait for by itself."""

_DAY = 86_400
"""Seconds. Use is noted by day, so that reading writes at most once a day."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS embedder (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS vector (
    embedder INTEGER NOT NULL,
    digest TEXT NOT NULL,
    data BLOB NOT NULL,
    used INTEGER NOT NULL,  -- days since 1970
    PRIMARY KEY (embedder, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vector_used ON vector (used);
"""

_READ = """
SELECT data, used FROM vector WHERE embedder = (SELECT key FROM embedder WHERE id = ?) AND digest = ?
"""
_TOUCH = """
UPDATE vector SET used = ? WHERE embedder = (SELECT key FROM embedder WHERE id = ?) AND digest = ?
"""

T = TypeVar("T")

log = logging.getLogger(__name__)


class SqliteVectorCache:
    """A `VectorCache`. One connection, in a thread of its own; other processes may have the file open too.

    A file that is no cache is moved aside and begun anew. With a full disk, or a folder that cannot be written, it has
    nothing and keeps nothing.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        """Use `open`."""
        self._path = path
        self._limit_bytes = limit_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vector-cache")
        self._connection: sqlite3.Connection | None = None
        self._unchecked = _CHECK_EVERY

    @classmethod
    def open(cls, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> SqliteVectorCache:
        """The file is touched only when it is first needed; this neither waits nor fails."""
        return cls(path, limit_bytes)

    async def get(self, embedder: str, digests: Sequence[str]) -> Mapping[str, Sequence[float]]:
        return await self._run(lambda: self._get(embedder, digests), dict[str, Sequence[float]]())

    async def put(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        await self._run(lambda: self._put(embedder, vectors), None)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], T], nothing: T) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work, nothing)

    def _guarded(self, work: Callable[[], T], nothing: T) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            log.warning("the cache of embeddings is left out: %s", name)
            self._disconnect()
            if name in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
                self._move_aside()
            return nothing

    def _get(self, embedder: str, digests: Sequence[str]) -> dict[str, Sequence[float]]:
        connection = self._connected()
        found: dict[str, Sequence[float]] = {}
        stale: list[str] = []
        today = int(time.time()) // _DAY
        for digest in digests:
            row = connection.execute(_READ, (embedder, digest)).fetchone()
            if row and (vector := decoded(row[0], embedder)) is not None:
                found[digest] = vector
                if row[1] != today:
                    stale.append(digest)
        if stale:
            # A disk that is full, or a file that is locked, takes nothing from what was read.
            with contextlib.suppress(sqlite3.OperationalError), connection:
                connection.executemany(_TOUCH, [(today, embedder, digest) for digest in stale])
        return found

    def _put(self, embedder: str, vectors: Mapping[str, Sequence[float]]) -> None:
        connection = self._connected()
        today = int(time.time()) // _DAY
        rows = [(digest, data) for digest, vector in vectors.items() if (data := encoded(vector)) is not None]
        if self._unchecked >= _CHECK_EVERY:
            self._evict(connection)
            self._unchecked = 0
        with connection:
            connection.execute("INSERT OR IGNORE INTO embedder (id) VALUES (?)", (embedder,))
            ((key,),) = connection.execute("SELECT key FROM embedder WHERE id = ?", (embedder,))
            connection.executemany(
                "INSERT OR REPLACE INTO vector (embedder, digest, data, used) VALUES (?, ?, ?, ?)",
                [(key, digest, data, today) for digest, data in rows],
            )
        self._unchecked += len(rows)

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Drop the longest unused while the file, free pages not counted, is above the limit."""

        def number(pragma: str) -> int:
            ((value,),) = connection.execute(f"PRAGMA {pragma}")
            return value

        while (number("page_count") - number("freelist_count")) * number("page_size") > self._limit_bytes:
            with connection:
                ((entries,),) = connection.execute("SELECT count(*) FROM vector")
                if not entries:
                    return
                connection.execute(
                    "DELETE FROM vector WHERE (embedder, digest) IN"
                    " (SELECT embedder, digest FROM vector ORDER BY used LIMIT ?)",
                    (max(1, int(entries * _EVICT_SHARE)),),
                )

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
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
    until = time.monotonic() + _BUSY_SECONDS
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
