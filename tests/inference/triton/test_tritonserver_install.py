"""Installing the server from the package index that is configured here."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.tritonserver.install import PYTHONS, installed
from inference.tritonserver.launch import free_ports
from tests.inference.triton.servers import ROOT

LOCKS = ROOT / "inference/tritonserver"
SECONDS = 240.0  # the network may be slow


def start(root: Path, *, tool: str = "uv", **env: str) -> subprocess.Popen[str]:
    """Python's and `uv`'s own folders come first on PATH, or nothing but the system's."""
    tools = [str(ROOT / ".tools/uv/bin")] if tool == "uv" else []
    path = os.pathsep.join([*tools, "/usr/bin", "/bin"])
    command = [sys.executable, "-P", "-m", "inference.tritonserver", str(root)]
    variables = {**os.environ, "PATH": path, **env}
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(child: subprocess.Popen[str]) -> str:
    """What it said, when it went well."""
    said, _ = child.communicate(timeout=SECONDS)
    if child.returncode and not os.environ.get("CI") and "could not be installed" in said:
        pytest.skip(f"the package index cannot be reached: {said.splitlines()[-1]}")
    assert child.returncode == 0, said
    return said


def left_over(root: Path) -> list[str]:
    return sorted(each.name for each in root.parent.iterdir() if each.name not in (root.name, f".{root.name}.lock"))


def test_two_at_once_install_it_one_time(tmp_path: Path) -> None:
    root = tmp_path / "triton"
    assert installed(root) is None
    said = [finish(child) for child in [start(root), start(root)]]
    assert sum("Getting the Triton Inference Server" in each for each in said) == 1
    found = installed(root)
    assert found is not None
    assert found.server.is_file()
    assert (found.backends / "python/triton_python_backend_stub").is_file()
    versions = "import numpy, onnxruntime, tokenizers, sys; print(numpy.__version__.split('.')[0], sys.prefix)"
    done = subprocess.run([found.python, "-I", "-c", versions], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(root / "venv")]
    assert left_over(root) == []
    assert finish(start(root)) == ""  # it is there
    assert installed(root, extra="transformers") is None

    # What another version of Assay installed, or half of one, is none.
    mark = root / "installed.json"
    good = mark.read_text()
    for bad in ("", "[]", "{}", json.dumps({**json.loads(good), "locks": "other"})):
        mark.write_text(bad)
        assert installed(root) is None
    mark.write_text(good)
    found.server.unlink()
    assert installed(root) is None


def test_without_uv_pip_does_it(tmp_path: Path) -> None:
    root = tmp_path / "triton"
    finish(start(root, tool="pip"))
    found = installed(root)
    assert found is not None
    subprocess.run([found.python, "-I", "-c", "import numpy, onnxruntime, tokenizers"], check=True)
    assert left_over(root) == []


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_index_that_does_not_answer_is_said_and_nothing_is_left(tmp_path: Path, tool: str) -> None:
    root = tmp_path / "triton"
    address = f"http://127.0.0.1:{free_ports(1)[0]}/simple"
    nothing = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    fresh = {"UV_CACHE_DIR": str(tmp_path / "uv"), "PIP_CACHE_DIR": str(tmp_path / "pip")}
    indexes = {"PIP_INDEX_URL": address, "PIP_EXTRA_INDEX_URL": "", "UV_DEFAULT_INDEX": "", "UV_INDEX_URL": ""}
    child = start(root, tool=tool, **nothing, **fresh, **indexes)
    said, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 1, said
    assert "could not be installed" in said
    assert "PIP_INDEX_URL" in said
    assert "Traceback" not in said
    assert installed(root) is None
    assert [each for each in left_over(root) if each.startswith(".triton")] == []


def test_who_is_interrupted_leaves_nothing_that_counts(tmp_path: Path) -> None:
    root = tmp_path / "triton"
    child = start(root)
    deadline = time.monotonic() + SECONDS
    while not list(tmp_path.glob(".triton-new-*")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert installed(root) is None
    finish(start(root))
    assert installed(root) is not None
    assert left_over(root) == []  # nor what the killed one had begun


def test_a_second_one_waits_and_says_so(tmp_path: Path) -> None:
    root = tmp_path / "triton"
    with (tmp_path / ".triton.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = start(root)
        assert child.stdout is not None
        assert "another process" in child.stdout.readline()
        child.kill()
        child.communicate()


@pytest.mark.parametrize("path", sorted(LOCKS.glob("*.lock")), ids=lambda path: path.name)
def test_every_package_of_a_lock_has_a_hash_and_none_an_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    entries = re.split(r"^(?=[a-z][\w.-]*==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_locks_fit_each_other() -> None:
    """What is installed for the CPU, and with everything for GPUs, is the same but for PyTorch's own parts."""

    def pins(name: str) -> Callable[[str], str | None]:
        found = dict(re.findall(r"^([a-z][\w.-]*)==([\w.+]+)", (LOCKS / name).read_text(), re.MULTILINE))
        return found.get

    models, cpu, both = map(
        pins, ("requirements-models.lock", "requirements-torch-cpu.lock", "requirements-torch.lock")
    )
    transformers = pins("requirements-transformers.lock")
    assert cpu("torch") == f"{both('torch')}+cpu"
    for name in ("numpy", "onnxruntime", "tokenizers"):
        assert models(name) == transformers(name) == both(name)
    assert transformers("transformers") == both("transformers")
    assert str(models("numpy")).startswith("1.")
    assert set(PYTHONS) == {"3.11", "3.12"}
