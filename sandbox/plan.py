"""How a project's tests are started inside: arguments, environment, users and limits of each phase."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.job import Phase
from sandbox.lend import check_pytest
from workspace.project import Project
from workspace.python import Interpreter
from workspace.tests import is_test_support

# Options of the project's `addopts` that change what its tests mean. Others choose output, parallel runs,
# coverage or a subset, which is Assay's to decide, or belong to plugins that are not loaded.
_KEPT_FLAGS = ("--doctest-modules", "--strict-markers", "--strict-config", "--strict", "--pyargs")
_KEPT_WITH_VALUE = (
    "--import-mode",
    "--doctest-glob",
    "--ignore",
    "--ignore-glob",
    "--deselect",
    "--asyncio-mode",
)
_KEPT_SHORT = ("-m", "-W", "-p")


def test_phase(
    name: str,
    project: Project,
    *,
    cwd: str,
    user: int,
    seconds: float,
    selection: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> Phase:
    """A phase that runs the project's tests in the copy at `cwd` and reports each outcome.

    :raises SandboxError: when the project's Python has no pytest and ours cannot be lent to it.
    """
    check_pytest(project.python)
    arguments = [f"--rootdir={cwd}", "-o", "addopts=", "-q", "--no-header", "--tb=short", "-rN",
                 "--continue-on-collection-errors", *kept_addopts(project), *selection]  # fmt: skip
    settings: dict[str, Any] = {
        "mode": "tests", "args": arguments, "watch": {}, "changed": [], "data": [],
    }  # fmt: skip
    settings |= dict(config or {})
    guarded = tuple(f"{cwd}/{path}" for path in project.files if path.endswith(".py") or is_test_support(path))
    return worker_phase(name, project.python, cwd=cwd, user=user, seconds=seconds, config=settings, guarded=guarded)


def worker_phase(
    name: str,
    python: Interpreter,
    *,
    cwd: str,
    user: int,
    seconds: float,
    config: Mapping[str, Any],
    guarded: tuple[str, ...] = (),
    replays: bool = False,
    is_fresh: bool = False,
) -> Phase:
    return Phase(
        name=name,
        argv=(str(python.executable), "-I", "-S", "-B", "/assay/worker.py"),
        cwd=cwd,
        user=user,
        seconds=seconds,
        kind="worker",
        env=environment(python, user),
        config=config,
        guarded=guarded,
        replays=replays,
        is_fresh=is_fresh,
    )


def environment(python: Interpreter, user: int) -> dict[str, str]:
    """The whole environment of a phase: an allow-list made here, nothing of the user's own."""
    name = f"u{user}"
    env = {
        "PATH": f"{python.executable.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the only place inside that every user may write to
        "TMPDIR": "/tmp",  # noqa: S108
        "LANG": "C.UTF-8",
        "USER": name,
        "LOGNAME": name,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if python.prefix != python.base_prefix:
        env["VIRTUAL_ENV"] = str(python.prefix)
    return env


def kept_addopts(project: Project) -> list[str]:
    """The part of the project's own `addopts` that decides what its tests mean."""
    kept: list[str] = []
    words = iter(_addopts(project))
    for word in words:
        name, _, value = word.partition("=")
        is_joined = word[:2] in _KEPT_SHORT and len(word) > 2  # -Werror
        if word in _KEPT_FLAGS or (name in _KEPT_WITH_VALUE and value) or is_joined:
            kept.append(word)
        elif word in _KEPT_WITH_VALUE or word in _KEPT_SHORT:
            kept += [word, next(words, "")]
    return kept


def _addopts(project: Project) -> list[str]:
    """In the order in which pytest looks for its configuration; the first file with a section decides."""
    for file, section in (("pytest.ini", "pytest"), (".pytest.ini", "pytest"), ("pyproject.toml", ""),
                          ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):  # fmt: skip
        content = project.read(file)
        if content is None:
            continue
        text = content.decode("utf-8", "replace")
        try:
            found = _from_toml(text) if not section else _from_ini(text, section)
        except (tomllib.TOMLDecodeError, configparser.Error, ValueError):
            continue  # pytest itself will say what is wrong with it
        if found is not None:
            return found
    return []


def _from_toml(text: str) -> list[str] | None:
    tool: dict[str, Any] = tomllib.loads(text).get("tool", {})
    table: dict[str, Any] | None = tool.get("pytest", {}).get("ini_options", tool.get("pytest"))
    if table is None:
        return None
    options: object = table.get("addopts", "")
    if isinstance(options, list):
        return [str(option) for option in options]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return shlex.split(str(options))


def _from_ini(text: str, section: str) -> list[str] | None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    if not parser.has_section(section):
        return None
    return shlex.split(parser.get(section, "addopts", fallback=""))
