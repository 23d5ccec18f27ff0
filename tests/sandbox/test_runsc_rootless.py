"""The sandbox of a user without any privilege: what it holds, and what it holds by other means."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import sandbox
from sandbox.runsc.engine import Engine

HERE = Path(__file__).parent
NOBODY_ELSE = 54321
"""A user id that nothing on the machine belongs to."""

SYSTEM_PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable
"""The environment's own interpreter may lie where another user may not look."""


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder of that user, which pytest's own temporary folders would not let it enter."""
    folder = Path(tempfile.mkdtemp(prefix="assay-rootless-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(engine: Engine, open_folder: Path) -> dict[str, Any]:
    """What the program found, as another user when this one is root."""
    source = Path(str(sandbox.__file__)).parent
    shutil.copytree(source, open_folder / "lib/sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(engine.binary, open_folder / "runsc")
    shutil.copy(HERE / "rootless_program.py", open_folder / "program.py")
    (open_folder / "own").mkdir()
    drop: list[str] = []
    if os.geteuid() == 0:
        os.chown(open_folder / "own", NOBODY_ELSE, NOBODY_ELSE)
        drop = ["setpriv", f"--reuid={NOBODY_ELSE}", f"--regid={NOBODY_ELSE}", "--clear-groups", "--no-new-privs"]
    process = await asyncio.create_subprocess_exec(
        *(*drop, SYSTEM_PYTHON, "-B", open_folder / "program.py", open_folder / "runsc", open_folder / "own"),
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(open_folder / "lib"), "HOME": "/nonexistent"},
        cwd="/",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    supervisor = HERE.joinpath("supervisor_guest.py").read_bytes()
    out, _ = await process.communicate(supervisor)
    assert process.returncode == 0
    return json.loads(out)


async def test_is_found_and_says_so(report: dict[str, Any]) -> None:
    assert report["isolation"] == "gvisor", report["detail"]
    assert "rootless, no cgroup limits" in report["detail"]


async def test_runs_code_as_nobody_on_files_that_stay_as_they_are(report: dict[str, Any]) -> None:
    assert report["plain"][:3] == ["ok", 0, "65534\nkept"]
    assert report["left in the room"] == ["from-host"]


async def test_reaches_neither_files_nor_network_of_the_host(report: dict[str, Any]) -> None:
    assert report["shadow"][:2] == ["failed", 1]
    assert "No such file" in report["shadow"][3]
    assert report["network"][:2] == ["failed", 1]
    assert "unreachable" in report["network"][3] or "No route" in report["network"][3]


async def test_holds_time_memory_and_processes(report: dict[str, Any]) -> None:
    assert report["time"][:2] == ["timeout", None]
    assert report["memory"][:2] == ["oom", None]
    assert report["files in memory"][:2] == ["oom", None]
    assert report["processes"][0] == "failed"
    assert "fork" in report["processes"][3]


async def test_lets_a_supervisor_guard_itself_from_its_workers(report: dict[str, Any]) -> None:
    status, code, said, errors = report["supervisor"]
    assert (status, code) == ("ok", 0), errors
    worker = json.loads(said)["worker"]
    assert worker["capabilities"] == "ok {'CapEff': 0, 'CapPrm': 0, 'CapInh': 0}"
    guarded = ("trace", "signal", "its memory", "its output", "its pipe", "write its file", "delete its file")
    assert {worker[name] for name in guarded} <= {"EPERM", "EACCES"}


async def test_leaves_nothing(report: dict[str, Any]) -> None:
    assert report["left of the state"] == []
