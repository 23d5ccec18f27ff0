"""What of the host a project's Python brings with it into the sandbox, and what it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandbox.mounts import python_mounts
from tests.sandbox.trees import write
from workspace.python import Interpreter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with a project, private files, and a Python installed beside it."""
    home = tmp_path / "home"
    write(home, {".ssh/config": "", ".local/share/keyrings/login": "", "work/a.py": "", "bin/notes": ""})
    write(tmp_path / "python-3.11", {"bin/python3.11": "", "lib/python3.11/os.py": ""})
    monkeypatch.setenv("HOME", str(home))
    return home


def link(at: Path, to: Path) -> Path:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(to)
    return at


def interpreter(executable: Path, prefix: Path, base: Path, packages: tuple[Path, ...] = ()) -> Interpreter:
    return Interpreter(executable=executable, prefix=prefix, base_prefix=base, version=(3, 11, 0), packages=packages,
                       origin="a test", has_pytest=True)  # fmt: skip


def shown(python: Interpreter, root: Path) -> dict[str, Path]:
    mounts = python_mounts(python, root)
    assert not any(mount.writable for mount in mounts)
    assert all(mount.source == Path(mount.target).resolve() for mount in mounts)
    return {mount.target: mount.source for mount in mounts}


def test_an_environment_and_the_installation_behind_it(home: Path, tmp_path: Path) -> None:
    base, venv = tmp_path / "python-3.11", home / "work/.venv"
    link(venv / "bin/python", base / "bin/python3.11")
    (venv / "lib/site").mkdir(parents=True)
    python = interpreter(venv / "bin/python", venv, base, (venv / "lib/site",))
    assert shown(python, home / "work").keys() == {str(venv), str(base)}


def test_an_installation_by_another_name_is_shown_under_both(home: Path, tmp_path: Path) -> None:
    base, venv = tmp_path / "python-3.11", home / "work/.venv"
    link(tmp_path / "python-3", base)
    link(venv / "bin/python", tmp_path / "python-3/bin/python3.11")
    found = shown(interpreter(venv / "bin/python", venv, base), home / "work")
    assert found == {str(venv): venv, str(base): base, str(tmp_path / "python-3"): base}


@pytest.mark.parametrize("place", ["bin", ".local/bin", "opt/tools/bin"])
def test_a_link_in_the_home_shows_its_folder_and_no_more(home: Path, tmp_path: Path, place: str) -> None:
    base, venv = tmp_path / "python-3.11", home / "work/.venv"
    link(home / place / "python3", base / "bin/python3.11")
    link(venv / "bin/python", home / place / "python3")
    found = shown(interpreter(venv / "bin/python", venv, base), home / "work")
    assert found.keys() == {str(venv), str(base), str(home / place)}


def test_nothing_shows_the_home_itself(home: Path, tmp_path: Path) -> None:
    base, venv = tmp_path / "python-3.11", home / "work/.venv"
    link(home / "python3", base / "bin/python3.11")
    link(venv / "bin/python", home / "python3")
    write(venv, {"site/a.pth": f"{home}\n{tmp_path}\n{home / 'work'}\n{home / 'work/src'}\n/\nimport os\n"})
    found = shown(interpreter(venv / "bin/python", venv, base, (venv / "site",)), home / "work")
    assert found.keys() == {str(venv), str(base)}


@pytest.mark.parametrize("place", [".", ".local"])
def test_of_an_installation_in_the_home_only_pythons_part_is_shown(home: Path, place: str) -> None:
    prefix = home / place
    write(prefix, {"bin/python3": "", "lib/python3.11/os.py": ""})
    found = shown(interpreter(prefix / "bin/python3", prefix, prefix), home / "work")
    assert found.keys() == {str(prefix / "bin"), str(prefix / "lib")}


def test_an_environment_made_in_the_root_itself_does_not_hide_the_copy(home: Path, tmp_path: Path) -> None:
    root, base = home / "work", tmp_path / "python-3.11"
    link(root / "bin/python", base / "bin/python3.11")
    write(root, {"pyvenv.cfg": "", "lib/python3.11/site-packages/x.py": ""})
    found = shown(interpreter(root / "bin/python", root, base), root)
    assert found.keys() == {str(base), str(root / "bin"), str(root / "lib")}


def test_folders_of_editable_installs_are_shown(home: Path, tmp_path: Path) -> None:
    base = tmp_path / "python-3.11"
    write(tmp_path, {"library/src/lib.py": "", "site/_lib.pth": f"{tmp_path / 'library/src'}\n", "site/b.pth": b"\xff"})
    python = interpreter(base / "bin/python3.11", base, base, (tmp_path / "site",))
    assert shown(python, home / "work").keys() == {str(base), str(tmp_path / "library/src"), str(tmp_path / "site")}


def test_assays_own_source_is_not_shown_with_its_python(home: Path, tmp_path: Path) -> None:
    site = write(tmp_path / "site", {"_assay.pth": f"{ROOT}\n"})
    base = tmp_path / "python-3.11"
    assert str(ROOT) not in shown(interpreter(base / "bin/python3.11", base, base, (site,)), home / "work")


def test_the_systems_own_folders_are_there_already(home: Path) -> None:
    python = interpreter(Path("/usr/bin/python3"), Path("/usr"), Path("/usr"), (Path("/usr/lib/python3"),))
    assert shown(python, home / "work") == {}


def test_folders_that_are_not_there_are_left_out(home: Path, tmp_path: Path) -> None:
    python = interpreter(Path(sys.executable), tmp_path / "none", tmp_path / "nor", (tmp_path / "this",))
    assert not {str(tmp_path / name) for name in ("none", "nor", "this")} & shown(python, home / "work").keys()
