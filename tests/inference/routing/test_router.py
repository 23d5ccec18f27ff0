"""One request over several endpoints. Time is virtual."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing

import pytest

from inference.errors import (
    BackendUnavailable,
    BadOutput,
    BadRequest,
    BrokenStream,
    CredentialsRejected,
    InferenceError,
    ModelNotReady,
    Overloaded,
    TimedOut,
)
from inference.ports import CompletionRequest, Finished
from inference.resilience.breaker import BreakerPolicy
from inference.resilience.events import (
    Answered,
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    Ejected,
    Event,
    FellBack,
    FirstToken,
    Returned,
)
from inference.routing.pool import EjectionPolicy
from inference.routing.router import Router, RouterPolicy
from inference.routing.variants import Split
from tests.inference.routing.told import Told, answer, ask, backend, router
from tests.inference.routing.virtual import now, virtually

DEAD = BackendUnavailable("dead")
ONCE = RouterPolicy(rounds=1)
TRIAL = Split(shares={"stable": 0, "canary": 1})


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def fails(generator: Router, times: int = 1, **options: object) -> InferenceError:
    """The last of so many failures."""
    error: InferenceError | None = None
    for _ in range(times):
        with pytest.raises(InferenceError) as caught:
            await answer(generator, **options)
        error = caught.value
    assert error is not None
    return error


# Which one is asked


@virtually
async def test_the_answer_says_who_gave_it() -> None:
    one = router(
        backend("gpu-1", Told(["a"]), variant="code", version="2"), split=Split(shares={"code": 1}, stable="code")
    )
    assert await answer(one) == ("a", "code@2 on gpu-1")


@virtually
async def test_prompts_go_the_same_way_as_messages() -> None:
    told, finished = Told([DEAD], ["a", "b"]), list[Finished]()
    request = CompletionRequest(prompt="def f(", suffix="):", user="u")
    stream = router(backend("gpu", told)).complete(request, on_finish=finished.append)
    assert [piece async for piece in stream] == ["a", "b"]
    assert [finish.backend for finish in finished] == ["stable on gpu"]
    assert [asked.prompt for asked in told.asked if isinstance(asked, CompletionRequest)] == ["def f("] * 2


@virtually
async def test_the_least_busy_endpoint_is_asked() -> None:
    endpoints = [Told(["x", 100.0]) for _ in range(2)]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(endpoints)))
    streams = [both.stream(ask()) for _ in range(10)]
    for stream in streams:
        await anext(stream)
    assert [told.open_streams for told in endpoints] == [5, 5]
    for stream in streams:
        await stream.aclose()


@virtually
async def test_an_endpoint_of_thrice_the_weight_gets_thrice_the_streams() -> None:
    small, large = Told(["x", 100.0]), Told(["x", 100.0])
    both = router(backend("small", small, weight=1.0), backend("large", large, weight=3.0))
    streams = [both.stream(ask()) for _ in range(12)]
    for stream in streams:
        await anext(stream)
    assert (small.open_streams, large.open_streams) == (3, 9)
    for stream in streams:
        await stream.aclose()


@virtually
async def test_of_idle_endpoints_the_faster_is_asked_and_the_slow_one_again_later() -> None:
    slow, fast = Told([2.0, "x"]), Told([0.1, "x"])
    both = router(backend("slow", slow), backend("fast", fast))
    for _ in range(20):
        await answer(both)
    assert len(slow.asked) <= 2
    before = len(slow.asked)
    for _ in range(20):
        await asyncio.sleep(60)
        await answer(both)
    assert len(slow.asked) > before


@virtually
async def test_an_endpoint_takes_no_more_than_its_bound_and_then_the_answer_is_busy() -> None:
    told = Told(["x", 100.0])
    one = router(backend("gpu", told, most=2), policy=ONCE)
    streams = [one.stream(ask()) for _ in range(2)]
    for stream in streams:
        await anext(stream)
    assert isinstance(await fails(one), Overloaded)
    await streams[0].aclose()
    assert await anext(one.stream(ask())) == "x"
    await streams[1].aclose()


# Failing over


BEFORE = [
    DEAD,
    Overloaded("busy"),
    TimedOut("slow"),
    ModelNotReady("loading"),
    BrokenStream("broken"),
]


@pytest.mark.parametrize("error", BEFORE, ids=lambda error: type(error).__name__)
@virtually
async def test_before_the_first_token_another_endpoint_is_asked(error: InferenceError) -> None:
    for seed in range(4):  # whichever is drawn first
        both = router(backend("bad", Told([error])), backend("good", Told(["a"])), seed=seed)
        assert await answer(both) == ("a", "stable on good")


@pytest.mark.parametrize("error", [*BEFORE, BadOutput("no")], ids=lambda error: type(error).__name__)
@virtually
async def test_after_the_first_token_the_error_is_the_callers(error: InferenceError) -> None:
    bad = [Told(["half", error]) for _ in range(2)]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(bad)))
    pieces: list[str] = []
    with pytest.raises(type(error), match=str(error)):
        async for piece in both.stream(ask()):
            pieces.append(piece)
    assert pieces == ["half"]
    assert sum(len(told.asked) for told in bad) == 1


FINAL = [BadRequest("too long"), BadOutput("no"), CredentialsRejected("bad key")]


@pytest.mark.parametrize("error", FINAL, ids=lambda error: type(error).__name__)
@virtually
async def test_what_another_endpoint_would_not_mend_is_reported_at_once(error: InferenceError) -> None:
    events: list[Event] = []
    bad = [Told([error]) for _ in range(2)]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(bad)), events=events)
    assert await fails(both, times=20) is error
    assert sum(len(told.asked) for told in bad) == 20
    assert "Ejected" not in kinds(events)
    assert both.health().state == "full"


@virtually
async def test_when_all_fail_all_are_tried_again_after_a_wait() -> None:
    flaky = [Told([DEAD], ["a"]), Told([DEAD], ["a"])]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(flaky)))
    began = now()
    assert (await answer(both))[0] == "a"
    assert 0 < now() - began <= 0.25


@virtually
async def test_of_several_reasons_busy_is_told_with_its_wait() -> None:
    both = router(backend("a", Told([Overloaded("busy", retry_after=7.0)])), backend("b", Told([DEAD])), policy=ONCE)
    error = await fails(both)
    assert isinstance(error, Overloaded)
    assert error.retry_after == 7.0


@virtually
async def test_no_round_is_begun_that_would_pass_the_deadline() -> None:
    told = Told([Overloaded("busy", retry_after=7.0)])
    began = now()
    assert isinstance(await fails(router(backend("gpu", told)), seconds=5.0), Overloaded)
    assert (len(told.asked), now() - began) == (1, 0)


@virtually
async def test_an_endpoint_that_gives_nothing_is_given_up_while_there_is_another() -> None:
    stuck = Told([3600.0])
    for seed in range(4):
        both = router(backend("stuck", stuck), backend("good", Told(["a"])), seed=seed)
        began = now()
        assert await answer(both) == ("a", "stable on good")
        assert now() - began <= 10.0
    assert stuck.asked
    assert stuck.open_streams == 0


@virtually
async def test_each_endpoint_hears_how_much_of_the_deadline_is_left() -> None:
    slow = [Told([4.0, DEAD]) for _ in range(3)]
    await fails(router(*(backend(f"gpu-{n}", told) for n, told in enumerate(slow)), policy=ONCE), seconds=9.0)
    assert sorted(told.asked[0].seconds for told in slow) == [1.0, 5.0, 9.0]


@virtually
async def test_the_deadline_that_is_told_is_the_callers() -> None:
    slow = [Told([4.0, DEAD]), Told([5.0, TimedOut("slow did not answer within 5 s")])]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(slow)), policy=ONCE)
    both = router(backend("a", slow[0]), backend("b", slow[1], weight=0.1), policy=ONCE)
    error = await fails(both, seconds=9.0)
    assert isinstance(error, TimedOut)
    assert "within 9 s" in str(error)


# Being left out, and coming back


SOON = EjectionPolicy(breaker=BreakerPolicy(failures=3, base_seconds=8.0, most_seconds=64.0))


@virtually
async def test_an_endpoint_is_left_out_after_failures_in_a_row_and_one_request_finds_out_later() -> None:
    events: list[Event] = []
    bad, good = Told(*[[DEAD]] * 4, ["back"]), Told(["a"])
    both = router(backend("bad", bad), backend("good", good), events=events, policy=RouterPolicy(ejection=SOON))
    while "Ejected" not in kinds(events):
        assert (await answer(both))[0] == "a"
    assert len(bad.asked) == 3
    assert both.health().state == "degraded"
    assert both.health().reason.startswith("1 of 2 model endpoints do not work (bad)")
    for _ in range(20):
        await answer(both)
    assert len(bad.asked) == 3
    first = next(event for event in events if isinstance(event, Ejected))
    assert (first.backend, first.error) == ("bad", "BackendUnavailable")
    assert 4.0 <= first.seconds <= 8.0
    await asyncio.sleep(8.0)
    assert await answer(both) == ("a", "stable on good")  # the one that finds out, and is taken over
    assert len(bad.asked) == 4
    second = [event for event in events if isinstance(event, Ejected)][-1]
    assert 8.0 <= second.seconds <= 16.0
    await asyncio.sleep(16.0)
    assert await answer(both) == ("back", "stable on bad")
    assert Returned(backend="bad") in events
    assert both.health().state == "full"


@virtually
async def test_only_one_request_at_a_time_finds_out() -> None:
    bad = Told(*[[DEAD]] * 3, [5.0, "back"])
    events: list[Event] = []
    both = router(backend("bad", bad), backend("good", Told(["a"])), events=events)
    while "Ejected" not in kinds(events):
        await answer(both)
    await asyncio.sleep(300)
    answers = await asyncio.gather(*(answer(both) for _ in range(10)))
    assert Counter(text for text, _ in answers) == {"a": 9, "back": 1}


@virtually
async def test_failures_that_are_not_in_a_row_leave_nobody_out() -> None:
    events: list[Event] = []
    told = Told(*[[DEAD], [DEAD], ["x"]] * 5)
    both = router(backend("a", told, weight=100.0), backend("b", Told(["x"])), events=events)
    for _ in range(15):
        await answer(both)
    assert kinds(events).count("AttemptFailed") == 10
    assert "Ejected" not in kinds(events)


@virtually
async def test_answers_that_are_closed_early_count_as_good_ones() -> None:
    """Most completions are closed when their scope ends: failures hours apart are not in a row."""
    events: list[Event] = []
    told = Told(*[["half", DEAD], ["x", 5.0]] * 10)
    both = router(backend("a", told), backend("b", Told([3600.0]), weight=1e-9), events=events, policy=ONCE)
    for _ in range(10):
        with pytest.raises(BackendUnavailable):
            await answer(both)
        async with aclosing(both.stream(ask())) as stream:
            await anext(stream)
    assert "Ejected" not in kinds(events)


@virtually
async def test_cancelling_before_the_first_token_says_nothing_about_the_endpoint() -> None:
    events: list[Event] = []
    slow = [Told([60.0, "x"]) for _ in range(2)]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(slow)), events=events)
    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await answer(both)
    assert sum(told.closed_early for told in slow) == 20
    assert {event.by for event in events if isinstance(event, Cancelled)} == {"caller"}
    assert "Ejected" not in kinds(events)


@pytest.mark.parametrize(("seconds", "is_ejected"), [(1.0, False), (6.0, True)])
@virtually
async def test_an_endpoint_that_had_too_little_time_has_not_failed(seconds: float, is_ejected: bool) -> None:
    events: list[Event] = []
    late = [Told([seconds, TimedOut("late")]) for _ in range(2)]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(late)), events=events, policy=ONCE)
    await fails(both, times=10, seconds=seconds)
    assert ("Ejected" in kinds(events)) is is_ejected


@pytest.mark.parametrize(("count", "out"), [(1, 0), (2, 1), (3, 1), (4, 2), (7, 3)], ids=lambda value: str(value))
@virtually
async def test_at_most_half_are_left_out_and_never_the_last(count: int, out: int) -> None:
    dead = [Told([DEAD]) for _ in range(count)]
    events: list[Event] = []
    all_dead = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(dead)), events=events, policy=ONCE)
    await fails(all_dead, times=10)
    assert kinds(events).count("Ejected") == out
    assert all_dead.health().state == "none"


@virtually
async def test_when_all_in_use_fail_those_left_out_are_better_than_nothing() -> None:
    events: list[Event] = []
    first, second = Told(*[[DEAD]] * 3, ["back"]), Told(["a"])
    both = router(backend("first", first), backend("second", second), events=events)
    while "Ejected" not in kinds(events):
        await answer(both)
    second.plans = [[DEAD]]
    assert await answer(both) == ("back", "stable on first")
    assert Returned(backend="first") in events


@virtually
async def test_an_overloaded_endpoint_rests_and_is_not_left_out() -> None:
    events: list[Event] = []
    busy, good = Told([Overloaded("busy", retry_after=20.0)], ["x"]), Told(["a"])
    both = router(backend("busy", busy), backend("good", good), events=events)
    while not busy.asked:
        await answer(both)
    for _ in range(20):
        assert await answer(both) == ("a", "stable on good")
    await asyncio.sleep(20.0)
    while len(busy.asked) == 1:
        await answer(both)
    assert "Ejected" not in kinds(events)


@virtually
async def test_health_forgets_failures_of_which_nothing_is_known_any_more() -> None:
    one = router(backend("gpu", Told([DEAD])))
    await fails(one, times=2)
    assert one.health().state == "none"
    assert one.health().reason == "The model's endpoint does not work (gpu); see their logs."
    await asyncio.sleep(30.0)
    assert one.health().state == "full"


# Variants


@virtually
async def test_users_stay_in_their_variant() -> None:
    both = router(
        backend("gpu-1", Told(["a"])),
        backend("gpu-2", Told(["b"]), variant="canary"),
        split=Split(shares={"stable": 50, "canary": 50}),
    )
    users = [f"user-{number}" for number in range(50)]
    first = {user: (await answer(both, user=user))[1] for user in users}
    assert set(first.values()) == {"stable on gpu-1", "canary on gpu-2"}
    assert {user: (await answer(both, user=user))[1] for user in users} == first


@virtually
async def test_a_canary_that_is_dead_as_a_whole_falls_back_to_the_stable_variant() -> None:
    events: list[Event] = []
    dead = [Told([DEAD]) for _ in range(3)]
    canaries = [backend(f"new-{n}", told, variant="canary", version="2") for n, told in enumerate(dead)]
    both = router(backend("old", Told(["a"]), version="1"), *canaries, split=TRIAL, events=events)
    for _ in range(9):
        assert await answer(both, user="u") == ("a", "stable@1 on old")
    asked = sum(len(told.asked) for told in dead)
    assert kinds(events).count("Ejected") == 3
    events.clear()
    assert await answer(both, user="u") == ("a", "stable@1 on old")
    assert sum(len(told.asked) for told in dead) == asked
    assert events[0] == FellBack(wanted="canary")
    assert both.health().state == "degraded"


@virtually
async def test_users_of_the_stable_variant_never_get_the_canary() -> None:
    canary = Told(["new"])
    both = router(backend("old", Told([DEAD])), backend("new", canary, variant="canary"), split=TRIAL, policy=ONCE)
    await fails(both, times=10, user="")
    assert not canary.asked
    assert await answer(both, user="u") == ("new", "canary on new")


@pytest.mark.parametrize(
    ("names", "variants", "split", "words"),
    [
        (["a", "a"], ["stable", "stable"], Split(), "a name of its own"),
        (["a", "b"], ["stable", "canary"], Split(), "Each variant needs a share"),
        (["a"], ["stable"], TRIAL, "each share an endpoint"),
    ],
)
def test_what_does_not_fit_together(names: list[str], variants: list[str], split: Split, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Router([backend(n, Told(["a"]), variant=v) for n, v in zip(names, variants, strict=True)], split=split)


# What is told, and what is left behind


@virtually
async def test_events_of_a_request_that_fails_over() -> None:
    events: list[Event] = []
    bad, good = backend("bad", Told([1.0, DEAD]), weight=100.0), backend("good", Told([2.0, "a", 3.0, "b"]))
    await answer(router(bad, good, events=events))
    assert events == [
        AttemptStarted(backend="bad", variant="stable"),
        AttemptFailed(backend="bad", variant="stable", error="BackendUnavailable", seconds=1.0, is_begun=False),
        AttemptStarted(backend="good", variant="stable"),
        FirstToken(backend="good", variant="stable", seconds=2.0),
        Answered(backend="good", variant="stable", seconds=5.0),
    ]


@virtually
async def test_closing_the_stream_closes_it_at_the_model_before_it_returns() -> None:
    events: list[Event] = []
    told = Told(["x", 3600.0])
    one = router(backend("gpu", told), events=events)
    async with aclosing(one.stream(ask())) as stream:
        await anext(stream)
        assert (one.open_streams, told.open_streams) == (1, 1)
    assert (one.open_streams, told.open_streams) == (0, 0)
    assert isinstance(events[-1], Cancelled)


@virtually
async def test_an_empty_answer_is_an_answer() -> None:
    assert await answer(router(backend("gpu", Told([])))) == ("", "stable on gpu")


@virtually
async def test_closing_the_router_closes_its_generators() -> None:
    endpoints = [Told(["a"]) for _ in range(2)]
    both = router(*(backend(f"gpu-{n}", told) for n, told in enumerate(endpoints)))
    await answer(both)
    await both.close()
    assert all(told.is_closed for told in endpoints)
