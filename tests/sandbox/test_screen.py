"""Before anything runs: what of an edit is product, what is evidence's own ground, and what is refused outright."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.screen import Screened, screen
from tests.sandbox.trees import Content, edit_of, project_at, write
from workspace.project import Project

TEST = "from cart import total\n\ndef test_total():\n    assert total([1]) == 1\n"
PYPROJECT = (
    '[project]\nname = "shop"\nversion = "1.0"\ndependencies = []\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'
)
SETUP = "from setuptools import setup\nsetup(name='shop', version='1.0', packages=['shop'])\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files: dict[str, Content] = {
        "cart.py": "def total(items):\n    return sum(items)\n",
        "limits.toml": "most = 3\n",
        "pyproject.toml": PYPROJECT,
        "setup.cfg": "[metadata]\nversion = 1.0\n\n[flake8]\nmax-line-length = 100\n",
        "setup.py": SETUP,
        "tests/test_cart.py": TEST,
        "tests/conftest.py": "",
        "tests/helpers.py": "def one():\n    return 1\n",
        "tests/data/in.json": "{}",
        "queue.py": "",
    }
    return project_at(tmp_path / "project", files)


def screened(project: Project, files: Mapping[str, Content | None], scope: Sequence[str] = ()) -> Screened:
    return screen(edit_of(project, files, "a title"), project, scope)


def product(found: Screened) -> set[str]:
    return set(found.product.paths)


def new_tests(found: Screened) -> set[str]:
    return set(found.new_tests.paths)


@pytest.mark.parametrize("path", ["cart.py", "shop/new.py", "limits.toml", "README.md", "docs/a.txt", "x.bin"])
def test_product_is_what_is_run(project: Project, path: str) -> None:
    found = screened(project, {path: "x = 2\n"})
    assert (product(found), new_tests(found), found.findings, found.notes) == ({path}, set(), (), ())
    assert found.product.title == found.new_tests.title == "a title"


def test_product_that_reaches_for_the_judge_is_a_finding(project: Project) -> None:
    assert screened(project, {"cart.py": "import pytest\n"}).findings == ("cart.py: imports pytest",)
    assert screened(project, {"cart.pyi": "import gc\n"}).findings == ("cart.pyi: imports gc",)
    assert screened(project, {"notes.txt": "import pytest\n"}).findings == ()


@pytest.mark.parametrize(
    "content", [b"x = 1  # \xff\n", b"# coding: ascii\nx = '\xc3\xa9'\n", b"# coding: nonsense\nx = 1\n"]
)
def test_source_that_is_no_text_is_a_finding(project: Project, content: bytes) -> None:
    assert screened(project, {"cart.py": content}).findings == ("cart.py is not valid text in its encoding",)


@pytest.mark.parametrize(
    "content", ["# coding: latin-1\nx = '\xe9'\n".encode("latin-1"), b"\xef\xbb\xbfx = '\xc3\xa9'\n"]
)
def test_source_in_another_encoding_is_text(project: Project, content: bytes) -> None:
    assert screened(project, {"cart.py": content}).findings == ()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("sitecustomize.py", "would run when Python starts"),
        ("src/usercustomize.py", "would run when Python starts"),
        ("x.pth", "would run when Python starts"),
        ("cart.so", "stand in for source"),
        ("cart.pyc", "stand in for source"),
        ("cart.cpython-311-x86_64-linux-gnu.so", "stand in for source"),
        ("shop.egg-info/entry_points.txt", "would run when Python starts"),
        ("shop.dist-info/METADATA", "would register code with Python's packaging"),
        ("json.py", "stand in for the installed module json"),
        ("src/random.py", "stand in for the installed module random"),
        ("decimal/__init__.py", "stand in for the installed module decimal"),
        ("pytest.py", "stand in for the installed module pytest"),
        ("_pytest/__init__.py", "stand in for the installed module _pytest"),
        ("hypothesis.py", "stand in for the installed module hypothesis"),
        ("tests/unittest.py", "stand in for the installed module unittest"),
    ],
)
def test_start_up_hooks_and_stand_ins_are_refused_in_every_scope(project: Project, path: str, why: str) -> None:
    for scope in ((), ("*",), (path,)):
        found = screened(project, {path: "x = 1\n"}, scope)
        assert len(found.findings) == 1
        assert found.findings[0].startswith(path)
        assert why in found.findings[0]
        assert product(found) | new_tests(found) == set()


@pytest.mark.parametrize("path", ["shop/json.py", "queue.py", "queue/extra.py", "jsons.py", "src/shop/random.py"])
def test_names_inside_the_projects_own_packages_stand_in_for_nothing(project: Project, path: str) -> None:
    assert screened(project, {path: "x = 2\n"}).findings == ()


def test_tests_that_are_added_are_judged_apart(project: Project) -> None:
    added = {"tests/test_new.py": TEST, "tests/test_cart.py": TEST + "\ndef test_two():\n    assert total([2]) == 2\n"}
    found = screened(project, {**added, "tests/data/more.json": "{}", "cart.py": "x = 1\n"})
    assert found.findings == found.notes == ()
    assert new_tests(found) == {*added, "tests/data/more.json"}
    assert product(found) == {"cart.py"}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"tests/test_cart.py": TEST.replace("== 1", "== 2")}, "changes test_total"),
        ({"tests/test_cart.py": "from cart import total\n"}, "removes test_total"),
        ({"tests/test_cart.py": "import pytest\npytest.skip(allow_module_level=True)\n" + TEST}, "adds code that runs"),
        ({"tests/test_cart.py": "def ("}, "cannot be read as Python"),
        ({"tests/test_cart.py": None}, "deletes a test or its data"),
        ({"tests/helpers.py": "def one():\n    return 2\n"}, "changes one"),
        ({"tests/data/in.json": "[]"}, "edits a test's data or support"),
        ({"tests/data/in.json": None}, "deletes a test or its data"),
        ({"tests/conftest.py": "x = 1\n"}, "changes how tests or lint run"),
        ({"conftest.py": ""}, "changes how tests or lint run"),
        ({"pytest.ini": "[pytest]\naddopts = -k nothing\n"}, "changes how tests or lint run"),
        ({"tox.ini": ""}, "changes how tests or lint run"),
        ({"ruff.toml": ""}, "changes how tests or lint run"),
        ({".flake8": ""}, "changes how tests or lint run"),
        ({".coveragerc": ""}, "changes how tests or lint run"),
        ({"noxfile.py": ""}, "changes how tests or lint run"),
        ({"setup.py": SETUP.replace("packages=['shop']", "py_modules=[]")}, "changes how tests or lint run"),
        ({"pyproject.toml": PYPROJECT + "addopts = '-x'\n"}, "changes [tool]"),
        ({"pyproject.toml": PYPROJECT + "\n[project.scripts]\npytest = 'a:b'\n"}, "changes [project] scripts"),
        ({"pyproject.toml": PYPROJECT.replace('"shop"', '"other"')}, "changes [project] name"),
        ({"pyproject.toml": "[broken"}, "changes what cannot be read"),
        ({"pyproject.toml": None}, "changes [project]"),
        ({"setup.cfg": "[metadata]\nversion = 1.0\n\n[flake8]\nignore = E501\n"}, "changes [flake8]"),
        ({"setup.cfg": "[options.entry_points]\npytest11 = x\n"}, "changes [flake8]"),
        ({"setup.cfg": "broken"}, "changes what cannot be read"),
    ],
)
def test_evidence_changes_only_in_a_declared_scope(
    project: Project, files: Mapping[str, Content | None], why: str
) -> None:
    (path,) = files
    found = screened(project, files)
    assert len(found.findings) == 1
    assert found.findings[0].startswith(f"{path}: {why}")
    assert found.findings[0].endswith("outside the edit's scope")
    assert product(found) | new_tests(found) == set()
    declared = screened(project, files, [path])
    assert declared.findings == ()
    assert product(declared) | new_tests(declared) == {path}


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": PYPROJECT.replace('"1.0"', '"1.1"')},
        {"pyproject.toml": PYPROJECT.replace("dependencies = []", 'dependencies = ["attrs"]\ndescription = "A shop"')},
        {"pyproject.toml": "# a comment\n" + PYPROJECT},
        {"setup.cfg": "[metadata]\nversion = 1.1\n\n[flake8]\nmax-line-length = 100\n"},
        {"setup.py": SETUP.replace("'1.0'", "'1.1'")},
    ],
)
def test_a_projects_version_dependencies_and_description_may_change(
    project: Project, files: Mapping[str, Content]
) -> None:
    (path,) = files
    found = screened(project, files)
    assert found.findings == ()
    assert found.notes == (f"{path} is configuration: the run used the version before the edit",)
    assert product(found) | new_tests(found) == set()


def test_a_scope_is_a_glob_of_paths(project: Project) -> None:
    files = {
        "tests/test_cart.py": TEST.replace("== 1", "== 2"),
        "tests/data/in.json": "[]",
        "tests/conftest.py": "x=1\n",
    }
    found = screened(project, files, ["tests/*"])
    assert found.findings == ()
    assert new_tests(found) == {"tests/test_cart.py"}
    assert product(found) == {"tests/data/in.json", "tests/conftest.py"}
    assert len(screened(project, files, ["tests/test_*"]).findings) == 2


def test_what_the_project_calls_a_test_is_one(project: Project) -> None:
    write(project.root, {"pytest.ini": "[pytest]\npython_files = check_*.py\n", "check_cart.py": TEST})
    project = replace(project, files=(*project.files, "check_cart.py"))
    assert "changes test_total" in screened(project, {"check_cart.py": TEST.replace("== 1", "== 2")}).findings[0]
    assert new_tests(screened(project, {"check_more.py": TEST})) == {"check_more.py"}
