"""The linter that the project configures decides, and what is found is counted by file and rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.job import PhaseResult
from sandbox.lint import configured_linter, findings_in, lint_mounts, lint_phase
from tests.sandbox.trees import project_at

RUFF, FLAKE8 = Path("/somewhere/ruff"), Path("/somewhere/flake8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"pyproject.toml": "[tool.black]\n"}, None),
        ({"pyproject.toml": "[tool.ruff]\n"}, RUFF),
        ({"pyproject.toml": "[tool.ruff.lint]\nselect = ['F']\n"}, RUFF),
        ({"ruff.toml": ""}, RUFF),
        ({".ruff.toml": ""}, RUFF),
        ({".flake8": ""}, FLAKE8),
        ({"setup.cfg": "[flake8]\n"}, FLAKE8),
        ({"tox.ini": "[flake8]\n"}, FLAKE8),
        ({"ruff.toml": "", ".flake8": ""}, RUFF),
    ],
)
def test_a_linter_runs_where_the_project_configures_it(
    tmp_path: Path, files: Mapping[str, str], expected: Path | None
) -> None:
    project = project_at(tmp_path, files)
    assert configured_linter(replace(project, python=replace(project.python, ruff=RUFF, flake8=FLAKE8))) == expected
    assert configured_linter(replace(project, python=replace(project.python, ruff=None, flake8=None))) is None


@pytest.mark.parametrize(("linter", "ignoring"), [(RUFF, "--ignore-noqa"), (FLAKE8, "--disable-noqa")])
def test_suppressions_do_not_count(tmp_path: Path, linter: Path, ignoring: str) -> None:
    phase = lint_phase("lint-after", project_at(tmp_path, {}), linter, ["a.py", "b.py"], "/project")
    assert ignoring in phase.argv
    assert phase.argv[-2:] == ("a.py", "b.py")
    assert phase.cwd == "/project"


def test_the_linter_is_shown_by_itself(tmp_path: Path) -> None:
    real = tmp_path / "tools" / "ruff"
    real.parent.mkdir()
    real.touch()
    (tmp_path / "ruff").symlink_to(real)
    (mount,) = lint_mounts(tmp_path / "ruff")
    assert (mount.source, mount.target, mount.writable) == (real, "/assay-lint/ruff", False)


def result(output: str, status: int | None = 0) -> PhaseResult:
    return PhaseResult(name="lint", status=status, timed_out=False, seconds=0.0, forged=0, replaced=(), output=output,
                       records=())  # fmt: skip


def test_findings_of_either_linter_are_counted() -> None:
    ruff = (
        '[{"filename": "/project/a.py", "code": "F401"}, {"filename": "/project/a.py", "code": "F401"},'
        ' {"filename": "/project/b.py", "code": "E501"}]\nwarning: something else\n'
    )
    assert findings_in(result(ruff)) == Counter({("a.py", "F401"): 2, ("b.py", "E501"): 1})
    flake8 = (
        "./a.py:1:1: F401 'os' imported but unused\na.py:2:1: F401 'sys' imported but unused\n./b.py:1:80: E501 long\n"
    )
    assert findings_in(result(flake8)) == Counter({("a.py", "F401"): 2, ("b.py", "E501"): 1})
    assert findings_in(result("[]")) == findings_in(result("")) == Counter()


@pytest.mark.parametrize("status", [1, 2, -9, None])
def test_a_linter_that_did_not_end_well_says_nothing(status: int | None) -> None:
    assert findings_in(result("[]", status)) is None
    assert findings_in(None) is None
