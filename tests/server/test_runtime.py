"""The settings' limits, and one runner for all commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.ports import Isolation, Limits, RunResult, RunSpec, Status
from server.runtime import LimitedRunner, Runners, start_runner
from server.settings import SandboxSettings, Settings
from workspace.trust import Trust


class Recording:
    """A runner that notes what it was asked for."""

    def __init__(self) -> None:
        self.specs: list[RunSpec] = []
        self.closed = False

    @property
    def isolation(self) -> Isolation:
        return Isolation(name="recording")

    async def run(self, spec: RunSpec, on_stdout: Callable[[bytes], None] | None = None) -> RunResult:
        self.specs.append(spec)
        return RunResult(status=Status.OK, exit_code=0, stdout=b"", stderr=b"", seconds=0.0)

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (Limits(memory=8 << 30, processes=500), (1 << 30, 64)),
        (Limits(memory=1 << 20, processes=3), (1 << 20, 3)),
    ],
)
async def test_settings_only_ever_lower_a_runs_limits(asked: Limits, allowed: tuple[int, int]) -> None:
    recording = Recording()
    runner = LimitedRunner(recording, memory=1 << 30, processes=64)
    await runner.run(RunSpec(argv=("true",), limits=asked))
    limits = recording.specs[0].limits
    assert (limits.memory, limits.processes) == allowed
    assert limits.wall == asked.wall
    await runner.close()
    assert (recording.closed, runner.isolation.name) == (True, "recording")


async def test_an_untrusted_workspace_gets_a_runner_that_refuses() -> None:
    runner = await start_runner(Settings(trust=Trust.UNTRUSTED), os.environ)
    result = await runner.run(RunSpec(argv=("true",)))
    assert result.status is Status.REFUSED


async def test_a_runner_is_found_once_per_settings_and_outlives_a_cancelled_command(tmp_path: Path) -> None:
    runners = Runners({**os.environ, "ASSAY_STATE": str(tmp_path)})
    untrusted = Settings(trust=Trust.UNTRUSTED)
    first = asyncio.create_task(runners.get(untrusted))
    await asyncio.sleep(0)
    first.cancel()
    found = await runners.get(untrusted)
    assert await runners.get(untrusted) is found
    other = await runners.get(Settings(trust=Trust.UNTRUSTED, sandbox=SandboxSettings(memory_mb=5)))
    assert other is not found
    await runners.close()
    assert isinstance(found, LimitedRunner)
