"""The project's own Python is found where each tool puts it, and is proven by starting it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

from workspace import probe
from workspace.environments import poetry_name
from workspace.errors import NoInterpreter
from workspace.python import OWN, OWN_NOTE, find_interpreter, search_interpreter

Git = Callable[..., str]
Tree = Callable[[Mapping[str, str | bytes]], Path]
BASE = Path(getattr(sys, "_base_executable", sys.executable))


def make_environment(folder: Path, *, pytest: bool = True) -> Path:
    """A real environment; what the search asks of it is only whether pytest could be imported."""
    subprocess.run((str(BASE), "-m", "venv", "--without-pip", str(folder)), check=True)
    if pytest:
        (packages_of(folder) / "pytest.py").touch()
    return folder / "bin/python"


def packages_of(environment: Path) -> Path:
    return environment / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def make_script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def make_liar(path: Path, *, version: tuple[int, int, int], marker: Path | None = None) -> Path:
    """A program that answers as a Python of another version would, and leaves a mark when it is started."""
    answer = {"version": version, "executable": str(path), "prefix": "/p", "base_prefix": "/p", "packages": []}
    mark = f"echo started >> '{marker}'\n" if marker else ""
    return make_script(path, f"{mark}echo 'assay-interpreter:{json.dumps({**answer, 'pytest': True})}'")


def test_the_environment_in_the_root(root: Path) -> None:
    python = make_environment(root / ".venv")
    found = find_interpreter(root, env={})
    assert found.executable == python
    assert found.prefix == root / ".venv"
    assert found.base_prefix == Path(sys.base_prefix)
    assert found.version == sys.version_info[:3]
    assert found.packages == (packages_of(root / ".venv"),)
    assert found.origin == ".venv"
    assert found.has_pytest


def test_the_order_of_places(root: Path, tmp_path: Path, git: Git) -> None:
    top = root
    git(top, "init", "-q")
    inner = top / "services/one"
    inner.mkdir(parents=True)
    places = {
        "the active environment": ({"VIRTUAL_ENV": str(tmp_path / "active")}, tmp_path / "active"),
        "UV_PROJECT_ENVIRONMENT (.uv-env)": ({"UV_PROJECT_ENVIRONMENT": ".uv-env"}, inner / ".uv-env"),
        ".venv": ({}, inner / ".venv"),
        "venv": ({}, inner / "venv"),
        "../../.venv": ({}, top / ".venv"),
        "python3 on PATH": ({"PATH": str(tmp_path / "on-path/bin")}, tmp_path / "on-path"),
    }
    env = {name: value for extra, _ in places.values() for name, value in extra.items()}
    make_environment(tmp_path / ".venv")  # above the repository: not the project's
    for _, folder in places.values():
        make_environment(folder)
    for origin, (extra, folder) in places.items():
        found = find_interpreter(inner, env=env)
        assert (found.origin, found.executable.parent) == (origin, folder / "bin")
        # Whoever forgot that another environment is active should read it.
        notes = search_interpreter(inner, env=env).notes
        active = f"the active environment {folder} was used, and not the project's UV_PROJECT_ENVIRONMENT (.uv-env)."
        assert notes == ((active,) if origin == "the active environment" else ())
        env = {name: value for name, value in env.items() if name not in extra}
        (folder / "pyvenv.cfg").unlink()
        (folder / "bin/python").unlink()
        (folder / "bin/python3").unlink()
    assert find_interpreter(inner, env=env).origin == OWN


def test_a_folder_called_env_is_no_environment(root: Path) -> None:
    make_script(root / "env/bin/python", "exit 1")
    assert search_interpreter(root, env={}).notes == (OWN_NOTE,)


def test_assays_own_environment_is_not_taken_for_the_projects(root: Path) -> None:
    env = {"VIRTUAL_ENV": sys.prefix, "PATH": str(Path(sys.executable).parent)}
    found = search_interpreter(root, env=env)
    assert found.interpreter.executable == Path(sys.executable)
    assert found.interpreter.origin == OWN
    assert found.interpreter.has_pytest
    assert found.notes == (OWN_NOTE,)
    python = make_environment(root / ".venv")
    assert find_interpreter(root, env=env).executable == python


def test_condas_base_is_active_only_by_habit(root: Path, tmp_path: Path) -> None:
    base = make_environment(tmp_path / "conda")
    (tmp_path / "conda/conda-meta").mkdir()
    env = {"CONDA_PREFIX": str(tmp_path / "conda"), "CONDA_DEFAULT_ENV": "base"}
    assert find_interpreter(root, env=env).executable == base
    own = make_environment(root / ".venv")
    assert find_interpreter(root, env=env).executable == own
    chosen = {**env, "CONDA_DEFAULT_ENV": "science"}
    assert find_interpreter(root, env=chosen).executable == base


@pytest.mark.parametrize("key", ["HOME", "CONDA_EXE", "CONDA_ENVS_PATH", "MAMBA_ROOT_PREFIX"])
def test_the_conda_environment_that_the_project_names(tree: Tree, tmp_path: Path, key: str) -> None:
    root = tree({"environment.yml": "# of the team\nname: 'science'  # short\ndependencies:\n  - name: other\n"})
    python = make_environment(tmp_path / "miniforge3/envs/science")
    env = {
        "HOME": {"HOME": str(tmp_path)},
        "CONDA_EXE": {"CONDA_EXE": str(tmp_path / "miniforge3/bin/conda")},
        "CONDA_ENVS_PATH": {"CONDA_ENVS_PATH": f"/nowhere:{tmp_path / 'miniforge3/envs'}"},
        "MAMBA_ROOT_PREFIX": {"MAMBA_ROOT_PREFIX": str(tmp_path / "miniforge3")},
    }[key]
    found = find_interpreter(root, env=env)
    assert (found.executable, found.origin) == (python, "conda (science)")


def test_poetrys_name_for_an_environment() -> None:
    # What Poetry 2 made for a project of this name in this folder.
    assert poetry_name("My_Proj.X", Path("/tmp/My_Proj.X")) == "my-proj-x-F-7fSOPc"


@pytest.mark.parametrize("where", ["cache", "XDG", "setting", "project"])
def test_poetrys_environment(tree: Tree, tmp_path: Path, where: str) -> None:
    root = tree({"pyproject.toml": '[project]\nname = "Shop"\n', "poetry.lock": ""})
    folder = tmp_path / "home/.cache/pypoetry/virtualenvs"
    env = {"HOME": str(tmp_path / "home")}
    if where == "XDG":
        env["XDG_CACHE_HOME"] = str(tmp_path / "xdg")
        folder = tmp_path / "xdg/pypoetry/virtualenvs"
    elif where == "setting":
        env["POETRY_VIRTUALENVS_PATH"] = str(tmp_path / "envs")
        folder = tmp_path / "envs"
    elif where == "project":
        tree({"poetry.toml": '[virtualenvs]\npath = "{project-dir}/envs"\n'})
        folder = root / "envs"
    name = poetry_name("Shop", root)
    make_environment(folder / f"{name}-py3.9")
    newest = make_environment(folder / f"{name}-py3.12")
    make_environment(folder / f"{poetry_name('Shop', tmp_path)}-py3.13")  # another folder's
    assert find_interpreter(root, env=env).executable == newest
    (folder / "envs.toml").write_text(f'[{name}]\nminor = "3.9"\npatch = "3.9.1"\n')  # `poetry env use`
    assert find_interpreter(root, env=env).origin == f"poetry ({name}-py3.9)"


def test_an_untrusted_workspace_does_not_say_where_to_look(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "planted"
    files = {"pyproject.toml": '[tool.poetry]\nname = "a"\n', "poetry.toml": f"[virtualenvs]\npath = {str(path)!r}\n"}
    root = tree(files)
    planted = make_environment(path / f"{poetry_name('a', root)}-py3.11")
    env = {"HOME": str(tmp_path / "home")}
    assert find_interpreter(root, env=env).executable == planted
    assert find_interpreter(root, env=env, trusted=False).origin == OWN


def test_a_python_on_path_counts_only_with_pytest(root: Path, tmp_path: Path) -> None:
    make_environment(tmp_path / "one", pytest=False)
    second = make_environment(tmp_path / "two")
    env = {"PATH": f"relative:{tmp_path / 'one/bin'}:{tmp_path / 'two/bin'}"}
    assert find_interpreter(root, env=env).executable.parent == second.parent
    assert find_interpreter(root, env={"PATH": str(tmp_path / "one/bin")}).origin == OWN


def test_the_setting_comes_first(root: Path, tmp_path: Path) -> None:
    make_environment(root / ".venv")
    python = make_environment(tmp_path / "mine")
    for given in (python, tmp_path / "mine", Path(os.path.relpath(python, root))):
        found = find_interpreter(root, python=given, env={"VIRTUAL_ENV": str(root / ".venv")})
        assert (found.executable, found.origin) == (python, "the setting `python`")
    named = find_interpreter(root, python=Path("python3"), env={"PATH": str(tmp_path / "mine/bin")})
    assert named.executable == python.parent / "python3"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "does not start: exit code 3"),
        ("echo broken library >&2; exit 1", "does not start: broken library"),
        ("echo hello", "does not answer like a Python"),
        ("echo 'assay-interpreter:{}'", "does not answer like a Python"),
        ("echo 'assay-interpreter:[1'", "does not answer like a Python"),
    ],
)
def test_a_setting_that_does_not_work_is_an_error_that_says_why(
    root: Path, tmp_path: Path, text: str, why: str
) -> None:
    make_environment(root / ".venv")  # is no way out: the person asked for another one
    script = make_script(tmp_path / "python", text)
    with pytest.raises(NoInterpreter) as error:
        find_interpreter(root, python=script, env={})
    assert str(error.value) == f"The configured Python {script} {why}; correct the setting `python`."


@pytest.mark.parametrize(
    ("path", "why"), [("nowhere/python", "No such file or directory"), ("plain.txt", "Permission denied")]
)
def test_a_setting_that_is_no_program(tree: Tree, path: str, why: str) -> None:
    root = tree({"plain.txt": "no program"})
    with pytest.raises(NoInterpreter, match=f"does not start: {why}; correct the setting"):
        find_interpreter(root, python=Path(path), env={})


def test_an_old_python_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(NoInterpreter, match=r"is Python 3\.7\.9, and Assay needs 3\.8 or later; correct"):
        find_interpreter(root, python=make_liar(tmp_path / "python", version=(3, 7, 9)), env={})
    found = find_interpreter(root, python=make_liar(tmp_path / "python38", version=(3, 8, 0)), env={})
    assert found.version == (3, 8, 0)


def test_a_broken_environment_is_passed_over_with_a_note(root: Path, tmp_path: Path) -> None:
    make_environment(root / ".venv")
    (root / ".venv/bin/python").unlink()
    (root / ".venv/bin/python").symlink_to("/nowhere/python3.9")  # the Python it was made with is gone
    old = make_liar(root / "venv/bin/python", version=(2, 7, 18))
    (root / "venv/pyvenv.cfg").touch()
    python = make_environment(root / "env")
    found = search_interpreter(root, env={})
    assert found.interpreter.executable == python
    assert found.notes == (
        f"{root}/.venv/bin/python does not start: No such file or directory; another Python was used.",
        f"{old} is Python 2.7.18, and Assay needs 3.8 or later; another Python was used.",
    )


def test_a_python_that_hangs_is_ended_with_all_it_started(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.5)
    script = make_script(tmp_path / "python", f"sleep 600 & echo $! > '{tmp_path}/pid'; wait")
    with pytest.raises(NoInterpreter, match=r"did not answer within 0\.5 s"):
        find_interpreter(root, python=script, env={"PATH": os.environ["PATH"]})
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_start_up_code_that_prints_does_no_harm(root: Path) -> None:
    make_environment(root / ".venv")
    (packages_of(root / ".venv") / "loud.pth").write_text("import sys; print('hello'); sys.stderr.write('hm')\n")
    assert find_interpreter(root, env={}).origin == ".venv"


def test_little_is_passed_on_to_a_python_that_is_only_looked_at(root: Path, tmp_path: Path) -> None:
    script = make_script(tmp_path / "python", f"env > '{tmp_path}/env'; pwd > '{tmp_path}/cwd'; exit 1")
    env = {"PATH": os.environ["PATH"], "HOME": "/h", "PYTHONPATH": "/evil", "API_KEY": "s", "LD_PRELOAD": "/x.so"}
    with pytest.raises(NoInterpreter):
        find_interpreter(root, python=script, env=env)
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME"}
    assert (tmp_path / "cwd").read_text().strip() == str(root)


def test_an_answer_is_remembered_until_something_changes(root: Path, tmp_path: Path) -> None:
    marker = tmp_path / "starts"
    packages = tmp_path / "site-packages"
    packages.mkdir()
    answer = {"version": [3, 11, 0], "executable": "", "prefix": "/p", "base_prefix": "/p", "packages": [str(packages)]}
    line = "assay-interpreter:" + json.dumps({**answer, "pytest": False})
    script = make_script(tmp_path / "bin/python", f"echo x >> '{marker}'; echo '{line}'")

    def starts() -> int:
        find_interpreter(root, python=script, env={})
        return len(marker.read_text().splitlines())

    assert [starts(), starts()] == [1, 1]
    os.utime(packages, (1, 1))  # as when something is installed
    assert [starts(), starts()] == [2, 2]
    (tmp_path / "pyvenv.cfg").touch()
    assert [starts(), starts()] == [3, 3]
    os.utime(script, (1, 1))
    assert [starts(), starts()] == [4, 4]


def test_nothing_of_an_untrusted_workspace_is_started(root: Path, tmp_path: Path, git: Git) -> None:
    git(root, "init", "-q")
    marker = tmp_path / "started"
    inner = root / "app"
    for place in (".venv", "app/.venv", "app/venv", "app/bin", "app/active"):
        for name in ("python", "python3", "bin/python", "bin/python3", "ruff", "bin/ruff"):
            make_liar(root / place / name, version=(3, 11, 0), marker=marker)
        (root / place / "pyvenv.cfg").touch()
    (tmp_path / "looks-outside").symlink_to(root / "app/bin")
    env = {
        "VIRTUAL_ENV": str(root / "app/active"),
        "UV_PROJECT_ENVIRONMENT": "../app/active",
        "PATH": f"{root / 'app/bin'}:{tmp_path / 'looks-outside'}:{root}/app/../app/bin",
    }
    found = search_interpreter(inner, env=env, trusted=False)
    assert found.interpreter.origin == OWN
    assert found.interpreter.ruff is None or not found.interpreter.ruff.is_relative_to(root)
    assert any("not trusted" in note for note in found.notes)
    for python in (Path(".venv/bin/python"), root / "app/active", tmp_path / "looks-outside/python"):
        with pytest.raises(NoInterpreter, match="not trusted"):
            find_interpreter(inner, python=python, env=env, trusted=False)
    assert not marker.exists()
    outside = make_environment(tmp_path / "mine")
    assert find_interpreter(inner, python=outside, env=env, trusted=False).executable == outside
    assert not marker.exists()
    find_interpreter(inner, env=env, trusted=True)
    assert marker.exists(), "the trap works"


def test_tools_come_from_the_environment_or_from_path(root: Path, tmp_path: Path) -> None:
    make_environment(root / ".venv")
    env = {"PATH": f"{tmp_path / 'bin'}"}
    make_script(tmp_path / "bin/ruff", "")
    flake8 = make_script(tmp_path / "bin/flake8", "")
    ruff = make_script(root / ".venv/bin/ruff", "")
    found = find_interpreter(root, env=env)
    assert (found.ruff, found.flake8) == (ruff, flake8)
    found = find_interpreter(root, env={"PATH": ""})
    assert (found.ruff, found.flake8) == (ruff, None)
