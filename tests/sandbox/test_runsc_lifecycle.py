"""What is left of a sandbox when its run, its runner or its server ends: nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.find import find_runner
from sandbox.ports import Limits, RunResult, RunSpec, Status
from sandbox.refusing import RefusingRunner
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home, reap
from sandbox.runsc.processes import processes
from sandbox.runsc.runner import RunscRunner
from tests.sandbox.guest import Guest

SLEEP = RunSpec(argv=("/bin/sh", "-c", "echo started; sleep 1000 & sleep 1000"), limits=Limits(wall=500))

SERVER = """
import asyncio, pathlib, sys
from sandbox.find import find_runner
from sandbox.ports import Limits, RunSpec

async def main():
    runner = await find_runner(runsc=pathlib.Path(sys.argv[1]), state_dir=pathlib.Path(sys.argv[2]))
    print(runner.isolation.name, flush=True)
    spec = RunSpec(argv=("/bin/sh", "-c", "echo started; sleep 1000 & sleep 1000"), limits=Limits(wall=500))
    await runner.run(spec, lambda piece: print(piece.decode(), flush=True))

asyncio.run(main())
"""


async def until_started(runner: RunscRunner, spec: RunSpec = SLEEP) -> asyncio.Task[RunResult]:
    started = asyncio.Event()
    run = asyncio.create_task(runner.run(spec, lambda piece: started.set()))
    await started.wait()
    return run


async def gone(root: Path) -> None:
    """Returns when no process of runsc works with this state any more."""
    async with asyncio.timeout(10):
        while list(processes(root)):  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.02)


@asynccontextmanager
async def server(engine: Engine, state: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another server in a process of its own, with a sandbox that runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", SERVER, str(engine.binary), str(state)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"gvisor\n"
        assert await process.stdout.readline() == b"started\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await asyncio.to_thread(reap, state, engine.cgroups)


def homes(state: Path) -> list[Path]:
    return [path for path in state.iterdir() if path.is_dir()]


async def test_children_left_in_the_background_end_with_the_run(guest: Guest) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
"""
    assert (await guest.python(code)).status is Status.OK  # and the fixture finds no process


async def test_cancelling_kills_everything_before_it_goes_on(runner: RunscRunner, state: Path) -> None:
    run = await until_started(runner)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (home,) = homes(state)
    assert not list(processes(home / "runsc"))
    assert [path.name for path in home.iterdir()] == ["runsc"]


async def test_cancelling_what_writes_without_end(runner: RunscRunner) -> None:
    run = await until_started(runner, RunSpec(argv=("/usr/bin/yes",), limits=Limits(wall=500, output=100)))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_cancelling_again_and_again_still_cleans_up(runner: RunscRunner, state: Path) -> None:
    run = await until_started(runner)
    while not run.done():
        run.cancel()
        await asyncio.sleep(0.001)
    assert run.cancelled()
    assert not list(processes(homes(state)[0] / "runsc"))


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06, 0.1, 0.15])
async def test_cancelling_at_any_moment_of_the_start(delay: float, runner: RunscRunner, state: Path) -> None:
    run = asyncio.create_task(runner.run(SLEEP))
    await asyncio.sleep(delay)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    (home,) = homes(state)
    assert not list(processes(home / "runsc"))
    assert [path.name for path in home.iterdir()] == ["runsc"]


async def test_cancelling_while_waiting_for_a_slot(runner: RunscRunner) -> None:
    cores = len(os.sched_getaffinity(0))
    running = [await until_started(runner) for _ in range(cores)]
    waiting = asyncio.create_task(runner.run(SLEEP))
    await asyncio.sleep(0)
    waiting.cancel()
    running[0].cancel()
    await asyncio.wait({waiting, running[0]})
    assert waiting.cancelled()
    await runner.close()
    assert {run.result().status for run in running[1:]} <= {Status.INFRA}


async def test_what_the_listener_raises_ends_the_run(runner: RunscRunner) -> None:
    def fail(piece: bytes) -> None:
        raise ValueError(piece.decode())

    with pytest.raises(ValueError, match="started"):
        await runner.run(SLEEP, fail)


