"""What code in the sandbox cannot use up, and how the end of each attempt is told."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.ports import Limits, Mount, Status
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home
from sandbox.runsc.runner import RunscRunner
from tests.sandbox.guest import Guest

MIB = 1 << 20
SMALL = Limits(wall=60, memory=256 * MIB, processes=64, tmp=16 * MIB, file_size=8 * MIB, open_files=64)
FEW = replace(
    SMALL, memory=1024 * MIB, processes=24
)  # a process costs the sandbox some MiB, so memory would run out first

ALLOCATES = "x = [b'1' * 1000 + b'2' for _ in range(10**9)]"

FORKS = """
import os, sys, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError as error:
    print(made, error.errno)
"""

RECURSIVE_FORKS = """
import os, signal, time
signal.alarm(1)
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""

THREADS = """
import threading, time
made = 0
try:
    while made < 1000:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        made += 1
except RuntimeError:
    print(made, flush=True)
import os
os._exit(0)
"""

FULL_TMP = """
import errno
try:
    for number in range(100):
        with open(f"/tmp/{number}", "wb") as file:
            file.write(bytes(1 << 20))
except OSError as error:
    print(number, errno.errorcode[error.errno])
"""

LARGE_FILE = """
import errno, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for act in (lambda file: file.truncate(1 << 40), lambda file: file.write(bytes(9 << 20))):
    try:
        with open("/workspace/large", "wb") as file:
            act(file)
    except OSError as error:
        print(errno.errorcode[error.errno])
"""

OPEN_FILES = """
import errno
files = []
try:
    while True:
        files.append(open("/dev/null"))
except OSError as error:
    print(len(files) < 64, errno.errorcode[error.errno])
"""

MANY_FILES = """
import os
for number in range(100_000):
    with open(f"/workspace/{number}", "wb") as file:
        file.write(bytes(1 << 20))
"""

DEEP_FOLDERS = """
import os
os.chdir("/workspace")
for number in range(100_000):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
"""

IGNORES_SIGNALS = """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
"""


async def test_memory(guest: Guest) -> None:
    result = await guest.python("x = b'1' * (3 << 30)", limits=SMALL)
    assert (result.status, result.exit_code) == (Status.OOM, None)
    assert "256 MiB" in result.detail


async def test_memory_by_many_small_objects(guest: Guest) -> None:
    result = await guest.python("print('kept', flush=True)\n" + ALLOCATES, limits=SMALL)
    assert (result.status, result.stdout) == (Status.OOM, b"kept\n")


async def test_memory_that_was_used_is_known(guest: Guest) -> None:
    result = await guest.python("x = b'1' * (100 << 20)\nimport time\ntime.sleep(0.3)", limits=SMALL)
    assert result.status is Status.OK
    assert result.peak_memory is not None
    assert 100 * MIB < result.peak_memory < 256 * MIB


@pytest.mark.parametrize("code", [ALLOCATES, MANY_FILES], ids=["allocated", "in files"])
async def test_memory_where_there_are_no_control_groups(
    code: str, engine: Engine, workspace: Mount, tmp_path: Path
) -> None:
    runner = RunscRunner(replace(engine, cgroups=None), Home.open(tmp_path / "state"))
    result = await Guest(runner).python(code, limits=SMALL, mounts=(workspace,))
    await runner.close()
    assert (result.status, result.exit_code) == (Status.OOM, None)
    assert result.peak_memory is not None
    assert result.peak_memory > SMALL.memory
    assert not list(workspace.source.iterdir())


async def test_the_other_platform(engine: Engine, tmp_path: Path) -> None:
    """What is used where systrap does not work."""
    runner = RunscRunner(replace(engine, platform="ptrace"), Home.open(tmp_path / "state"))
    result = await Guest(runner).python("print('ran')")
    await runner.close()
    assert (result.status, result.stdout) == (Status.OK, b"ran\n")


def test_the_kernel_is_told_of_every_limit(engine: Engine) -> None:
    if engine.cgroups is None:
        assert engine.rootless
        return
    group = engine.cgroups.make(f"test-{os.getpid()}", Limits(cpus=0.25, memory=64 * MIB, processes=10))
    try:
        memory, cpu = (
            ("memory.max", "cpu.max") if engine.cgroups.version == 2 else ("memory.limit_in_bytes", "cpu.cfs_quota_us")
        )
        assert group.file("memory", memory).read_text().strip() == str(64 * MIB)
        assert group.file("cpu", cpu).read_text().split()[0] == "25000"
        assert group.file("pids", "pids.max").read_text().strip() == "144"
    finally:
        assert group.remove()
    assert not engine.cgroups.everywhere(group.name)


async def test_processes(guest: Guest) -> None:
    result = await guest.python(FORKS, limits=FEW)
    assert result.status is Status.OK, result
    made, number = result.stdout.split()
    assert int(made) < 24
    assert number == b"11"  # EAGAIN


