"""The bounded queue."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.errors import Overloaded
from inference.ports import Priority
from inference.resilience.events import Event, Queued
from inference.resilience.slots import Places, Slots
from tests.inference.routing.virtual import VirtualLoop, checked, now, virtually


class Guest:
    """Wants a place, and keeps it until it is told to leave."""

    def __init__(self, number: int, priority: Priority, slots: Slots, seated: list[Guest]) -> None:
        self.number = number
        self.priority: Priority = priority
        self.state: Literal["waits", "sits", "gone", "refused"] = "waits"
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._come(slots, seated))

    async def _come(self, slots: Slots, seated: list[Guest]) -> None:
        try:
            async with slots.slot(self.priority, within=50.0):
                self.state = "sits"
                seated.append(self)
                await self.leave.wait()
            self.state = "gone"
        except Overloaded:
            self.state = "refused"
        except asyncio.CancelledError:
            self.state = "gone"
            raise


Step = tuple[Literal["interactive", "background", "leave", "cancel", "at once", "wait"], int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["interactive", "background", "background", "interactive", "leave", "cancel", "at once", "wait"]
        ),
        st.integers(0, 20),
    ),
    max_size=60,
)


def places(running: int, reserved: int, waiting: int) -> Places:
    return Places(running=running, reserved=min(reserved, running - 1), waiting=waiting, wait_seconds=30.0)


PLACES = st.builds(places, st.integers(1, 4), st.integers(0, 3), st.integers(0, 6))


@given(PLACES, STEPS)
@example(Places(running=1, reserved=0), [("interactive", 0), ("interactive", 0), ("at once", 0)])
@example(Places(running=1, reserved=0), [("interactive", 0), ("interactive", 0), ("interactive", 0), ("at once", 1)])
@settings(max_examples=300, deadline=None)
def test_whatever_guests_do(limits: Places, steps: list[Step]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(checked(serve(limits, steps)))


async def serve(limits: Places, steps: list[Step]) -> None:
    slots = Slots(limits, clock=now)
    guests: list[Guest] = []
    seated: list[Guest] = []
    for step, number in steps:
        if step in ("interactive", "background"):
            guests.append(Guest(len(guests), step, slots, seated))
        elif step == "wait":
            await asyncio.sleep(number)
        elif step == "at once":  # somebody leaves and whoever would be next is cancelled in the same moment
            sitting = [guest for guest in guests if guest.state == "sits"]
            waiting = [guest for guest in guests if guest.state == "waits"]
            if sitting and waiting:
                sitting[number % len(sitting)].leave.set()
                if number % 2:
                    await asyncio.sleep(0)
                waiting[number % len(waiting)].task.cancel()
        else:
            there = [guest for guest in guests if guest.state in ("waits", "sits")]
            if there:
                guest = there[number % len(there)]
                _ = guest.leave.set() if step == "leave" else guest.task.cancel()
        await settled()
        holds(limits, slots, guests)
    in_order(seated)
    for guest in guests:
        guest.leave.set()
    await asyncio.sleep(100)
    assert all(guest.state in ("gone", "refused") for guest in guests), "somebody was forgotten"
    assert (slots.running, slots.waiting) == (0, 0)
    await asyncio.gather(*(guest.task for guest in guests), return_exceptions=True)


def holds(limits: Places, slots: Slots, guests: list[Guest]) -> None:
    sitting = [guest for guest in guests if guest.state == "sits"]
    waits: dict[Priority, int] = {"interactive": 0, "background": 0}
    for guest in guests:
        waits[guest.priority] += guest.state == "waits"
    assert slots.running == len(sitting) <= limits.running
    assert slots.waiting == sum(waits.values())
    assert max(waits.values()) <= limits.waiting
    if waits["interactive"]:
        assert len(sitting) == limits.running, "an interactive request waits although there is a place"
    if waits["background"]:
        assert len(sitting) >= limits.running - limits.reserved, "background work waits although there is a place"


def in_order(seated: list[Guest]) -> None:
    for priority in ("interactive", "background"):
        numbers = [guest.number for guest in seated if guest.priority == priority]
        assert numbers == sorted(numbers)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@virtually
async def test_interactive_requests_go_before_background_work_that_waits_longer() -> None:
    slots, seated = Slots(Places(running=1, reserved=0), clock=now), list[Guest]()
    guests = [Guest(n, "background" if n in (1, 2) else "interactive", slots, seated) for n in range(5)]
    for guest in guests:
        await settled()
        guest.leave.set()
    await settled()
    assert [guest.number for guest in seated] == [0, 3, 4, 1, 2]


@virtually
async def test_background_work_leaves_the_last_places_free() -> None:
    slots, seated = Slots(Places(running=4, reserved=2), clock=now), list[Guest]()
    guests = [Guest(n, "background", slots, seated) for n in range(4)]
    await settled()
    assert (slots.running, slots.waiting) == (2, 2)
    guests += [Guest(n, "interactive", slots, seated) for n in range(4, 6)]
    await settled()
    assert (slots.running, slots.waiting) == (4, 2)
    for guest in guests:
        guest.leave.set()
    await settled()
    assert slots.running == 0


@virtually
async def test_too_many_waiting_is_busy_at_once() -> None:
    events: list[Event] = []
    slots = Slots(Places(running=1, reserved=0, waiting=2), clock=now, on_event=events.append)
    async with slots.slot("interactive", within=60.0) as waited:
        assert waited == 0
        seated: list[Guest] = []
        guests = [Guest(n, "interactive", slots, seated) for n in range(2)]
        await settled()
        assert slots.is_full
        began = now()
        with pytest.raises(Overloaded, match=r"all 1 places are taken and 2 requests wait; try again in a moment\.$"):
            async with slots.slot("interactive", within=60.0):
                pass
        assert now() == began
        for guest in guests:
            guest.task.cancel()
        await asyncio.gather(*(guest.task for guest in guests), return_exceptions=True)
    assert [event.is_refused for event in events if isinstance(event, Queued)] == [False, True]


@pytest.mark.parametrize(("within", "limit"), [(60.0, 10.0), (4.0, 4.0), (0.0, 0.0)])
@virtually
async def test_nobody_waits_longer_than_the_limit_or_the_deadline(within: float, limit: float) -> None:
    slots = Slots(Places(running=1, reserved=0, wait_seconds=10.0), clock=now)
    async with slots.slot("interactive", within=60.0):
        began = now()
        with pytest.raises(Overloaded, match=rf"and 0 requests wait; none became free within {limit:g} s"):
            async with slots.slot("interactive", within=within):
                pass
        assert now() - began == limit
    assert (slots.running, slots.waiting) == (0, 0)


@virtually
async def test_a_place_that_is_given_to_somebody_who_just_left_goes_to_the_next() -> None:
    slots, seated = Slots(Places(running=1, reserved=0), clock=now), list[Guest]()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.slot("interactive", within=60.0))
        first, second = (Guest(n, "interactive", slots, seated) for n in range(2))
        await settled()
        await stack.aclose()  # the place is the first one's now, who does not know it yet
        first.task.cancel()
        await settled()
    assert [guest.number for guest in seated] == [1]
    second.leave.set()
    await settled()
    with suppress(asyncio.CancelledError):
        await first.task
    assert (slots.running, slots.waiting) == (0, 0)


@virtually
async def test_an_error_in_the_place_frees_it() -> None:
    slots = Slots(Places(running=1, reserved=0), clock=now)
    with pytest.raises(KeyError):
        async with slots.slot("interactive", within=60.0):
            raise KeyError
    assert slots.running == 0


WRONG: list[dict[str, int]] = [{"running": 0}, {"running": 2, "reserved": 2}, {"waiting": -1}, {"wait_seconds": -1}]


@pytest.mark.parametrize("options", WRONG, ids=repr)
def test_places_that_make_no_sense(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Places(**options)
