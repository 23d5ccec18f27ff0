"""Conversations that outlive the server: one SQLite file of the user's state folder.

Not in the cache, although answers are there: a cache may forget whatever it likes whenever it is full, and nobody may
delete from it what a person asked to be deleted and be sure. What is kept is redacted already.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cattrs

from assist.chat.conversation import Conversation, Turn
from assist.chat.errors import HistoryUnavailable, NoConversation

T = TypeVar("T")

MOST_CONVERSATIONS = 200
"""Kept; of more the longest untouched go."""
MOST_TURNS = 300
"""Of one conversation; of more the oldest go. Its summary still speaks of them."""
_BUSY_SECONDS = 2.0  # how long another window may hold the file
_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversation (
    id TEXT PRIMARY KEY,
    root TEXT NOT NULL,
    title TEXT NOT NULL,
    created REAL NOT NULL,      -- seconds since 1970
    updated REAL NOT NULL,      -- seconds since 1970
    summary TEXT NOT NULL,
    summarised INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS conversation_updated ON conversation (updated);
CREATE TABLE IF NOT EXISTS turn (
    conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,         -- JSON
    PRIMARY KEY (conversation, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A conversation in the list of them."""

    id: str
    root: str
    title: str
    created: float
    updated: float
    turns: int


class History(Protocol):
    """Implementations: `StoredHistory`, and `PassingHistory` for those who want none to be kept. Contract:
    tests/assist/chat/test_history.py."""

    async def save(self, conversation: Conversation) -> None:
        """:raises HistoryUnavailable: it cannot be kept."""
        ...

    async def load(self, conversation: str) -> Conversation:
        """:raises NoConversation: there is none of that id."""
        ...

    async def listed(self) -> list[Listed]:
        """Newest first."""
        ...

    async def delete(self, conversation: str) -> bool:
        """Whether there was one. Nothing of it is left in the file when this returns."""
        ...


class StoredHistory:
    """A file that only its user may read. A connection lives for one call, so that windows share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def save(self, conversation: Conversation) -> None:
        await self._run(lambda db: _save(db, conversation))

    async def load(self, conversation: str) -> Conversation:
        return await self._run(lambda db: _load(db, conversation))

    async def listed(self) -> list[Listed]:
        return await self._run(_list)

    async def delete(self, conversation: str) -> bool:
        return await self._run(lambda db: _delete(db, conversation))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._with_file, work)

    def _with_file(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with _opened(self._path) as db:
                return work(db)
        except (sqlite3.Error, OSError) as error:
            raise HistoryUnavailable(
                f"The conversations in {self._path} cannot be used ({type(error).__name__}); move the file away, "
                "or set chat.history to off."
            ) from error


class PassingHistory:
    """Conversations of this session only."""

    def __init__(self) -> None:
        self._kept: dict[str, Conversation] = {}

    async def save(self, conversation: Conversation) -> None:
        self._kept.pop(conversation.id, None)
        self._kept[conversation.id] = conversation
        while len(self._kept) > MOST_CONVERSATIONS:
            del self._kept[next(iter(self._kept))]

    async def load(self, conversation: str) -> Conversation:
        if conversation not in self._kept:
            raise _none(conversation)
        return self._kept[conversation]

    async def listed(self) -> list[Listed]:
        newest = sorted(self._kept.values(), key=lambda each: (-each.updated, each.id))
        return [
            Listed(
                id=each.id,
                root=each.root,
                title=each.title,
                created=each.created,
                updated=each.updated,
                turns=len(each.turns),
            )
            for each in newest
        ]

    async def delete(self, conversation: str) -> bool:
        return self._kept.pop(conversation, None) is not None


@contextlib.contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made before SQLite would: with its own rights, and never those of a file that is there already.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level="IMMEDIATE")
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
        db.executescript(_SCHEMA)
        with db:
            yield db
    finally:
        db.close()


def _save(db: sqlite3.Connection, conversation: Conversation) -> None:
    db.execute(
        "INSERT INTO conversation VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title,"
        " updated = excluded.updated, summary = excluded.summary, summarised = excluded.summarised",
        (
            conversation.id,
            conversation.root,
            conversation.title,
            conversation.created,
            conversation.updated,
            conversation.summary,
            conversation.summarised,
        ),
    )
    known = {number for (number,) in db.execute("SELECT number FROM turn WHERE conversation = ?", (conversation.id,))}
    new = [turn for turn in conversation.turns if turn.number not in known]
    db.executemany(
        "INSERT INTO turn VALUES (?, ?, ?)",
        [(conversation.id, turn.number, json.dumps(asdict(turn), ensure_ascii=True)) for turn in new],
    )
    db.execute(
        "DELETE FROM turn WHERE conversation = ?"
        " AND number <= (SELECT MAX(number) FROM turn WHERE conversation = ?) - ?",
        (conversation.id, conversation.id, MOST_TURNS),
    )
    db.execute(
        "DELETE FROM conversation WHERE id NOT IN (SELECT id FROM conversation ORDER BY updated DESC, id LIMIT ?)",
        (MOST_CONVERSATIONS,),
    )


def _load(db: sqlite3.Connection, name: str) -> Conversation:
    row = db.execute("SELECT * FROM conversation WHERE id = ?", (name,)).fetchone()
    if row is None:
        raise _none(name)
    bodies = db.execute("SELECT body FROM turn WHERE conversation = ? ORDER BY number", (name,))
    turns = [turn for (body,) in bodies if (turn := _turn(body)) is not None]
    return Conversation(
        id=row[0],
        root=row[1],
        title=row[2],
        created=row[3],
        updated=row[4],
        summary=row[5],
        summarised=row[6],
        turns=tuple(turns),
    )


def _list(db: sqlite3.Connection) -> list[Listed]:
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT id, root, title, created, updated, (SELECT COUNT(*) FROM turn WHERE conversation = conversation.id)"
        " FROM conversation ORDER BY updated DESC, id"
    ).fetchall()
    return [Listed(id=row[0], root=row[1], title=row[2], created=row[3], updated=row[4], turns=row[5]) for row in rows]


def _delete(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("DELETE FROM conversation WHERE id = ?", (name,)).rowcount > 0


def _turn(body: str) -> Turn | None:
    """None for what a newer Assay wrote in another form: the rest of the conversation is still there."""
    try:
        return _CONVERTER.structure(json.loads(body), Turn)
    except Exception:  # noqa: BLE001 - cattrs raises whatever its hooks do
        return None


def _none(name: str) -> NoConversation:
    return NoConversation(f"There is no conversation {name[:64]!r}; it was deleted, or never begun.")


_CONVERTER = cattrs.Converter(detailed_validation=False)
