"""The server beside the editor, with the real supervisor, server and models."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from inference.tritonserver.errors import AlreadyRunning, ServerFailed
from inference.tritonserver.http import ask
from inference.tritonserver.launch import free_ports, kill_left
from inference.tritonserver.place import Place, Plan, State
from inference.tritonserver.service import down, last_lines, new_lines, shipped_models, status, up
from retrieval.embedding.minilm import FOLDER
from tests.inference.triton.servers import MODELS, ROOT, installation

LOOPBACK = ("127.0.0.1", "::ffff:127.0.0.1")
SECONDS = 90.0  # generous: the machine may be busy


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    maker = Path(__file__).with_name("make_tiny_model.py")
    python = installation(extra="transformers").python
    subprocess.run([python, "-I", maker, folder], check=True, capture_output=True, timeout=120)
    return folder / "chain"


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncGenerator[Place]:
    installation()
    found = Place(folder=tmp_path / "triton")
    yield found
    if found.is_supervised() and (state := State.read(found.state)):  # in a hurry; `down` is a test's business
        os.kill(state.supervisor, signal.SIGKILL)
        while found.is_supervised():  # noqa: ASYNC110 a lock of another process
            await asyncio.sleep(0.02)
        kill_left(state.server, state.region_prefix)


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "installation": str(ROOT / ".tools/triton"),
        "models": ("embedder",),
        "grpc_port": 0,
        "embedder_dir": str(FOLDER),
        "watch_seconds": 0.2,
        "start_seconds": SECONDS,
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def say_nothing(_: str) -> None:
    pass


async def until(place: Place, is_so: Callable[[State], bool]) -> State:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        state = State.read(place.state)
        if state is not None and is_so(state):
            return state
        await asyncio.sleep(0.05)
    raise AssertionError("\n".join([str(State.read(place.state)), *last_lines(place)[-20:]]))


def stubs(state: State) -> list[psutil.Process]:
    return [each for each in psutil.Process(state.server).children() if "stub" in each.name()]


async def lines_until_the_end(place: Place) -> list[str]:
    return [line async for line in new_lines(place)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still do something: who ended may wait for its new parent to notice."""
    deadline = time.monotonic() + 10
    while found := [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return found


def regions(state: State) -> list[Path]:
    return list(Path("/dev/shm").glob(f"{state.region_prefix}*"))


async def test_up_proves_and_down_leaves_nothing(place: Place, chain: Path) -> None:
    told: list[str] = []
    asked = plan(models=("embedder", "code_llm_cpu"), model_dir=str(chain))
    state = await up(place, asked, told.append)
    assert state.phase == "running"
    assert told == ["starting Triton with embedder and code_llm_cpu", "waiting until the models answer"]
    found, problems = await status(place)
    assert found == state
    assert problems == {"embedder": "", "code_llm_cpu": ""}
    for path in (place.state, place.plan, place.log):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    processes = [psutil.Process(state.supervisor), *psutil.Process(state.supervisor).children(recursive=True)]
    assert len(processes) == 4  # the supervisor, the server, and a stub for each model
    for each in processes:
        assert all(port.laddr.ip in LOOPBACK for port in each.net_connections("inet") if port.status == "LISTEN")
    assert regions(state)

    again = await up(place, asked, told.append)
    assert again == state
    assert told[-1] == "Triton is running already"
    with pytest.raises(AlreadyRunning, match="assay triton down"):
        await up(place, plan(), say_nothing)

    assert any("Serving embedder" in line for line in last_lines(place))
    followed = asyncio.create_task(lines_until_the_end(place))
    await asyncio.sleep(0.3)  # until it looks
    assert await down(place)
    assert any("Told to stop" in line for line in await asyncio.wait_for(followed, SECONDS))
    assert not alive(processes)
    assert not regions(state)
    assert await status(place) == (None, {})
    assert not await down(place)

    # The address in somebody's settings stays true.
    assert (await up(place, asked, say_nothing)).grpc == state.grpc


async def test_a_dead_stub_is_found_and_its_model_loaded_anew(place: Place) -> None:
    state = await up(place, plan(), say_nothing)
    (stub,) = stubs(state)
    stub.kill()
    repaired = await until(place, lambda now: now.repairs == 1)
    assert (repaired.server, repaired.restarts) == (state.server, 0)
    assert (await status(place))[1] == {"embedder": ""}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "stuck"])
