"""A trusted supervisor inside the sandbox: user 0 with three capabilities, its workers without any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.ports import Mount, Status
from tests.sandbox.guest import Guest

PROGRAM = Path(__file__).with_name("supervisor_guest.py")
CAPABILITIES = frozenset({"CAP_SETUID", "CAP_SETGID", "CAP_KILL"})
DENIED = {"EPERM", "EACCES"}


async def supervised(guest: Guest, room: Path, user: int) -> dict[str, Any]:
    result = await guest.python(
        PROGRAM.read_text(),
        arguments=(str(user),),
        mounts=(Mount(source=room, target="/room", writable=True),),
        user=0,
        capabilities=CAPABILITIES,
    )
    assert result.status is Status.OK, result
    assert b"FORGED" not in result.stdout
    return json.loads(result.stdout)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "from-host").write_text("kept")
    return folder


@pytest.mark.parametrize("user", [65534, 1234])
async def test_a_worker_cannot_get_at_its_supervisor(user: int, guest: Guest, room: Path) -> None:
    report = await supervised(guest, room, user)
    worker: dict[str, str] = report["worker"]
    assert worker.pop("user") == f"ok (({user}, {user}, {user}), ({user}, {user}, {user}), [])"
    assert worker.pop("capabilities") == "ok {'CapEff': 0, 'CapPrm': 0, 'CapInh': 0}"
    assert worker.pop("create beside it") == "ok 4"
    assert worker.pop("signal everybody") == "ESRCH"  # nobody else is its own
    assert worker.pop("replace in a sticky folder") == "ok 'replaceable'"
    assert {name: said for name, said in worker.items() if said not in DENIED} == {}
    assert report["guarded"] == "guardedguarded"
    assert report["killed the worker with"] == -9
    assert (room / "from-host").read_text() == "kept"


async def test_root_in_the_sandbox_is_not_root_of_the_host(guest: Guest, room: Path) -> None:
    """Not even with every capability: what it changes stays in memory, and it reaches no more files."""
    everything = frozenset({"CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_NET_RAW", "CAP_CHOWN"})
    code = """
import os
open("/room/from-host", "w").write("changed")
os.chmod("/room/from-host", 0o4777)
os.chown("/room/from-host", 1, 1)
for path in ("/etc/shadow", "/root", "/home", "/dev/sda", "/dev/vda"):
    print(path, os.path.exists(path))
"""
    result = await guest.python(
        code,
        mounts=(Mount(source=room, target="/room", writable=True),),
        user=0,
        capabilities=everything,
    )
    assert result.status is Status.OK, result
    assert b"/etc/shadow False" in result.stdout
    assert b"/dev/sda False\n/dev/vda False" in result.stdout
    assert (room / "from-host").read_text() == "kept"
    assert (room / "from-host").stat().st_mode & 0o7777 == 0o644
