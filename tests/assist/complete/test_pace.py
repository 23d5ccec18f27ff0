"""How long to wait, and what counts as shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from assist.complete.debounce import Pace, answered, typed, wait
from assist.complete.events import Event, Ledger, Offer
from assist.complete.gate import FEATURES, LEAST_EVENTS, Gate, features, likelihood
from assist.complete.history import append_events, read_events
from assist.complete.training import train
from assist.complete.values import Candidate


def test_the_wait_follows_the_typing() -> None:
    slow = fast = Pace()
    for key in range(30):
        fast, slow = typed(fast, key * 0.05), typed(slow, key * 0.4)
    assert wait(fast, least=0.0, most=1.0) == pytest.approx(0.065, rel=0.02)
    assert wait(slow, least=0.0, most=1.0) == pytest.approx(0.52, rel=0.02)
    assert wait(slow, least=0.0, most=0.3) == 0.3
    assert wait(fast, least=0.1, most=0.3) == 0.1
    assert wait(fast, least=0.3, most=0.1) == 0.3


def test_a_slow_model_is_asked_sooner() -> None:
    pace = answered(typed(typed(Pace(interval=0.3), 0.0), 0.3), 0.25)
    assert wait(pace, least=0.0, most=1.0) == pytest.approx(0.3 * 1.3 - 0.25)


def test_a_pause_says_nothing_of_the_typing() -> None:
    pace = typed(typed(Pace(), 1.0), 60.0)
    assert pace.interval == Pace().interval
    assert pace.last == 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def offer(id_: str, document: str = "d") -> Offer:
    return Offer(id=id_, document=document, model="m", language="python", features=(1.0,) * len(FEATURES), length=10)


def ledger() -> tuple[Ledger, Clock, list[Event]]:
    events: list[Event] = []
    clock = Clock()
    return Ledger(clock, events.append), clock, events


def endings(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.ending, event.taken) for event in events]


def test_what_is_seen_for_less_than_a_moment_was_not_passed_over() -> None:
    book, clock, events = ledger()
    book.offered(offer("a"))
    clock.now = 0.74
    book.gone("d")
    assert events == []
    book.offered(offer("b"))
    clock.now = 0.74 + 0.75
    book.gone("d")
    assert endings(events) == [("rejected", 0)]


def test_the_moment_begins_when_the_editor_says_so() -> None:
    book, clock, events = ledger()
    book.offered(offer("a"))
    clock.now = 5.0
    book.shown("a")
    clock.now = 5.5
    book.gone("d")
    assert events == []


def test_taken_is_taken_once_however_soon() -> None:
    book, _, events = ledger()
    book.offered(offer("a"))
    assert book.accepted("a")
    assert not book.accepted("a")
    assert not book.accepted("unknown")
    book.gone("d")
    assert endings(events) == [("accepted", 10)]


def test_taken_in_part_counts_when_it_is_over() -> None:
    book, _, events = ledger()
    book.offered(offer("a"))
    book.partially_accepted("a", 4)
    book.partially_accepted("a", 99)
    book.offered(offer("b"))
    assert endings(events) == [("partial", 10)]


def test_typed_by_hand_is_taken_from_the_half_on() -> None:
    book, clock, events = ledger()
    for name, left in (("a", 6), ("b", 5)):
        book.offered(offer(name))
        book.typed(name, left)
        clock.now += 1.0
    book.gone("d")
    assert endings(events) == [("rejected", 0), ("partial", 5)]


def test_typed_along_it_is_still_the_same() -> None:
    book, clock, events = ledger()
    book.offered(offer("a"))
    clock.now = 0.5
    book.offered(offer("a"))
    clock.now = 0.8
    book.gone("d")
    assert endings(events) == [("rejected", 0)]
    assert events[0].seconds == 0.8


def test_other_documents_are_left_alone() -> None:
    book, clock, events = ledger()
    book.offered(offer("a", "one"))
    book.offered(offer("b", "two"))
    clock.now = 1.0
    book.gone("one")
    assert endings(events) == [("rejected", 0)]
    assert book.accepted("b")


def test_nothing_grows_with_suggestions_that_nobody_ends() -> None:
    book, _, _ = ledger()
    for number in range(1000):
        book.offered(offer(str(number), str(number)))
    assert not book.accepted("0")
    assert book.accepted("999")


def event(ending: str, length: float, share: float = 0.5) -> Event:
    values = (length, 0.0, 1.0, 0.0, 0.0, 0.0, share, 0.5)
    return Event(
        ending=ending,  # type: ignore[arg-type]
        model="m",
        language="python",
        length=10,
        taken=0,
        seconds=1.0,
        features=values,
    )


def told_apart(count: int) -> list[Event]:
    """Short ones are taken, long ones are not."""
    return [
        event("accepted" if number % 2 else "rejected", 1.0 + number % 7 / 10 if number % 2 else 4.0 + number % 5 / 10)
        for number in range(count)
    ]


def test_the_gate_is_off_until_enough_is_known() -> None:
    gate = train(told_apart(2 * LEAST_EVENTS - 2))
    assert not gate.is_on
    assert likelihood(gate, (0.0,) * len(FEATURES)) is None
    assert str(LEAST_EVENTS) in gate.about()
    assert not train([event("accepted", 1.0)] * 5 * LEAST_EVENTS).is_on


def test_a_trained_gate_lets_through_what_is_taken() -> None:
    gate = train(told_apart(4 * LEAST_EVENTS))
    assert gate.is_on
    short = likelihood(gate, event("accepted", 1.2).features)
    long = likelihood(gate, event("rejected", 4.2).features)
    assert short is not None
    assert long is not None
    assert long < gate.line <= short
    assert "AUC 1.00" in gate.about()


def test_a_gate_that_cannot_tell_stays_off() -> None:
    import random

    order = random.Random(3)
    events = [event(order.choice(["accepted", "rejected"]), order.random()) for _ in range(8 * LEAST_EVENTS)]
    gate = train(events)
    assert not gate.is_on
    assert "cannot tell" in gate.about()


def test_the_features_are_those_that_are_named() -> None:
    candidate = Candidate(text="a\nb", before="x = f", after=")\n", language="python")
    assert len(features(candidate, "model", taken_share=0.2, since_key=1.0)) == len(FEATURES)
    assert Gate().about().startswith("off")


def test_events_are_kept_without_anything_that_was_written(tmp_path: Path) -> None:
    file = tmp_path / "state" / "completions.jsonl"
    append_events(file, told_apart(3))
    append_events(file, told_apart(2))
    with file.open("a") as stream:
        stream.write('{"ending": "eaten"}\nnot json\n[1]\n{"ending":"accepted"}\n')
    assert read_events(file) == [*told_apart(3), *told_apart(2)]
    assert file.stat().st_mode & 0o077 == 0
    assert read_events(tmp_path / "none") == []
