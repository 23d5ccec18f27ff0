"""The real server with the models of this folder's `models`: answers that the prompt decides, and their record."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inference.triton.endpoint import TritonEndpoint
from inference.tritonserver.errors import ServerFailed
from inference.tritonserver.launch import TritonServer, launch
from tests.inference.triton.servers import START_SECONDS, installation

MODELS = ("scripted", "queued", "ensemble", "vectors")
"""`scripted` is as the vLLM backend has it, `queued` the same with a queue of two, `ensemble` as TensorRT-LLM's."""

PATIENCE = 20.0
"""Seconds in which what must happen has happened, also on a busy machine."""


@contextmanager
def running(
    folder: Path, *, extra: Sequence[str] = (), models: Sequence[str] = MODELS
) -> Generator[TritonServer, None, None]:
    """:param folder: for its log and its repository."""
    server = _started(repository(folder), models, folder / "triton.log", extra)
    try:
        yield server
    finally:
        server.kill()


def repository(folder: Path) -> Path:
    """A folder in that one, with all the models."""
    here, made = Path(__file__).parent / "models", folder / "repository"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(here, made, ignore=ignored)
    for model in ("queued", "ensemble"):
        shutil.copytree(here / "scripted" / "1", made / model / "1", ignore=ignored)
    return made


def endpoint(server: TritonServer | int, model: str = "scripted", **options: Any) -> TritonEndpoint:
    port = server if isinstance(server, int) else server.grpc
    return TritonEndpoint(**{"url": f"grpc://127.0.0.1:{port}", "model": model, **options})


def script(**told: object) -> str:
    """A prompt; see models/scripted/1/model.py."""
    return json.dumps({key: str(value) if isinstance(value, Path) else value for key, value in told.items()})


def noted(record: Path) -> list[dict[str, Any]]:
    """What the model wrote down so far."""
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text().splitlines() if line.endswith("}")]


async def once_noted(record: Path, event: str, count: int = 1) -> list[dict[str, Any]]:
    """All notes of that event, once there are so many."""
    until = time.monotonic() + PATIENCE
    while len(found := [note for note in noted(record) if note["event"] == event]) < count:
        assert time.monotonic() < until, f"{len(found)} of {count} {event}: {noted(record)}"
        await asyncio.sleep(0.005)
    return found


def _started(repository: Path, models: Sequence[str], log: Path, extra: Sequence[str]) -> TritonServer:
    """Between looking for free ports and taking them, another process may be faster; so it is tried again."""
    found = installation()
    for attempt in range(3):
        server = launch(found, repository, models, log=log, extra=extra)
        try:
            asyncio.run(server.wait_until_answering(START_SECONDS))
            return server
        except ServerFailed:
            is_alive = server.is_alive()
            server.kill()
            if is_alive or attempt == 2:
                raise
    raise AssertionError
