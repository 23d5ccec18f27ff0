"""The repository itself: locks, names, documents, and what its installed command imports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from workspace.tests import tests_in

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["packages"]
LOCKS = sorted(ROOT.glob("*.lock"))


def test_there_are_lock_files() -> None:
    assert {lock.name for lock in LOCKS} >= {
        "requirements-build.lock",
        "requirements-dev.lock",
        "requirements-uv.lock",
        "requirements.lock",
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_everything_with_hashes_and_carries_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert "://" not in text and "index-url" not in text.replace("--no-emit-index-url", "")
    pins = re.findall(r"^([A-Za-z0-9][\w.-]*)(\S*)((?:.*\\\n)+.*)", text, re.MULTILINE)
    assert pins
    for name, version, rest in pins:
        assert version.startswith("=="), name
        assert "--hash=sha256:" in rest, name


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_hold_what_the_project_asks_for(lock: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = list(settings["project"]["dependencies"])
    if "dev" in lock:
        wanted += settings["dependency-groups"]["dev"]
    pinned = set(re.findall(r"^([A-Za-z0-9][\w.-]*)==", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
    missing = {name for each in wanted if (name := re.split(r"[\[<>=!~; ]", each)[0].lower()) not in pinned}
    assert not missing, "run `make lock`"


def test_the_version_of_uv_is_that_of_its_lock() -> None:
    version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert f"uv=={version.group(1)} " in (ROOT / "requirements-uv.lock").read_text("utf-8")


def test_documents_are_in_order() -> None:
    done = subprocess.run((sys.executable, "-P", str(ROOT / "scripts/check-docs")), check=False, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()


def test_no_other_distribution_provides_our_names() -> None:
    provided = packages_distributions()
    for package in PACKAGES:
        assert set(provided.get(package, ["assay"])) == {"assay"}, package
        assert package not in sys.stdlib_module_names


ADAPTERS = {
    "qdrant_edge": "retrieval/store/edge.py",
    "qdrant_client": "retrieval/store/server.py",
    "redis": ("retrieval/cache/redis.py", "inference/cache/redis.py"),  # neither package may know the other
    "tree_sitter": "retrieval/chunking/grammars.py",
    "onnxruntime": "retrieval/embedding/minilm.py",
    "tokenizers": ("retrieval/embedding/minilm.py", "inference/tokens/local.py"),
    "watchdog": "retrieval/index/watch.py",
    "httpx": "inference/openai/http.py",
    "tritonclient": "inference/triton/channel.py",
    "grpc": ("inference/triton/channel.py", "retrieval/store/server.py"),
    "jinja2": "inference/prompts/jinja.py",
    "prometheus_client": "inference/observe/metrics.py",
    "opentelemetry": "inference/observe/spans.py",
    "keyring": "server/secrets.py",
    "pygls": "server/",
    "lsprotocol": "server/",
}


@pytest.mark.parametrize("library", ADAPTERS)
def test_one_module_knows_a_library(library: str) -> None:
    importing = re.compile(rf"^\s*(?:import|from) {library}\b", re.MULTILINE)
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    known = [path.relative_to(ROOT).as_posix() for path in files if importing.search(path.read_text("utf-8"))]
    assert known
    assert all(path.startswith(ADAPTERS[library]) for path in known), known


def test_every_invariant_names_a_test_that_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    held = re.findall(r"`(tests/[\w./-]+\.py)(?:::([\w:]+))?`", " ".join(re.findall(r"\(held by ([^)]*)\)", text)))
    assert held, "an invariant is written as: **Text.** (held by `tests/x/test_y.py::test_z`)"
    for path, name in held:
        assert (ROOT / path).is_file(), path
        names = {case.name for case in tests_in(path, (ROOT / path).read_text("utf-8"))}
        assert not name or name in names, f"{path}::{name}"


@pytest.mark.parametrize("script", [".ci/run", *(f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir())])
def test_scripts_can_be_run(script: str) -> None:
    path = ROOT / script
    if path.is_file():
        assert os.access(path, os.X_OK)
        assert path.read_text("utf-8").startswith("#!/")


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    """A workspace whose folders have the names of our packages; each leaves a mark when it is imported."""
    for package in PACKAGES:
        folder = tmp_path / "workspace" / package
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write('{package}\\n')\n")
        (folder / "main.py").write_text("def main(): raise SystemExit('poisoned')\n")
    return tmp_path


@pytest.mark.parametrize("arguments", [("--version",), ("doctor", "--help"), ("lsp",)], ids=" ".join)
def test_the_command_imports_nothing_from_the_folder_it_is_started_in(
    poisoned: Path, arguments: tuple[str, ...]
) -> None:
    done = subprocess.run(
        (str(BIN / "assay"), *arguments),
        cwd=poisoned / "workspace",
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert not (poisoned / "imported").exists()
    assert b"poisoned" not in done.stdout
    assert done.returncode == 0 or "lsp" in arguments, done.stdout.decode()


def test_the_poison_works(poisoned: Path) -> None:
    subprocess.run((sys.executable, "-c", "import workspace"), cwd=poisoned / "workspace", check=True)
    assert (poisoned / "imported").read_text() == "workspace\n"


def test_make_says_what_there_is() -> None:
    done = subprocess.run(("make", "-s"), cwd=ROOT, check=True, stdout=subprocess.PIPE)
    listed = set(re.findall(r"^  make (\w+) ", done.stdout.decode(), re.MULTILINE))
    assert listed >= {"demo", "test", "check", "bench", "lock", "help"}
