import asyncio

import pytest

from jobqueue import run_all


def job(value, log=None):
    async def run():
        if log is not None:
            log.append(value)
        await asyncio.sleep(0)
        return value

    return run


def test_results_are_in_order():
    assert asyncio.run(run_all([job(1), job(2), job(3)], limit=2)) == [1, 2, 3]


def test_nothing_to_do():
    assert asyncio.run(run_all([])) == []


def test_every_job_runs():
    log = []
    asyncio.run(run_all([job(n, log) for n in range(9)], limit=3))
    assert sorted(log) == list(range(9))


def test_errors_come_out():
    async def bad():
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        asyncio.run(run_all([job(1), bad]))
