"""How a patch is put to the real judge in the real sandbox."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
from cases import Case, copy_project

from sandbox.errors import PatchRefused
from sandbox.find import find_runner
from sandbox.patch import edit_from_patch
from sandbox.ports import Runner
from sandbox.verify import verify
from workspace.project import open_project


@cache
def _python() -> Path:
    """An environment with nothing in it but a linter: pytest is lent, and no plugin of ours slows it down."""
    folder = Path(tempfile.mkdtemp(prefix="assay-exam-"))
    folder.chmod(0o755)  # tests run as another user
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (folder / "bin" / "ruff").symlink_to(Path(sys.executable).parent / "ruff")
    return folder / "bin" / "python"


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[Runner]:
    found = await find_runner(state_dir=tmp_path / "state")
    assert found.isolation.name == "gvisor", found.isolation.detail
    yield found
    await found.close()


async def examine(case: Case, runner: Runner, folder: Path) -> tuple[str, str]:
    """The grade (`refused` for no receipt at all) and the reason."""
    project = open_project(copy_project(case.project, folder / case.project), python=_python())
    try:
        receipt = await verify(edit_from_patch(case.patch, project), project, runner, scope=case.scope)
    except PatchRefused as error:
        return "refused", str(error)
    return receipt.grade.value, receipt.reason
