"""What every `Runner` promises, whatever it runs code in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandbox.ports import Limits, Mount, Runner, RunSpec, Status
from sandbox.refusing import RefusingRunner
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home
from sandbox.runsc.runner import RunscRunner

ECHO = RunSpec(argv=("/bin/sh", "-c", "echo out; echo err >&2; exit 3"))


@pytest.fixture(params=["runsc", "refusing"])
async def any_runner(request: pytest.FixtureRequest, engine: Engine, tmp_path: Path):
    made: Runner
    if request.param == "runsc":
        made = RunscRunner(engine, Home.open(tmp_path / "state"))
    else:
        made = RefusingRunner("Not here.")
    yield made
    await made.close()


async def test_says_what_code_runs_under(any_runner: Runner) -> None:
    assert any_runner.isolation.name in ("gvisor", "none")
    assert any_runner.isolation.detail


async def test_a_run_ends_as_the_program_did_or_is_refused_with_the_reason(any_runner: Runner) -> None:
    result = await any_runner.run(ECHO)
    if any_runner.isolation.name == "none":
        assert (result.status, result.exit_code, result.stdout) == (Status.REFUSED, None, b"")
        assert result.detail == any_runner.isolation.detail
    else:
        assert (result.status, result.exit_code) == (Status.FAILED, 3)
        assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
        assert not result.detail


async def test_streams_exactly_what_it_returns(any_runner: Runner) -> None:
    pieces: list[bytes] = []
    result = await any_runner.run(ECHO, pieces.append)
    assert b"".join(pieces) == result.stdout


async def test_never_raises_for_a_spec_that_cannot_be_run(any_runner: Runner) -> None:
    for spec in (
        RunSpec(argv=("/no/such/program",)),
        RunSpec(argv=("/bin/true",), mounts=(Mount(source=Path("/no/such/folder"), target="/x"),)),
        RunSpec(argv=("/bin/true",), mounts=(Mount(source=Path("/usr"), target="/proc/x"),)),
        RunSpec(argv=("/bin/true",), mounts=(Mount(source=Path("/usr"), target="../x"),)),
    ):
        result = await any_runner.run(spec)
        assert result.status in (Status.INFRA, Status.REFUSED)
        assert result.exit_code is None
        assert result.detail.endswith(".") or "no such file" in result.detail


async def test_several_runs_at_once_do_not_mix(any_runner: Runner) -> None:
    specs = [RunSpec(argv=("/bin/echo", str(number))) for number in range(5)]
    results = await asyncio.gather(*(any_runner.run(spec) for spec in specs))
    ran = any_runner.isolation.name == "gvisor"
    assert [result.stdout for result in results] == [b"%d\n" % n if ran else b"" for n in range(5)]


async def test_a_cancelled_run_ends_with_the_cancellation(any_runner: Runner) -> None:
    run = asyncio.create_task(any_runner.run(RunSpec(argv=("/bin/sleep", "1000"))))
    await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait({run})
    assert run.cancelled() or run.result().status is Status.REFUSED


async def test_closing_ends_what_runs_and_may_be_repeated(any_runner: Runner) -> None:
    run = asyncio.create_task(any_runner.run(RunSpec(argv=("/bin/sleep", "1000"), limits=Limits(wall=100))))
    await asyncio.sleep(0.3)
    await any_runner.close()
    await any_runner.close()
    assert (await run).status in (Status.INFRA, Status.REFUSED)
    assert (await any_runner.run(ECHO)).status in (Status.INFRA, Status.REFUSED)
