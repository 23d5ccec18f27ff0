"""Trying again."""

from __future__ import annotations

import asyncio

import pytest

from inference.errors import BackendUnavailable, BadRequest
from inference.resilience.retry import Again, with_retries


class Attempts:
    """Fails as often as is said, and notes the waits."""

    def __init__(self, failures: int, *, after: float | None = None) -> None:
        self.failures = failures
        self.after = after
        self.made = 0
        self.waits: list[float] = []
        self.began = asyncio.Event()

    async def __call__(self) -> str:
        self.made += 1
        self.began.set()
        if self.made <= self.failures:
            raise Again(BackendUnavailable(f"number {self.made}"), after=self.after) from OSError("why")
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def most(low: float, high: float) -> float:
    assert low == 0
    return high


async def test_waits_double_up_to_a_limit() -> None:
    attempt = Attempts(8)
    done = await with_retries(attempt, attempts=9, left=lambda: 1e9, sleep=attempt.sleep, draw=most)
    assert done == "done"
    assert attempt.waits == [0.25, 0.5, 1, 2, 4, 8, 8, 8]


async def test_jitter_comes_on_top_of_what_the_server_asks() -> None:
    attempt = Attempts(1, after=3)
    await with_retries(attempt, attempts=2, left=lambda: 1e9, sleep=attempt.sleep, draw=most)
    assert attempt.waits == [3.25]


@pytest.mark.parametrize(("attempts", "left", "made"), [(1, 1e9, 1), (3, 1e9, 3), (9, 0.4, 2), (9, 0.25, 1)])
async def test_the_last_error_is_the_callers(attempts: int, left: float, made: int) -> None:
    attempt = Attempts(100)
    with pytest.raises(BackendUnavailable, match=f"number {made}") as caught:
        await with_retries(attempt, attempts=attempts, left=lambda: left, sleep=attempt.sleep, draw=most)
    assert attempt.made == made
    assert isinstance(caught.value.__cause__, OSError)


async def test_other_errors_are_final() -> None:
    made = 0

    async def attempt() -> None:
        nonlocal made
        made += 1
        raise BadRequest("no")

    with pytest.raises(BadRequest):
        await with_retries(attempt, attempts=5, left=lambda: 1e9)
    assert made == 1


async def test_waiting_can_be_cancelled() -> None:
    attempt = Attempts(100, after=3600)
    task = asyncio.create_task(with_retries(attempt, attempts=5, left=lambda: 1e9))
    await attempt.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert attempt.made == 1
