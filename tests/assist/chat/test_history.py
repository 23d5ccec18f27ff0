"""What every history does, and what the one on the disk does besides."""

from __future__ import annotations

import asyncio
import dataclasses
import stat
from pathlib import Path

import pytest

from assist.chat import history as module
from assist.chat.conversation import Citation, CodeBlock, ContextReceipt, Conversation, Part, Turn
from assist.chat.errors import HistoryUnavailable, NoConversation
from assist.chat.history import MOST_CONVERSATIONS, MOST_TURNS, History, PassingHistory, StoredHistory


@pytest.fixture(params=["stored", "passing"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    return StoredHistory(tmp_path / "state" / "chat.sqlite") if request.param == "stored" else PassingHistory()


TURN = Turn(
    number=1,
    question="what ünï \udc00?",
    text="so [1]",
    command="explain",
    citations=(Citation(number=1, path="a.py", start_line=1, end_line=3, digest="d", symbol="f", is_current=False),),
    blocks=(CodeBlock(text="x", language="python", path="a.py", is_edit=True),),
    receipt=ContextReceipt(
        topic="write", query="q", parts=(Part(kind="hit", source="search"),), notes=("n",), model="m"
    ),
    reason="too_long",
    seconds=1.5,
    created=7.0,
)


def conversation(name: str = "a", updated: float = 1.0, turns: int = 1) -> Conversation:
    several = tuple(dataclasses.replace(TURN, number=number) for number in range(1, turns + 1))
    return Conversation(id=name, root="/r", title="t", created=1.0, updated=updated, turns=several)


async def test_what_was_saved_is_loaded_whole(history: History) -> None:
    await history.save(conversation())
    assert await history.load("a") == conversation()
    later = dataclasses.replace(conversation(turns=2), summary="s", summarised=1, title="u", updated=2.0)
    await history.save(later)
    assert await history.load("a") == later


async def test_they_are_listed_newest_first(history: History) -> None:
    for name, updated in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
        await history.save(conversation(name, updated, turns=2))
    assert [(each.id, each.turns, each.root) for each in await history.listed()] == [
        ("b", 2, "/r"),
        ("c", 2, "/r"),
        ("a", 2, "/r"),
    ]


async def test_what_was_deleted_is_gone(history: History) -> None:
    await history.save(conversation())
    assert await history.delete("a") is True
    assert await history.delete("a") is False
    assert await history.listed() == []
    with pytest.raises(NoConversation, match="no conversation 'a'"):
        await history.load("a")


async def test_the_oldest_go_when_there_are_too_many(history: History) -> None:
    for number in range(MOST_CONVERSATIONS + 5):
        await history.save(conversation(f"c{number}", updated=float(number), turns=0))
    listed = await history.listed()
    assert len(listed) == MOST_CONVERSATIONS
    assert listed[-1].id == "c5"


# ---- on the disk


async def test_only_its_user_reads_the_file_and_many_write_it(tmp_path: Path) -> None:
    path = tmp_path / "state/chat.sqlite"
    await asyncio.gather(*(StoredHistory(path).save(conversation(f"c{number}")) for number in range(8)))
    assert len(await StoredHistory(path).listed()) == 8
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_oldest_turns_go(tmp_path: Path) -> None:
    history = StoredHistory(tmp_path / "chat.sqlite")
    await history.save(conversation(turns=MOST_TURNS + 3))
    kept = await history.load("a")
    assert (len(kept.turns), kept.turns[0].number) == (MOST_TURNS, 4)


async def test_a_turn_of_another_form_is_left_out(tmp_path: Path) -> None:
    history = StoredHistory(tmp_path / "chat.sqlite")
    await history.save(conversation(turns=2))
    with module._opened(tmp_path / "chat.sqlite") as db:  # pyright: ignore[reportPrivateUsage]
        db.execute("""UPDATE turn SET body = '{"number": "x"}' WHERE number = 1""")
    assert [turn.number for turn in (await history.load("a")).turns] == [2]


async def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryUnavailable, match=r"set chat\.history to off"):
        await StoredHistory(tmp_path / "file" / "chat.sqlite").listed()
