"""How the tests are started: the project's meaning is kept, everything else is ours to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.plan import environment, kept_addopts, test_phase
from tests.sandbox.trees import Content, project_at

test_phase.__dict__["__test__"] = False  # a function of the judge, whatever its name says


@pytest.mark.parametrize(
    ("addopts", "kept"),
    [
        ("", []),
        ("-q -ra --tb=long -x --maxfail=1 -s --color=yes", []),
        ("--cov=x --cov-report term -n 4 --dist loadfile --reruns 3 --timeout 5 -p no:randomly", ["-p", "no:randomly"]),
        ("--lf --ff --sw --nf --last-failed", []),
        ("--doctest-modules --doctest-glob='*.rst'", ["--doctest-modules", "--doctest-glob=*.rst"]),
        ("--strict-markers --strict-config -W error", ["--strict-markers", "--strict-config", "-W", "error"]),
        ("-m 'not slow' --ignore old --deselect=a.py::b", ["-m", "not slow", "--ignore", "old", "--deselect=a.py::b"]),
        ("-Werror -mfast -pno:doctest", ["-Werror", "-mfast", "-pno:doctest"]),
        ("--import-mode=importlib --pyargs", ["--import-mode=importlib", "--pyargs"]),
        ("--asyncio-mode auto", ["--asyncio-mode", "auto"]),
    ],
)
def test_of_addopts_what_decides_the_meaning_is_kept(tmp_path: Path, addopts: str, kept: list[str]) -> None:
    assert kept_addopts(project_at(tmp_path, {"pytest.ini": f"[pytest]\naddopts = {addopts}\n"})) == kept


STRICT = "--strict-markers"


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"pyproject.toml": f"[tool.pytest.ini_options]\naddopts = '{STRICT}'\n"}, [STRICT]),
        ({"pyproject.toml": f"[tool.pytest.ini_options]\naddopts = ['-q', '{STRICT}']\n"}, [STRICT]),
        ({"setup.cfg": f"[tool:pytest]\naddopts = -q {STRICT}\n"}, [STRICT]),
        ({"tox.ini": f"[pytest]\naddopts =\n    -q\n    {STRICT}\n"}, [STRICT]),
        ({".pytest.ini": f"[pytest]\naddopts = {STRICT}\n"}, [STRICT]),
        ({"pytest.ini": "[pytest]\n", "setup.cfg": f"[tool:pytest]\naddopts = {STRICT}\n"}, []),
        ({"tox.ini": "[tox]\n", "setup.cfg": f"[tool:pytest]\naddopts = {STRICT}\n"}, [STRICT]),
        ({"pyproject.toml": "[broken", "tox.ini": f"[pytest]\naddopts = {STRICT}\n"}, [STRICT]),
        ({"pytest.ini": f"[pytest]\naddopts = {STRICT} 'open\n"}, []),
    ],
)
def test_addopts_are_found_where_pytest_looks(tmp_path: Path, files: Mapping[str, Content], kept: list[str]) -> None:
    assert kept_addopts(project_at(tmp_path, files)) == kept


def test_a_phase_runs_isolated_and_guards_what_decides(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = -n 4 -m fast\n", "a.py": "", "tests/test_a.py": "", "tests/in.json": ""}
    project = project_at(tmp_path, {**files, "README.md": ""})
    phase = test_phase("x", project, cwd="/at", user=7, seconds=9.0, selection=["tests/test_a.py"])
    assert phase.argv[1:] == ("-I", "-S", "-B", "/assay/worker.py")
    assert (phase.name, phase.kind, phase.cwd, phase.user, phase.seconds) == ("x", "worker", "/at", 7, 9.0)
    assert phase.config["args"][-3:] == ["-m", "fast", "tests/test_a.py"]
    assert "--rootdir=/at" in phase.config["args"]
    assert "addopts=" in phase.config["args"]
    assert set(phase.guarded) == {"/at/pytest.ini", "/at/a.py", "/at/tests/test_a.py", "/at/tests/in.json"}


def test_nothing_of_the_persons_environment_goes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    python = project_at(tmp_path, {}).python
    names = environment(python, 7).keys()
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    venv = replace(python, prefix=Path("/p/.venv"), executable=Path("/p/.venv/bin/python"))
    assert environment(venv, 7)["VIRTUAL_ENV"] == "/p/.venv"
    assert environment(venv, 7)["PATH"].split(":")[0] == "/p/.venv/bin"
    assert "VIRTUAL_ENV" not in environment(replace(python, prefix=python.base_prefix), 7)


def test_a_python_that_cannot_run_pytest_is_told_before_anything_starts(tmp_path: Path) -> None:
    project = project_at(tmp_path, {})
    old = replace(project, python=replace(project.python, has_pytest=False, version=(3, 9, 1)))
    with pytest.raises(SandboxError, match=r"is Python 3\.9\.1 without pytest; install it there with"):
        test_phase("tests", old, cwd="/at", user=7, seconds=9.0)
