"""Keystrokes become changes: together while they are near each other and soon enough."""

from __future__ import annotations

import random

import pytest

from assist.nextedit.trail import Trail


class Editor:
    def __init__(self, *lines: str) -> None:
        self.now = 0.0
        self.lines = list(lines)
        self.trail = Trail(clock=lambda: self.now)

    def put(self, first: int, count: int, *new: str) -> None:
        self.trail.replaced(first, self.lines[first : first + count], new)
        self.lines[first : first + count] = new

    def changes(self) -> list[tuple[int, str, str]]:
        return [(each.first, "|".join(each.before), "|".join(each.after)) for each in self.trail.newest()]


def test_letters_of_a_name_are_one_change() -> None:
    it = Editor("a", "total", "c")
    for text in ("tota", "tot", "sum"):
        it.put(1, 1, text)
    assert it.changes() == [(1, "total", "sum")]


def test_the_next_line_belongs_to_it_and_another_place_does_not() -> None:
    it = Editor(*"abcdef")
    it.put(1, 1, "B")
    it.put(2, 1, "C")
    assert it.changes() == [(1, "b|c", "B|C")]
    it.put(5, 1, "F")
    assert it.changes() == [(5, "f", "F"), (1, "b|c", "B|C")]


def test_a_pause_begins_another_change() -> None:
    it = Editor("total")
    it.put(0, 1, "sum")
    it.now = 60.0
    it.put(0, 1, "add")
    assert it.changes() == [(0, "sum", "add")]


def test_what_was_taken_back_is_no_change() -> None:
    it = Editor("total", "x")
    it.put(0, 1, "sum")
    it.put(0, 1, "total")
    assert it.changes() == []


def test_lines_above_move_an_older_change() -> None:
    it = Editor(*"abcdefgh")
    it.put(7, 1, "H")
    it.put(1, 1, "b", "b2", "b3")
    assert it.changes()[1] == (9, "h", "H")
    it.put(0, 4)
    assert [each[0] for each in it.changes()] == [0, 5]


def test_a_passage_is_forgotten() -> None:
    it = Editor("a")
    it.put(0, 1, *(["x"] * 50))
    assert it.changes() == []


@pytest.mark.parametrize("seed", range(20))
def test_a_change_always_says_what_stands_there(seed: int) -> None:
    """The lines that a change says are there now are, and put back they give what was there before it."""
    chance = random.Random(seed)
    it = Editor(*(f"{number}" for number in range(30)))
    for step in range(60):
        it.now += chance.choice((1.0, 1.0, 30.0))
        first = chance.randrange(len(it.lines))
        count = chance.randrange(min(4, len(it.lines) - first) + 1)
        it.put(first, count, *(f"s{step}.{number}" for number in range(chance.randrange(4))))
        it.lines = it.lines or ["only"]
        for burst in it.trail.newest():
            assert tuple(it.lines[burst.first : burst.first + len(burst.after)]) == burst.after
