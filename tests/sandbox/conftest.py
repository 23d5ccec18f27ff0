"""Real sandboxes for tests. Where runsc does not work the tests fail, and say why."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.find import find_runner
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home
from sandbox.runsc.processes import processes
from sandbox.runsc.runner import RunscRunner
from tests.sandbox.guest import Guest


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """How runsc works on this machine."""
    runner = await find_runner(state_dir=tmp_path_factory.mktemp("found"))
    assert isinstance(runner, RunscRunner), runner.isolation.detail
    await runner.close()
    return runner.engine


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the runner under test keeps its things."""
    return tmp_path / "state"


@pytest.fixture
async def runner(engine: Engine, state: Path) -> AsyncIterator[RunscRunner]:
    """A runner of the test's own, which must leave nothing behind."""
    async with _opened(engine, state) as runner:
        yield runner


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_runner(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunscRunner]:
    """A runner for all tests of a file, which on the whole must leave nothing behind."""
    async with _opened(engine, tmp_path_factory.mktemp("shared")) as runner:
        yield runner


@asynccontextmanager
async def _opened(engine: Engine, state: Path) -> AsyncIterator[RunscRunner]:
    home = Home.open(state)
    runner = RunscRunner(engine, home)
    yield runner
    await runner.close()
    assert not os.listdir(state)  # noqa: PTH208
    assert not list(processes(home.runsc))
    assert not (engine.cgroups and engine.cgroups.named(home.token))


@pytest.fixture
def guest(runner: RunscRunner) -> Guest:
    return Guest(runner)
