"""Scratch space goes with its owner, however the owner ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.workdir import working_folder

ROOT = Path(__file__).resolve().parents[2]
OWNER = (
    "import time\n"
    "from sandbox.workdir import working_folder\n"
    "with working_folder() as folder:\n"
    "    (folder / 'file').touch()\n"
    "    print(folder, flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, as this test sees it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def owner_elsewhere(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process that has a folder and keeps it, and that folder."""
    command = (sys.executable, "-c", OWNER)
    env = {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_private_and_gone_at_the_end(temporary: Path) -> None:
    with working_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "sub").mkdir()
        (folder / "sub" / "file").touch()
        with working_folder() as other:
            assert other != folder
        assert folder.exists()
    assert list(temporary.iterdir()) == []


def test_a_folder_is_gone_when_its_work_fails(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), working_folder():
        _ = 1 / 0
    assert list(temporary.iterdir()) == []


def test_what_a_killed_owner_left_goes_when_the_next_begins(temporary: Path) -> None:
    process, left = owner_elsewhere(temporary)
    try:
        with working_folder():
            assert (left / "file").exists(), "its owner is alive"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (left / "file").exists()
        with working_folder() as folder:
            assert list(temporary.iterdir()) == [folder]
    finally:
        process.kill()
        process.communicate()


def test_what_is_not_ours_stays(temporary: Path) -> None:
    others = [temporary / "assay-work-unlocked", temporary / "assay-other"]
    for folder in others:
        folder.mkdir()
    victim = temporary / "victim"
    victim.mkdir()
    (victim / "lock").touch()
    (temporary / "assay-work-link").symlink_to(victim)
    (others[0] / "lock").symlink_to(victim / "lock")
    with working_folder():
        pass
    assert all(folder.exists() for folder in others)
    assert (victim / "lock").exists()
