"""The host's files in the sandbox: shown where they should be, and never changed."""

from __future__ import annotations

import hashlib
import socket
import tempfile
from pathlib import Path

import pytest

from sandbox.ports import Limits, Mount, RunSpec, Status
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home
from sandbox.runsc.runner import RunscRunner
from tests.sandbox.guest import Guest

VANDAL = """
import os, socket
os.chdir("/workspace")
open("new", "w").write("new")
open("kept", "w").write("changed")
os.unlink("folder/inner")
os.rename("empty", "moved")
os.chmod("new", 0o4777)
os.symlink("/etc/shadow", "report.json")
os.link("kept", "hard")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
print(sorted(os.listdir(".")), open("kept").read())
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that everybody may write in, as far as the host's own rules go."""
    root = tmp_path / "tree"
    for folder in (root, root / "folder", root / "empty"):
        folder.mkdir()
        folder.chmod(0o777)
    for file in (root / "kept", root / "folder" / "inner"):
        file.write_text("kept")
        file.chmod(0o666)
    return root


def digest(root: Path) -> str:
    """Over names, kinds, modes, owners and contents."""
    seen = hashlib.sha256()
    for path in sorted([root, *root.rglob("*")]):
        info = path.lstat()
        seen.update(f"{path} {info.st_mode} {info.st_uid} {info.st_nlink} ".encode())
        if path.is_file():
            seen.update(path.read_bytes())
    return seen.hexdigest()


async def test_a_writable_mount_is_changed_only_in_memory(guest: Guest, tree: Path) -> None:
    before = digest(tree)
    result = await guest.python(VANDAL, mounts=(Mount(source=tree, target="/workspace", writable=True),))
    assert result.status is Status.OK, result
    assert b"'report.json'" in result.stdout
    assert result.stdout.endswith(b" changed\n")
    assert digest(tree) == before


async def test_a_second_run_sees_nothing_of_the_first(guest: Guest, tree: Path) -> None:
    mounts = (Mount(source=tree, target="/workspace", writable=True),)
    leave = "for f in /tmp/x /dev/shm/x /var/tmp/x /workspace/x; do echo left > $f || exit 1; done; sleep 1000 &"
    look = "import os\nfor f in ('/tmp', '/dev/shm', '/var/tmp', '/workspace'): print(f, sorted(os.listdir(f)))\n"
    assert (await guest.sh(leave, mounts=mounts)).status is Status.OK
    look += "print([p for p in os.listdir('/proc') if p.isdigit()])"
    result = await guest.python(look, mounts=mounts)
    assert result.stdout.decode().split("\n") == [
        "/tmp []",
        "/dev/shm []",
        "/var/tmp []",
        "/workspace ['empty', 'folder', 'kept']",
        "['1']",
        "",
    ]


async def test_a_read_only_mount_is_shown_at_its_own_path(guest: Guest, tree: Path) -> None:
    result = await guest.sh(f"cat {tree}/kept; echo x > {tree}/kept", mounts=(Mount(source=tree, target=str(tree)),))
    assert result.stdout == b"kept"
    assert (tree / "kept").read_text() == "kept"


async def test_folders_above_a_mount_show_nothing_else(guest: Guest, tree: Path) -> None:
    (tree.parent / "private").write_text("private")
    result = await guest.sh(f"ls -A {tree.parent} {tree.parent.parent}", mounts=(Mount(source=tree, target=str(tree)),))
    assert b"private" not in result.stdout
    assert result.stdout.count(b"tree") == 1


async def test_folders_above_a_source_may_be_closed_to_others(guest: Guest, tree: Path) -> None:
    closed = tree.parent / "closed"
    closed.mkdir(mode=0o700)
    tree.rename(closed / "tree")  # noqa: ASYNC240
    result = await guest.sh("cat /t/kept", mounts=(Mount(source=closed / "tree", target="/t"),))
    assert result.stdout == b"kept"


async def test_single_files_are_mounted_and_stay_as_they_are(guest: Guest, tree: Path) -> None:
    mounts = (
        Mount(source=tree / "kept", target="/opt/plugin.py"),
        Mount(source=tree / "folder" / "inner", target="/opt/scratch", writable=True),
    )
    result = await guest.sh("echo b > /opt/scratch; cat /opt/*; echo a > /opt/plugin.py", mounts=mounts)
    assert result.stdout == b"keptb\n"
    assert result.status is Status.FAILED
    assert (tree / "kept").read_text() == (tree / "folder" / "inner").read_text() == "kept"


async def test_a_source_may_be_a_link(guest: Guest, tree: Path) -> None:
    (tree.parent / "link").symlink_to(tree)
    result = await guest.sh("cat /t/kept", mounts=(Mount(source=tree.parent / "link", target="/t"),))
    assert result.stdout == b"kept"


