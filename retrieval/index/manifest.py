"""What the index holds of each file, in SQLite: signatures, digests, symbols, and a Merkle tree over the folders."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.chunk import Definition
from retrieval.errors import StoreCorrupt, StoreError
from workspace.walk import Signature

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, inode TEXT,
    digest TEXT, language TEXT, chunks INTEGER, problem TEXT, uses TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS definitions (path TEXT, name TEXT, qualified TEXT, kind TEXT, line INTEGER,
    end_line INTEGER, signature TEXT, PRIMARY KEY (path, line, qualified, kind)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS definitions_by_name ON definitions (name);
CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY, digest TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""

Row = tuple[str, str, str, int, int, str]
"""A `Definition`'s name, qualified name, kind, line, end line and signature: there are a hundred thousand of them, and
between processes a tuple costs a tenth of what an object does."""
NO_SIGNATURE: Signature = (0, 0, 0, -1)
"""Of documents that are no files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file as it was when it was indexed."""

    signature: Signature
    digest: str
    """Hex of BLAKE2b-128 over its content; that of a source's document is its version."""
    language: str
    chunks: int
    problem: str = ""
    definitions: tuple[Row, ...] = ()
    references: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """What the repository map is made of, for one file."""

    path: str
    definitions: tuple[Definition, ...]
    references: tuple[tuple[str, int], ...]


