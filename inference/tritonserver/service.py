"""A server that runs beside the editor: bringing it up, saying how it is, and taking it down."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

from inference.tritonserver.errors import AlreadyRunning, ServerFailed
from inference.tritonserver.install import install
from inference.tritonserver.launch import free_ports, is_free, kill_left
from inference.tritonserver.place import Place, Plan, State
from inference.tritonserver.probes import EMBEDDER, probe
from inference.tritonserver.supervise import ALREADY

CODE_MODEL = "code_llm_cpu"

_POLL = 0.1
_DOWN_SECONDS = 25.0  # a server with several models takes up to ten
_PROBE_SECONDS = 5.0
_TAIL = 64 << 10  # bytes of a log that are shown
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")


async def up(place: Place, plan: Plan, progress: Callable[[str], None]) -> State:
    """Until each model has answered a real inference; the server then outlives the caller.

    :param plan: with port 0 the one of last time is taken again, where it is free.
    :raises AlreadyRunning: and what runs is something else.
    :raises InstallFailed:
    :raises ServerFailed: it did not start; nothing is left of it.
    """
    place.make()
    if place.is_supervised():
        return await _joined(place, plan, progress)
    await install(Path(plan.installation), progress, extra="transformers" if plan.model_dir else "")
    before = Plan.read(place.plan)
    port = plan.grpc_port or (before.grpc_port if before and is_free(before.grpc_port) else free_ports(1)[0])
    if not is_free(port):
        raise ServerFailed(f"Port {port} is in use; choose another with --port, or 0 for a free one.")
    plan = replace(plan, grpc_port=port)
    _copy_models(place, plan)
    plan.write(place.plan)
    place.log.unlink(missing_ok=True)
    progress(f"starting Triton with {' and '.join(plan.models)}")
    child = _spawn(place)
    try:
        return await _started(place, child, progress)
    except BaseException:
        if child.poll() != ALREADY:
            await asyncio.shield(down(place))
        raise


async def status(place: Place) -> tuple[State | None, dict[str, str]]:
    """How it is, and for each model what keeps it from answering, or nothing. None when there is no server."""
    state = State.read(place.state)
    if not place.is_supervised() or state is None:
        return None, {}
    problems: dict[str, str] = {}
    for model in state.models if state.phase == "running" else ():
        problems[model] = ""
        try:
            await probe(state.http, state.grpc, model, seconds=_PROBE_SECONDS)
        except ServerFailed as error:
            problems[model] = str(error)
    return state, problems


async def down(place: Place) -> bool:
    """Whether there was a server. None is left, nor its models or shared memory."""
    state = State.read(place.state)
    was = place.is_supervised()
    if was and state is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.supervisor, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DOWN_SECONDS):
                await _released(place)
        if place.is_supervised():
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.supervisor, signal.SIGKILL)
            async with asyncio.timeout(_DOWN_SECONDS):
                await _released(place)
    if (state := State.read(place.state)) is not None:
        kill_left(state.server, state.region_prefix)
        place.state.unlink(missing_ok=True)
    return was


def last_lines(place: Place) -> list[str]:
    """The end of the log; empty when there is none."""
    try:
        with place.log.open("rb") as file:
            file.seek(max(0, place.log.stat().st_size - _TAIL))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


async def new_lines(place: Place) -> AsyncGenerator[str, None]:
    """What is added to the log from now on, until there is no server any more."""
    at = place.log.stat().st_size if place.log.exists() else 0
    held = b""
    is_last = False
    while not is_last:
        is_last = not place.is_supervised()
        with contextlib.suppress(OSError), place.log.open("rb") as file:
            size = place.log.stat().st_size
            at = min(at, size) if size >= at else 0  # it was cut when it had grown too large
            file.seek(at)
            part = file.read()
            at += len(part)
            *lines, held = (held + part).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
        await asyncio.sleep(_POLL)


def shipped_models() -> Path:
    """The model repository of this package."""
    here = Path(__file__).parent
    packed = here / "models"
    return packed if packed.is_dir() else here.parents[1] / "triton_models"


def models_of(*, embedder: bool, code: bool) -> tuple[str, ...]:
    return (*((EMBEDDER,) if embedder else ()), *((CODE_MODEL,) if code else ()))


def _spawn(place: Place) -> subprocess.Popen[bytes]:
    """The supervisor, in a session of its own, so that it outlives this process and its terminal."""
    with place.log.open("ab") as log:
        os.chmod(log.fileno(), 0o600)  # noqa: PTH101 of the open file
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "inference.tritonserver.supervise", str(place.folder)],
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def _joined(place: Place, plan: Plan, progress: Callable[[str], None]) -> State:
    running = Plan.read(place.plan)
    if running is None or (running.models, running.model_dir) != (plan.models, plan.model_dir):
        what = " and ".join(running.models) if running else "something else"
        raise AlreadyRunning(f"Triton is running with {what}; run assay triton down first.")
    if plan.grpc_port not in (0, running.grpc_port):
        raise AlreadyRunning(f"Triton is running on port {running.grpc_port}; run assay triton down first.")
    progress("Triton is running already")
    return await _started(place, None, progress)


async def _started(place: Place, child: subprocess.Popen[bytes] | None, progress: Callable[[str], None]) -> State:
    told = ""
    while True:
        state = State.read(place.state)
        if child is not None and child.poll() == ALREADY:  # another command was faster
            child = None
        mine = state is not None and (child is None or state.supervisor == child.pid)
        if state is not None and mine and state.phase == "running":
            return state
        ended = child.poll() is not None if child is not None else not place.is_supervised()
        if ended:
            state = State.read(place.state) if mine else None
            problem = state.problem if state is not None else ""
            raise ServerFailed(problem or f"Triton did not start; see {place.log}.")
        words = "waiting until the models answer" if state is not None and state.server and mine else ""
        if words and words != told:
            told = words
            progress(words)
        await asyncio.sleep(_POLL)


async def _released(place: Place) -> None:
    while place.is_supervised():  # noqa: ASYNC110 a lock of another process
        await asyncio.sleep(_POLL)


def _copy_models(place: Place, plan: Plan) -> None:
    """A copy, so that another version of Assay can be installed while it runs, and nothing is written beside ours."""
    shutil.rmtree(place.repository, ignore_errors=True)
    for model in plan.models:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(shipped_models() / model, place.repository / model, ignore=ignore)
