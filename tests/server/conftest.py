"""Fixtures of this folder run on one loop per module: `pytestmark = pytest.mark.asyncio(loop_scope="module")`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.server.desk import Desk, Start
from tests.server.wire import PROBE, Wire, capabilities, launch

Launch = Callable[..., Awaitable[Wire]]


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings, or writes the receipts, of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("ASSAY_")]:
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("ASSAY_CONFIG", str(folder / "config.toml"))
    monkeypatch.setenv("ASSAY_STATE", str(folder / "state"))
    monkeypatch.setenv("ASSAY_CACHE", str(folder / "cache"))
    monkeypatch.setenv("ASSAY_INDEX_ENABLED", "off")  # tests of the index turn it on


@pytest_asyncio.fixture(loop_scope="module")
async def assay() -> AsyncIterator[Launch]:
    """Start `assay lsp …`; what was started is gone at the end of the test."""
    started: list[Wire] = []

    async def start(*arguments: str, **options: object) -> Wire:
        started.append(await launch(*arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for wire in started:
        await wire.stop()


@pytest.fixture
def probe(assay: Launch) -> Launch:
    """Start the probe server, `stock` or `mended`."""

    async def start(kind: str) -> Wire:
        return await assay(kind, command=(sys.executable, "-P", PROBE))

    return start


@pytest.fixture
def desk(assay: Launch) -> Start:
    async def start(root: Path, editor: str = "code-server", **env: str) -> Desk:
        wire = await assay("--debug", **env)
        desk = Desk(wire, root)
        folders = [{"uri": root.as_uri(), "name": root.name}]
        await wire.initialize(capabilities=capabilities(editor), workspaceFolders=folders)
        return desk

    return start
