"""Real folders and real git, apart from the configuration of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Git = Callable[..., str]
Tree = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def tree(root: Path) -> Tree:
    """Write files under the root: `tree({"src/a.py": "x = 1"})`; a path that ends with a slash is a folder."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write


@pytest.fixture(scope="session")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    home = tmp_path_factory.mktemp("home")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }

    def run(folder: Path, *arguments: str, check: bool = True) -> str:
        command = ("git", "-c", "protocol.file.allow=always", *arguments)
        done = subprocess.run(command, cwd=folder, env=env, check=check, stdout=subprocess.PIPE)
        return os.fsdecode(done.stdout)

    return run


@pytest.fixture
def with_ordinary_rights() -> Callable[[str], str]:
    """Run statements as a process that file modes hold back, though the tests may run as root; gives what they print.

    `walk`, `open_project` and the like are imported. Root keeps its name and loses the capabilities that let it pass
    over modes, so that it can still start the Python it was installed with.
    """
    capabilities = "-dac_override,-dac_read_search"
    as_owner = ("setpriv", f"--bounding-set={capabilities}", f"--inh-caps={capabilities}") if os.getuid() == 0 else ()
    imports = "from pathlib import Path\n" + "".join(
        f"from workspace.{module} import *\n" for module in ("errors", "policy", "project", "walk")
    )

    def run(statements: str) -> str:
        program = f"import sys; sys.path.insert(0, sys.argv[1])\n{imports}{statements}"
        command = (*as_owner, sys.executable, "-c", program, str(Path(__file__).resolve().parents[2]))
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd="/", env={"PATH": os.environ["PATH"]})
        return done.stdout.decode().strip()

    return run
