"""Look at an edit before it runs: which part is evidence's own ground, and what reaches for the judge.

Tests, their data, configuration and start-up hooks decide what a run means, so a candidate may not change them
unless its declared scope says so. The run uses the base's version of each; changing one is a finding of its own,
because the edit would land with it. Adding tests is welcome: they are judged apart.
"""

from __future__ import annotations

import ast
import configparser
import io
import sys
import tokenize
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from sandbox.reach import new_reaches
from sandbox.testdiff import keeps_existing_tests
from workspace.conventions import Conventions, is_test_path, is_test_support, read_conventions
from workspace.edit import Edit, FileChange
from workspace.project import Project

_START_UP = frozenset({"sitecustomize.py", "usercustomize.py", "entry_points.txt"})
_START_UP_ENDINGS = (".pth", ".egg-link", ".pyc", ".so", ".pyd")
_METADATA_ENDINGS = (".egg-info", ".dist-info")
# What a project file may change without changing what a test run or a lint run means.
_PROJECT_FIELDS = frozenset(
    {"version", "description", "readme", "authors", "maintainers", "keywords", "classifiers", "urls", "license",
     "dependencies", "license-files", "requires-python"}
)  # fmt: skip
_TOOLS = frozenset({"pytest", "py.test", "python", "python3", "ruff", "flake8", "coverage"})
_SETUP_FIELDS = frozenset({"version", "description", "long_description", "author", "url", "python_requires"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """An edit taken apart."""

    product: Edit
    """What is applied for the run: all but tests, test data and configuration outside the scope."""
    new_tests: Edit
    """Tests that the edit adds, judged apart; includes what belongs to the scope of tests."""
    findings: tuple[str, ...]
    """Why the edit cannot be verified, whatever the run says."""
    notes: tuple[str, ...]
    """What is no part of the run, for the reader."""


def screen(edit: Edit, project: Project, scope: Iterable[str] = ()) -> Screened:
    """Take an edit apart. `scope`: globs of the files that it is meant to change even where they are evidence."""
    product: list[FileChange] = []
    tests: list[FileChange] = []
    findings: list[str] = []
    notes: list[str] = []
    globs = tuple(scope)
    known = _known_names(project)
    conventions = read_conventions(project.root)
    for change in edit.changes:
        declared = any(fnmatch(change.path, glob) for glob in globs)
        if hook := _start_up(change, known):
            findings.append(hook)
        elif not _is_ground(change.path, conventions):
            product.append(change)
            if change.path.endswith((".py", ".pyi")):
                findings += [f"{change.path}: {reach}" for reach in new_reaches(change.before, change.after)]
                findings += _undecodable(change)
        elif declared:
            (tests if _is_test(change.path, conventions) else product).append(change)
        elif (why := _ground_finding(change, conventions)) is not None:
            findings.append(why)
        elif _is_test_ground(change.path, conventions):
            tests.append(change)
        else:
            notes.append(f"{change.path} is configuration: the run used the version before the edit")
    return Screened(
        product=Edit(changes=tuple(product), title=edit.title),
        new_tests=Edit(changes=tuple(tests), title=edit.title),
        findings=tuple(dict.fromkeys(findings)),
        notes=tuple(notes),
    )


def _undecodable(change: FileChange) -> list[str]:
    """Python reads over bad bytes in comments; people, editors and other tools do not."""
    if change.after is None:
        return []
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(change.after).readline)
        change.after.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return [f"{change.path} is not valid text in its encoding"]
    return []


def _is_test(path: str, conventions: Conventions) -> bool:
    return is_test_path(path) or conventions.is_test_file(path)


def _is_ground(path: str, conventions: Conventions) -> bool:
    return _is_test(path, conventions) or is_test_support(path) or PurePosixPath(path).name in _CONFIGURATION


def _is_test_ground(path: str, conventions: Conventions) -> bool:
    """Tests and what lies beside them, as opposed to configuration of the whole project."""
    return _is_test(path, conventions) or (PurePosixPath(path).name not in _CONFIGURATION and "conftest.py" not in path)


def _start_up(change: FileChange, known: frozenset[str]) -> str | None:
    path = PurePosixPath(change.path)
    if path.name in _START_UP or path.suffix in _START_UP_ENDINGS:
        return f"{change.path} would run when Python starts, or stand in for source"
    if any(part.endswith(_METADATA_ENDINGS) for part in path.parts):
        return f"{change.path} would register code with Python's packaging"
    if change.before is None and change.after is not None and path.suffix == ".py":
        inner = path.parts[1:] if path.parts[0] in ("src", "tests", "test", "lib") else path.parts
        top = inner[0].removesuffix(".py") if inner else ""
        if top in known:
            return f"{change.path} would stand in for the installed module {top}"
    return None


def _known_names(project: Project) -> frozenset[str]:
    """Modules that the standard library or the environment provides and the project itself does not."""
    installed: set[str] = {"pytest", "_pytest", "pluggy", "coverage", "iniconfig", "packaging"}
    for folder in project.python.packages:
        try:
            installed |= {entry.name.removesuffix(".py") for entry in folder.iterdir() if "-info" not in entry.name}
        except OSError:
            continue
    own = {part.removesuffix(".py") for path in project.files for part in PurePosixPath(path).parts[:2]}
    return frozenset((installed | sys.stdlib_module_names) - own)


_CONFIGURATION = frozenset(
    {
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "tox.ini",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "noxfile.py",
        ".coveragerc",
        "ruff.toml",
        ".ruff.toml",
        ".flake8",
        "mypy.ini",
        ".mypy.ini",
        "pyrightconfig.json",
    }
)


def _ground_finding(change: FileChange, conventions: Conventions) -> str | None:
    """Why a change to evidence's ground is not acceptable without a declared scope; None when it only adds."""
    name = PurePosixPath(change.path).name
    if name == "pyproject.toml":
        changed = _changed_toml(change)
        return f"{change.path}: changes {changed}, outside the edit's scope" if changed else None
    if name == "setup.cfg":
        changed = _changed_cfg(change)
        return f"{change.path}: changes {changed}, outside the edit's scope" if changed else None
    if name == "setup.py" and _same_but_for_fields(change):
        return None
    if name in _CONFIGURATION or name == "conftest.py":
        return f"{change.path}: changes how tests or lint run, outside the edit's scope"
    if change.before is None:
        return None
    if change.after is None:
        return f"{change.path}: deletes a test or its data, outside the edit's scope"
    if change.path.endswith(".py") and _is_test(change.path, conventions):
        lost = keeps_existing_tests(change.before, change.after)
        return f"{change.path}: {lost}, outside the edit's scope" if lost else None
    return f"{change.path}: edits a test's data or support, outside the edit's scope"


def _changed_toml(change: FileChange) -> str:
    """The first table or field whose change can change a run's meaning; empty when there is none."""
    try:
        before, after = (tomllib.loads((content or b"").decode()) for content in (change.before, change.after))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return "what cannot be read"
    for table in sorted(before.keys() | after.keys()):
        old: Any = before.get(table, {})
        new: Any = after.get(table, {})
        if old == new:
            continue
        if table != "project" or not isinstance(old, dict) or not isinstance(new, dict):
            return f"[{table}]"
        fields: set[str] = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}  # pyright: ignore
        if isinstance(new.get("scripts"), dict) and not _TOOLS & new["scripts"].keys():  # pyright: ignore
            fields -= {"scripts"}  # nothing is installed again for a run
        if fields - _PROJECT_FIELDS:
            return f"[project] {sorted(fields - _PROJECT_FIELDS)[0]}"
    return ""


def _same_but_for_fields(change: FileChange) -> bool:
    """Whether a setup.py differs in plain values of harmless fields alone."""
    trees: list[str] = []
    for content in (change.before, change.after):
        try:
            tree = ast.parse(content or b"")
        except (SyntaxError, ValueError):
            return False
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in _SETUP_FIELDS and isinstance(node.value, ast.Constant):
                node.value = ast.Constant(value=None)
        trees.append(ast.dump(tree))
    return change.before is not None and trees[0] == trees[1]


def _changed_cfg(change: FileChange) -> str:
    sections: list[dict[str, dict[str, str]]] = []
    for content in (change.before, change.after):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string((content or b"").decode())
        except (configparser.Error, UnicodeDecodeError):
            return "what cannot be read"
        sections.append({name: dict(parser[name]) for name in parser.sections()})
    before, after = sections
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name) and name != "metadata":
            return f"[{name}]"
    return ""
