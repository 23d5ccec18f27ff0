"""The real server for the tests of this folder: installed by `scripts/get-triton`, launched where a test needs it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import pytest

from inference.tritonserver.install import Extra, Installation, installed
from inference.tritonserver.launch import TritonServer, launch

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "triton_models"
START_SECONDS = 90.0  # generous: the machine may be busy


def installation(*, extra: Extra = "") -> Installation:
    """The checkout's own installation; without it a failure where CI is set, else a skip that says how to get it."""
    found = installed(ROOT / ".tools" / "triton", extra=extra)
    if found is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("Triton is not installed in .tools/triton; get it with: scripts/get-triton")
    return found


@contextlib.asynccontextmanager
async def serving(
    repository: Path,
    models: Sequence[str],
    folder: Path,
    *,
    extra: Sequence[str] = (),
    auto_complete: bool = False,
    env: Mapping[str, str] | None = None,
) -> AsyncGenerator[TritonServer]:
    """A server that has these models of the repository ready, and is killed at the end with all that it started.

    :param folder: for its log.
    :param auto_complete: for models, such as a stand-in of the vLLM backend, that declare their own inputs.
    """
    server = launch(
        installation(),
        repository,
        models,
        log=folder / "triton.log",
        extra=extra,
        auto_complete=auto_complete,
        env=env,
    )
    try:
        await server.wait_until_answering(START_SECONDS)
        yield server
    finally:
        await server.stop(hard=True)


def regions_of(server: TritonServer) -> list[Path]:
    """Its shared memory."""
    return list(Path("/dev/shm").glob(f"{server.region_prefix}*"))
