"""Real sandboxes for tests. Where runsc does not work the tests fail, and say why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.find import find_runner
from sandbox.ports import Runner
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home
from sandbox.runsc.runner import RunscRunner
from tests.assist.workshop import Workshop
from workspace.project import Project


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runner keeps its things; its processes can be told by it."""
    return tmp_path_factory.mktemp("state")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """How runsc works on this machine."""
    runner = await find_runner(state_dir=tmp_path_factory.mktemp("found"))
    assert isinstance(runner, RunscRunner), runner.isolation.detail
    await runner.close()
    return runner.engine


@pytest.fixture
async def runner(engine: Engine, state: Path) -> AsyncIterator[Runner]:
    runner = RunscRunner(engine, Home.open(state))
    yield runner
    await runner.close()


@pytest.fixture
def workshop(runner: Runner, tmp_path: Path) -> Workshop:
    return Workshop(runner, tmp_path / "project")


@pytest.fixture
def project(tmp_path: Path) -> Callable[[dict[str, str]], Project]:
    """Makes a project of these files."""
    return lambda files: Workshop.project_of(tmp_path / "project", files)
