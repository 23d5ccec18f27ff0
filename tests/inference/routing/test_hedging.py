"""A second request when the first is slow."""

from __future__ import annotations

import asyncio

import pytest

from inference.errors import BackendUnavailable, BadRequest
from inference.resilience.events import Cancelled, Event, Hedged
from inference.routing.hedging import Hedge, Hedging
from inference.routing.router import RouterPolicy
from tests.inference.routing.told import Told, answer, ask, backend, router
from tests.inference.routing.virtual import now, virtually

AFTER_ONE = RouterPolicy(hedging=Hedging(seconds=1.0), rounds=1)


@virtually
async def test_it_is_off_by_default() -> None:
    slow, fast = Told([5.0, "slow"]), Told(["fast"])
    both = router(backend("slow", slow, weight=100.0), backend("fast", fast))
    assert await answer(both) == ("slow", "stable on slow")
    assert not fast.asked


@virtually
async def test_the_faster_of_two_answers_and_the_other_is_cancelled() -> None:
    events: list[Event] = []
    slow, fast = Told([3600.0, "slow"]), Told([0.5, "fast"])
    both = router(backend("slow", slow, weight=100.0), backend("fast", fast), events=events, policy=AFTER_ONE)
    began = now()
    assert await answer(both) == ("fast", "stable on fast")
    assert now() - began == 1.5
    assert (slow.closed_early, slow.open_streams, both.open_streams) == (1, 0, 0)
    assert Hedged(first="slow", second="fast", seconds=1.0) in events
    assert Cancelled(backend="slow", variant="stable", seconds=1.5, by="hedge") in events


@virtually
async def test_the_first_one_may_win_after_all() -> None:
    slow, slower = Told([1.5, "slow"]), Told([5.0, "slower"])
    both = router(backend("slow", slow, weight=100.0), backend("slower", slower), policy=AFTER_ONE)
    assert await answer(both) == ("slow", "stable on slow")
    assert slower.closed_early == 1


@virtually
async def test_a_loser_that_is_slow_to_close_does_not_hold_up_the_first_token() -> None:
    class Clings(Told):
        async def close_slowly(self) -> None:
            await asyncio.sleep(5.0)

        async def _follow(self, request, on_finish):  # type: ignore[no-untyped-def]
            try:
                async for piece in super()._follow(request, on_finish):
                    yield piece
            finally:
                await self.close_slowly()

    clings = Clings([3600.0])
    both = router(backend("clings", clings, weight=100.0), backend("fast", Told(["fast"])), policy=AFTER_ONE)
    began = now()
    stream = both.stream(ask())
    assert await anext(stream) == "fast"
    assert now() - began == 1.0
    await stream.aclose()
    assert now() - began == 6.0


@virtually
async def test_both_fail() -> None:
    bad = [Told([2.0, BackendUnavailable("first")]), Told([2.0, BackendUnavailable("second")])]
    both = router(backend("a", bad[0], weight=100.0), backend("b", bad[1]), policy=AFTER_ONE)
    with pytest.raises(BackendUnavailable, match="second"):
        await answer(both)
    assert [len(told.asked) for told in bad] == [1, 1]


@virtually
async def test_the_request_s_own_fault_ends_both() -> None:
    slow = Told([3600.0])
    both = router(backend("a", slow, weight=100.0), backend("b", Told([1.0, BadRequest("too long")])), policy=AFTER_ONE)
    with pytest.raises(BadRequest):
        await answer(both)
    assert (slow.closed_early, slow.open_streams) == (1, 0)


@virtually
async def test_cancelling_the_caller_cancels_both() -> None:
    slow = [Told([3600.0]), Told([3600.0])]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(slow)), policy=AFTER_ONE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5.0):
            await answer(both)
    assert [told.closed_early for told in slow] == [1, 1]
    assert both.open_streams == 0


@virtually
async def test_nobody_waits_for_background_work_and_it_is_not_hedged() -> None:
    slow, other = Told([5.0, "slow"]), Told(["other"])
    both = router(backend("slow", slow, weight=100.0), backend("other", other), policy=AFTER_ONE)
    assert (await answer(both, priority="background"))[0] == "slow"
    assert not other.asked


@pytest.mark.parametrize(("share", "hedges"), [(0.05, 51), (0.2, 201), (1.0, 1000)])
def test_at_most_a_share_of_requests_is_sent_twice(share: float, hedges: int) -> None:
    hedge = Hedge(Hedging(seconds=0.1, share=share))
    made = 0
    for _ in range(1000):
        hedge.requested()
        made += hedge.after() is not None and hedge.take()
    assert abs(made - hedges) <= 1


def test_a_quiet_time_saves_up_only_a_few() -> None:
    hedge = Hedge(Hedging(seconds=0.1))
    for _ in range(10_000):
        hedge.requested()
    assert [hedge.take() for _ in range(5)] == [True, True, True, False, False]
    assert hedge.after() is None


def test_a_percentile_of_recent_first_tokens() -> None:
    hedge = Hedge(Hedging(percentile=95.0))
    for number in range(19):
        hedge.answered(float(number))
    assert hedge.after() is None
    for number in range(1000):
        hedge.answered(number % 200 / 100)
    assert hedge.after() == 1.9


WRONG: list[dict[str, float]] = [
    {},
    {"seconds": 1.0, "percentile": 95.0},
    {"seconds": 0.0},
    {"percentile": 100.0},
    {"seconds": 1.0, "share": 0.0},
    {"seconds": 1.0, "share": 1.1},
]


@pytest.mark.parametrize("options", WRONG, ids=repr)
def test_what_makes_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"^Hedging.*\.$"):
        Hedging(**options)