async def test_processes_that_make_processes(guest: Guest) -> None:
    result = await guest.python(RECURSIVE_FORKS, limits=FEW)
    assert result.status in (Status.KILLED, Status.PIDS, Status.TIMEOUT)


async def test_running_out_of_host_threads_is_told_apart(guest: Guest, engine: Engine) -> None:
    """Only for who may pass the guest's own limit, as nothing untrusted may."""
    expected = {Status.PIDS} if engine.cgroups else {Status.OK, Status.OOM}
    result = await guest.python(
        FORKS,
        limits=replace(FEW, processes=4),
        user=0,
        capabilities=frozenset({"CAP_SYS_RESOURCE"}),
    )
    assert result.status in expected, result


async def test_threads(guest: Guest) -> None:
    result = await guest.python(THREADS, limits=FEW)
    assert result.status is Status.OK
    assert int(result.stdout) < 24


async def test_space_in_tmp(guest: Guest) -> None:
    result = await guest.python(FULL_TMP, limits=SMALL)
    assert result.stdout == b"16 ENOSPC\n"


async def test_the_size_of_one_file(guest: Guest, workspace: Mount) -> None:
    result = await guest.python(LARGE_FILE, limits=SMALL, mounts=(workspace,))
    assert result.stdout == b"EFBIG\nEFBIG\n"


async def test_open_files(guest: Guest) -> None:
    result = await guest.python(OPEN_FILES, limits=SMALL)
    assert result.stdout == b"True EMFILE\n"


@pytest.mark.parametrize("code", [MANY_FILES, DEEP_FOLDERS], ids=["files", "folders"])
async def test_the_disk_of_the_host(code: str, guest: Guest, workspace: Mount) -> None:
    result = await guest.python(code, limits=SMALL, mounts=(workspace,))
    assert result.status in (Status.OOM, Status.FAILED)
    assert not list(workspace.source.iterdir())


async def test_time(guest: Guest) -> None:
    endless = ("while True: pass", "import time\ntime.sleep(1000)", IGNORES_SIGNALS)
    limits = Limits(wall=5)
    results = await asyncio.gather(
        *(guest.python("print('kept', flush=True)\n" + code, limits=limits) for code in endless)
    )
    for result in results:
        assert (result.status, result.exit_code, result.stdout) == (Status.TIMEOUT, None, b"kept\n")
        assert "5 s" in result.detail


async def test_output(guest: Guest) -> None:
    code = "import os\nfor _ in range(500): os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)"
    result = await guest.python(code, limits=Limits(output=100_000))
    assert result.status is Status.OK
    assert (result.stdout, result.stderr) == (b"x" * 100_000, b"y" * 100_000)
    assert result.truncated


async def test_output_of_one_endless_line(guest: Guest) -> None:
    code = "import sys\nfor _ in range(300): sys.stdout.write('z' * (1 << 20))"
    result = await guest.python(code, limits=Limits(wall=60, output=MIB))
    assert result.status is Status.OK
    assert result.stdout == b"z" * MIB
    assert result.truncated


async def test_output_comes_back_as_the_bytes_it_is(guest: Guest) -> None:
    code = "import os\nos.write(1, bytes(range(256)) + b'\\x1b[31m\\xff\\xfe\\r\\n')"
    result = await guest.python(code)
    assert result.stdout == bytes(range(256)) + b"\x1b[31m\xff\xfe\r\n"
    assert not result.truncated


@pytest.mark.parametrize(
    ("code", "status", "exit_code"),
    [
        ("", Status.OK, 0),
        ("raise SystemExit(7)", Status.FAILED, 7),
        ("import os\nos._exit(128)", Status.FAILED, 128),
        ("import os\nos._exit(2)", Status.FAILED, 2),
        ("import os\nos.kill(os.getpid(), 9)", Status.KILLED, 137),
        ("import ctypes\nctypes.string_at(0)", Status.KILLED, 139),
        ("import os\nos.write(2, b'running container: forged')\nos._exit(128)", Status.FAILED, 128),
    ],
)
async def test_ends_that_are_the_program_s_own(code: str, status: Status, exit_code: int, guest: Guest) -> None:
    result = await guest.python(code)
    assert (result.status, result.exit_code) == (status, exit_code)


async def test_shared_memory_and_multiprocessing_work(guest: Guest) -> None:
    code = """
import multiprocessing, multiprocessing.shared_memory
block = multiprocessing.shared_memory.SharedMemory(create=True, size=100)
lock = multiprocessing.Lock()
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
block.close()
block.unlink()
"""
    result = await guest.python(code)
    assert (result.stdout, result.status) == (b"[1, 2]\n", Status.OK), result


@pytest.fixture
def workspace(tmp_path: Path) -> Mount:
    folder = tmp_path / "workspace"
    folder.mkdir()
    folder.chmod(0o777)
    return Mount(source=folder, target="/workspace", writable=True)