async def test_a_server_that_is_gone_is_started_anew_on_the_same_port(place: Place, blow: int) -> None:
    state = await up(place, plan(probe_seconds=(2.0, 4.0)), say_nothing)
    old = [psutil.Process(state.server), *stubs(state)]
    os.kill(state.server, blow)
    new = await until(place, lambda now: now.restarts == 1 and now.phase == "running")
    assert new.server != state.server
    assert new.grpc == state.grpc
    assert new.problem
    assert not alive(old)
    assert not regions(state)
    assert (await status(place))[1] == {"embedder": ""}


async def test_what_a_killed_supervisor_leaves_is_cleaned_up(place: Place) -> None:
    state = await up(place, plan(), say_nothing)
    os.kill(state.server, signal.SIGSTOP)  # so that it cannot follow
    os.kill(state.supervisor, signal.SIGKILL)
    while place.is_supervised():  # noqa: ASYNC110 a lock of another process
        await asyncio.sleep(0.05)
    assert await status(place) == (None, {})
    old = psutil.Process(state.server)
    new = await up(place, plan(), say_nothing)
    assert new.supervisor != state.supervisor
    assert not alive([old])
    assert not regions(state)


async def test_a_model_that_cannot_be_loaded_ends_it_with_the_reason(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"config\.json"):
        await up(place, plan(models=("code_llm_cpu",), model_dir=str(tmp_path / "nothing")), say_nothing)
    assert not place.is_supervised()


async def test_a_port_in_use_is_said(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerFailed, match="--port"):
            await up(place, plan(grpc_port=taken.getsockname()[1]), say_nothing)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"server": "x"}', "\0"], ids=["empty", "list", "bare", "odd", "nul"])
async def test_a_state_that_makes_no_sense_is_none(place: Place, text: str) -> None:
    place.make()
    place.state.write_text(text)
    assert await status(place) == (None, {})
    assert not await down(place)


async def test_an_interrupted_start_leaves_nothing(place: Place) -> None:
    task = asyncio.create_task(up(place, plan(), say_nothing))
    state = await until(place, lambda now: now.server != 0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not place.is_supervised()
    assert not psutil.pid_exists(state.server)
    assert not regions(state)


async def test_the_log_is_followed_when_it_is_cut(place: Place) -> None:
    place.make()
    place.log.write_text("old\n" * 100)
    with place.supervising() as is_supervisor:
        assert is_supervisor
        async with aclosing(new_lines(place)) as lines:
            task = asyncio.ensure_future(anext(lines))
            await asyncio.sleep(0.3)  # until it looks
            place.log.write_text("new\n")
            assert await asyncio.wait_for(task, SECONDS) == "new"


async def test_where_nothing_listens_is_said() -> None:
    with pytest.raises(ServerFailed, match="does not answer"):
        await ask(free_ports(1)[0], "/v2/health/ready", seconds=1)


def test_the_models_are_found_in_a_checkout() -> None:
    assert shipped_models() == MODELS


def test_the_command_line_brings_it_up_and_takes_it_down(tmp_path: Path) -> None:
    installation()
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
        "ASSAY_STATE": str(tmp_path / "state"),
        "ASSAY_TRITON": str(ROOT / ".tools/triton"),
        "ASSAY_CONFIG": str(tmp_path / "config.toml"),
    }

    def assay(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / ".venv/bin/assay"), "triton", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert "not running" in assay("status").stdout
    try:
        said = assay("up")
        assert said.returncode == 0, said.stderr
        assert 'url = "grpc://127.0.0.1:' in said.stdout
        assert "starting Triton" in said.stderr
        assert "running already" in assay("up").stdout
        found = json.loads(assay("status", "--json").stdout)
        supervisor = psutil.Process(found["supervisor"])
        assert found["phase"] == "running"
        assert found["answering"] == {"embedder": True}
        assert "embedder: answers" in assay("status").stdout
        assert "Serving embedder" in assay("logs").stdout
    finally:
        assert "stopped" in assay("down").stdout
    assert not alive([supervisor])
    for words in (["up", "--no-embedder"], ["up", "--model-dir", str(tmp_path)], ["up", "--port", "70000"]):
        assert assay(*words).returncode == 2
    assert "was not running" in assay("down").stdout