class Manifest:
    """One writer; other processes may read the same file meanwhile (WAL).

    What `put` and `remove` have returned from survives a kill -9.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, file: Path) -> Manifest:
        """
        :raises StoreCorrupt: when the file is no manifest.
        :raises StoreError: when it cannot be used now, as on a full disk.
        """
        try:
            connection = sqlite3.connect(file, timeout=10.0, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise _translated(error) from error  # a full disk is no damage, and must not cost the index
        return cls(connection)

    def close(self) -> None:
        self._db.close()

    def signatures(self) -> dict[str, Signature]:
        rows = self._read("SELECT path, size, mtime, ctime, inode FROM files WHERE inode != '-1'")
        return {path: (size, mtime, ctime, int(inode)) for path, size, mtime, ctime, inode in rows}

    def folders(self) -> dict[str, str]:
        """Folder to its digest in the Merkle tree, as of the last complete look."""
        return dict(self._read("SELECT path, digest FROM folders"))

    def digest(self, path: str) -> str | None:
        """Of the content that is indexed; None for a path that is not."""
        rows = self._read("SELECT digest FROM files WHERE path = ?", (path,))
        return rows[0][0] if rows else None

    def digests(self, prefix: str) -> dict[str, str]:
        """Path to digest, of the paths that begin with a prefix."""
        last = prefix + "\U0010ffff"
        return dict(self._read("SELECT path, digest FROM files WHERE path >= ? AND path < ?", (prefix, last)))

    def counts(self) -> tuple[int, int]:
        """Files and chunks of them."""
        return self._read("SELECT COUNT(*), COALESCE(SUM(chunks), 0) FROM files")[0]

    def languages(self) -> dict[str, int]:
        """Files by language."""
        return dict(self._read("SELECT language, COUNT(*) FROM files GROUP BY language ORDER BY 2 DESC, 1"))

    def problems(self, limit: int = 100) -> dict[str, str]:
        """Files that were cut by lines, and why."""
        return dict(self._read("SELECT path, problem FROM files WHERE problem != '' ORDER BY path LIMIT ?", (limit,)))

    def put(self, files: Mapping[str, FileState]) -> None:
        """:raises StoreError: when it cannot be written, as on a full disk; nothing is changed then."""
        rows = [
            (path, *state.signature[:3], str(state.signature[3]), state.digest, state.language, state.chunks,
             state.problem, json.dumps(state.references))
            for path, state in files.items()
        ]  # fmt: skip
        symbols = [(path, *row) for path, state in files.items() for row in state.definitions]
        with _Transaction(self._db) as db:
            db.executemany("DELETE FROM definitions WHERE path = ?", [(path,) for path in files])
            db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT OR REPLACE INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", symbols)

    def sign(self, signatures: Mapping[str, Signature]) -> None:
        """Note new signatures of files whose content is what it was."""
        rows = [(*found[:3], str(found[3]), path) for path, found in signatures.items()]
        with _Transaction(self._db) as db:
            db.executemany("UPDATE files SET size = ?, mtime = ?, ctime = ?, inode = ? WHERE path = ?", rows)

    def remove(self, paths: Collection[str]) -> None:
        rows = [(path,) for path in paths]
        with _Transaction(self._db) as db:
            db.executemany("DELETE FROM definitions WHERE path = ?", rows)
            db.executemany("DELETE FROM files WHERE path = ?", rows)

    def set_folders(self, folders: Mapping[str, str]) -> None:
        with _Transaction(self._db) as db:
            db.execute("DELETE FROM folders")
            db.executemany("INSERT INTO folders VALUES (?, ?)", folders.items())

    def fact(self, name: str) -> str | None:
        rows = self._read("SELECT value FROM facts WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def set_fact(self, name: str, value: str | None) -> None:
        with _Transaction(self._db) as db:
            db.execute("DELETE FROM facts WHERE name = ?", (name,))
            if value is not None:
                db.execute("INSERT INTO facts VALUES (?, ?)", (name, value))

    def defined(self, names: Collection[str], limit: int = 200) -> tuple[tuple[str, Definition], ...]:
        """Path and definition of each symbol with one of these names, sorted by path and line."""
        marks = ",".join("?" * len(names))
        rows = self._read(
            "SELECT path, name, qualified, kind, line, end_line, signature FROM definitions "  # noqa: S608
            f"WHERE name IN ({marks}) ORDER BY path, line LIMIT ?",
            (*sorted(names), limit),
        )
        return tuple((row[0], _definition(row[1:])) for row in rows)

    def beginning(self, prefix: str, limit: int = 50) -> tuple[tuple[str, Definition], ...]:
        """Definitions whose simple name begins with a text, in whatever case; short names first."""
        pattern = "".join(f"\\{letter}" if letter in "%_\\" else letter for letter in prefix) + "%"
        rows = self._read(
            "SELECT path, name, qualified, kind, line, end_line, signature FROM definitions"
            " WHERE name LIKE ? ESCAPE '\\' ORDER BY LENGTH(name), name, path, line LIMIT ?",
            (pattern, limit),
        )
        return tuple((row[0], _definition(row[1:])) for row in rows)

    def symbols(self) -> tuple[Symbols, ...]:
        """Every file's definitions and references, sorted by path."""
        defined: dict[str, list[Definition]] = {}
        for path, *fields in self._read(
            "SELECT path, name, qualified, kind, line, end_line, signature FROM definitions ORDER BY path, line"
        ):
            defined.setdefault(path, []).append(_definition(fields))
        rows = self._read("SELECT path, uses FROM files ORDER BY path")
        return tuple(
            Symbols(
                path=path,
                definitions=tuple(defined.get(path, ())),
                references=tuple((name, count) for name, count in json.loads(uses)),
            )
            for path, uses in rows
        )

    def _read(self, query: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with closing(self._db.execute(query, tuple(parameters))) as cursor:
                return cursor.fetchall()
        except sqlite3.DatabaseError as error:
            raise _translated(error) from error


def _definition(fields: Iterable[object]) -> Definition:
    name, qualified, kind, line, end_line, signature = fields
    return Definition(
        name=str(name),
        qualified=str(qualified),
        kind=str(kind),
        line=int(str(line)),
        end_line=int(str(end_line)),
        signature=str(signature),
    )


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            raise _translated(error) from error
        return self._db

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._db.execute("COMMIT")
            elif self._db.in_transaction:  # SQLite takes some back itself, as on a full disk
                self._db.execute("ROLLBACK")
        except sqlite3.DatabaseError as failed:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise _translated(failed) from failed
        if isinstance(error, sqlite3.DatabaseError):
            raise _translated(error) from error


def _translated(error: sqlite3.DatabaseError) -> StoreError:
    if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
        return StoreError(f"The index's list of files could not be used: {error}")
    return StoreCorrupt(f"The list of indexed files is damaged ({error}); the index must be rebuilt")