async def test_a_killed_server_takes_its_sandbox_along(engine: Engine, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with server(engine, state) as process:
        (home,) = homes(state)
        assert list(processes(home / "runsc"))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await gone(home / "runsc")


async def test_the_next_start_removes_what_a_killed_server_left(engine: Engine, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with server(engine, state) as process:
        (home,) = homes(state)
        process.kill()
        await process.wait()
        await gone(home / "runsc")
        assert home.is_dir()
        runner = await find_runner(runsc=engine.binary, state_dir=state)
        await runner.close()
        assert not list(state.iterdir())
        assert not (engine.cgroups and engine.cgroups.named(home.name.partition("-")[2]))


async def test_processes_that_outlived_their_server_are_reaped(engine: Engine, tmp_path: Path) -> None:
    """As where there is no setpriv to tie them to it."""
    state = tmp_path / "state"
    home = Home.open(state)
    runner = RunscRunner(replace(engine, setpriv=None), home)
    run = await until_started(runner)
    assert not await asyncio.to_thread(reap, state, engine.cgroups)  # its owner lives
    os.close(home.lock)  # which is what the kernel does when the owner dies
    assert await asyncio.to_thread(reap, state, engine.cgroups) == [home.folder.name]
    await gone(home.runsc)
    result = await run
    assert result.status is Status.INFRA
    assert not list(state.iterdir())
    assert not (engine.cgroups and engine.cgroups.named(home.token))


async def test_empty_groups_of_a_folder_that_is_gone_are_swept_up(engine: Engine, tmp_path: Path) -> None:
    if engine.cgroups is None:
        assert engine.rootless
        return
    name = f"lost-{os.getpid()}"
    group, young = (engine.cgroups.make(name + end, Limits()) for end in ("", "-young"))
    for folder in group.folders():
        os.utime(folder, (0, 0))
    reap(tmp_path, engine.cgroups)
    assert [left.name for left in engine.cgroups.named(name)] == [young.name]
    young.remove()


async def test_two_servers_on_one_folder_leave_each_other_alone(
    engine: Engine, runner: RunscRunner, state: Path
) -> None:
    run = await until_started(runner)
    async with server(engine, state):
        other = await find_runner(runsc=engine.binary, state_dir=state)
        assert not run.done()
        await other.close()
    reap(state, engine.cgroups)
    assert not run.done()
    run.cancel()
    await asyncio.wait({run})


async def test_a_sandbox_that_fails_by_itself_is_tried_again(runner: RunscRunner) -> None:
    """Somebody kills runsc once, before the program said anything."""
    run = asyncio.create_task(runner.run(RunSpec(argv=("/bin/sh", "-c", "sleep 0.5; echo done"))))
    root = runner.home.runsc
    while not (clients := [process for process in processes(root) if b"run" in process.arguments]):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    clients[0].kill()
    result = await run
    assert (result.status, result.stdout) == (Status.OK, b"done\n")


async def test_a_sandbox_that_fails_after_output_is_not_tried_again(runner: RunscRunner) -> None:
    """Its listener has heard it: a second run would repeat what was said."""
    run = await until_started(runner)
    for process in processes(runner.home.runsc):
        process.kill()
    result = await run
    assert (result.status, result.stdout) == (Status.INFRA, b"started\n")
    assert result.detail


async def test_runsc_and_the_state_folder_may_vanish_meanwhile(engine: Engine, tmp_path: Path) -> None:
    binary = tmp_path / "runsc"
    binary.symlink_to(engine.binary)
    runner = RunscRunner(replace(engine, binary=binary), Home.open(tmp_path / "state"))
    shutil.rmtree(tmp_path / "state")
    assert (await runner.run(RunSpec(argv=("/bin/true",)))).status is Status.OK
    binary.unlink()
    result = await runner.run(RunSpec(argv=("/bin/true",)))
    await runner.close()
    assert result.status is Status.INFRA
    assert result.detail


@pytest.mark.parametrize(
    ("binary", "reason"),
    [("/no/such/runsc", "cannot be started"), ("/bin/true", "does not work here"), ("/bin/cat", "does not work here")],
)
async def test_a_runsc_that_does_not_work_is_refused_with_the_reason(binary: str, reason: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    runner = await find_runner(runsc=Path(binary), state_dir=state)
    assert isinstance(runner, RefusingRunner)
    assert reason in runner.isolation.detail
    assert not state.exists() or not list(state.iterdir())


async def test_something_that_only_looks_like_runsc_is_refused(tmp_path: Path) -> None:
    """A program that runs the command on the host, without isolating it."""
    impostor = tmp_path / "runsc"
    impostor.write_text(
        "#!/bin/sh\n"
        "for argument; do case $argument in --bundle=*) bundle=${argument#--bundle=};; esac; done\n"
        '[ "$bundle" ] || exit 0; : > "$bundle/log"\n'
        "read -r version < /proc/version; echo kernel $version; echo done\n"
    )
    impostor.chmod(0o755)
    runner = await find_runner(runsc=impostor, state_dir=tmp_path / "state")
    assert isinstance(runner, RefusingRunner)
    assert "host's kernel" in runner.isolation.detail


async def test_a_workspace_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    runner = await find_runner(state_dir=tmp_path / "state", trusted=False)
    assert isinstance(runner, RefusingRunner)
    assert "not trusted" in runner.reason


async def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    runner = await find_runner(state_dir=tmp_path / "file" / "state")
    assert isinstance(runner, RefusingRunner)
    assert "needs to write" in runner.reason
