import asyncio

import pytest

from jobqueue import GaveUp, retry


class Flaky:
    def __init__(self, failures, error=OSError):
        self.failures = failures
        self.error = error
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error(f"call {self.calls}")
        return "done"


def test_works_at_once():
    flaky = Flaky(0)
    assert asyncio.run(retry(flaky)) == "done"
    assert flaky.calls == 1


def test_works_the_second_time():
    assert asyncio.run(retry(Flaky(1))) == "done"


def test_works_the_last_time():
    flaky = Flaky(2)
    assert asyncio.run(retry(flaky, attempts=3)) == "done"
    assert flaky.calls == 3


def test_single_attempt():
    assert asyncio.run(retry(Flaky(0), attempts=1)) == "done"


def test_gives_up():
    flaky = Flaky(9)
    with pytest.raises(GaveUp, match="after 4 attempts") as caught:
        asyncio.run(retry(flaky, attempts=4))
    assert flaky.calls == 4
    assert str(caught.value.__cause__) == "call 4"


def test_gives_up_with_the_number():
    with pytest.raises(GaveUp) as caught:
        asyncio.run(retry(Flaky(9), attempts=2))
    assert caught.value.attempts == 2


def test_other_errors_pass_through():
    flaky = Flaky(1, error=KeyError)
    with pytest.raises(KeyError):
        asyncio.run(retry(flaky))
    assert flaky.calls == 1


def test_waits_longer_each_time():
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    with pytest.raises(GaveUp):
        asyncio.run(retry(Flaky(9), attempts=4, delay=0.5, sleep=sleep))
    assert waits == [0.5, 1.0, 2.0]


def test_attempts_are_checked():
    with pytest.raises(ValueError):
        asyncio.run(retry(Flaky(0), attempts=0))