async def test_names_may_hold_anything(engine: Engine, tree: Path, tmp_path: Path) -> None:
    odd = tmp_path / 'ein Bäumchen, mit:Raum\nund "Ast" \\040'
    tree.rename(odd)  # noqa: ASYNC240
    runner = RunscRunner(engine, Home.open(tmp_path / "Zu stand\n:,é"))
    mounts = (Mount(source=odd, target=str(odd), writable=True), Mount(source=odd, target=f"{odd}/inner,é"))
    result = await Guest(runner).python(
        "import sys; print(open(sys.argv[1] + '/inner,é/kept').read())", arguments=(str(odd),), mounts=mounts
    )
    await runner.close()
    assert result.stdout == b"kept\n", result
    assert sorted(path.name for path in odd.iterdir()) == ["empty", "folder", "kept"]


async def test_a_deep_state_folder(engine: Engine, tmp_path: Path) -> None:
    """Longer than the name of a socket may be."""
    others = set(Path(tempfile.gettempdir()).glob("runsc*"))  # noqa: ASYNC240
    runner = RunscRunner(engine, Home.open(tmp_path / ("d" * 100) / ("e" * 100)))
    result = await Guest(runner).sh("echo done")
    ended = await runner.run(RunSpec(argv=("/bin/sleep", "1000"), limits=Limits(wall=1)))
    await runner.close()
    assert (result.stdout, ended.status) == (b"done\n", Status.TIMEOUT)
    assert set(Path(tempfile.gettempdir()).glob("runsc*")) <= others  # noqa: ASYNC240


async def test_a_socket_is_no_source(guest: Guest, tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "socket"))
        result = await guest.sh("true", mounts=(Mount(source=tree / "socket", target="/s"),))
    assert result.status is Status.INFRA
    assert "neither a file nor a folder" in result.detail


@pytest.mark.parametrize("there", [True, False], ids=["with a mount point", "without"])
async def test_a_mount_inside_a_mount(there: bool, guest: Guest, tree: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "python").write_text("environment")
    if there:
        (tree / ".venv").mkdir()
    before = digest(tree)
    mounts = (  # the inner one first: the order must not matter
        Mount(source=venv, target="/workspace/.venv"),
        Mount(source=tree, target="/workspace", writable=True),
    )
    result = await guest.sh(
        "cat /workspace/.venv/python /workspace/kept; echo w > /workspace/w; echo x > /workspace/.venv/x",
        mounts=mounts,
    )
    assert result.stdout == b"environmentkept"
    assert result.status is Status.FAILED
    assert digest(tree) == before


async def test_a_mount_point_that_is_a_file_is_made_and_removed(guest: Guest, tree: Path) -> None:
    before = digest(tree)
    mounts = (
        Mount(source=tree, target="/workspace"),
        Mount(source=tree / "kept", target="/workspace/folder/deep/copy"),
    )
    result = await guest.sh("cat /workspace/folder/deep/copy", mounts=mounts)
    assert result.stdout == b"kept"
    assert digest(tree) == before


async def test_a_mount_below_tmp(guest: Guest, tree: Path) -> None:
    result = await guest.sh("cat /tmp/w/kept; echo x > /tmp/y", mounts=(Mount(source=tree, target="/tmp/w"),))
    assert (result.stdout, result.status) == (b"kept", Status.OK)


PROTECTED = """
import os
def attempt(act):
    try:
        act()
    except OSError:
        return
    print("done", act.__code__.co_firstlineno)
os.chdir("/workspace")
open("mine", "w").write("mine")
os.mkdir("mine.d")
attempt(lambda: os.replace("mine", "kept"))
attempt(lambda: os.unlink("kept"))
attempt(lambda: os.rename("kept", "gone"))
attempt(lambda: open("kept", "w"))
attempt(lambda: os.rename("folder", "gone"))
attempt(lambda: os.rename("mine.d", "folder"))
attempt(lambda: open("folder/inner", "w"))
attempt(lambda: open("folder/new", "w"))
attempt(lambda: os.unlink("folder/inner"))
attempt(lambda: os.rename("/workspace", "/tmp/gone"))
print(open("kept").read(), open("folder/inner").read())
"""


async def test_what_is_mounted_over_in_a_writable_tree_cannot_be_replaced(guest: Guest, tree: Path) -> None:
    """So the files that decide a verdict can be pinned inside a tree in which code may write."""
    mounts = (
        Mount(source=tree, target="/workspace", writable=True),
        Mount(source=tree / "kept", target="/workspace/kept"),
        Mount(source=tree / "folder", target="/workspace/folder"),
    )
    result = await guest.python(PROTECTED, mounts=mounts)
    assert result.stdout == b"kept kept\n", result


async def test_the_system_is_there_to_work_with(guest: Guest) -> None:
    script = "command -v sh env sed && id -un && [ -e /usr/lib ] && echo x | sed s/x/y/ && cat /etc/passwd"
    result = await guest.sh(script)
    assert result.status is Status.OK, result
    assert b"\nsandbox\ny\n" in result.stdout
