"""Find the project's own Python and tools. docs/workspace.md lists the places, in order."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workspace.environments import ACTIVE, Place, near, places, python_in
from workspace.errors import NoInterpreter
from workspace.probe import Answer, NoAnswer, ask
from workspace.root import repository_of

OWN = "Assay's own (no environment found)"
"""The origin of an interpreter that is not the project's."""
OWN_NOTE = (
    "no environment was found for this project; its tests ran with Assay's own Python, which has pytest and nothing "
    "of yours. Make one with: python3 -m venv .venv && .venv/bin/pip install -e . pytest"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that was started and answered."""

    executable: Path
    """As in its environment, not resolved: `.venv/bin/python`."""
    prefix: Path
    """sys.prefix: the environment."""
    base_prefix: Path
    """sys.base_prefix: the installation behind it."""
    version: tuple[int, int, int]
    packages: tuple[Path, ...]
    """Its site-packages folders."""
    origin: str
    """Where it was found, for people: `.venv`, `the active environment`, `Assay's own (no environment found)`."""
    has_pytest: bool
    ruff: Path | None = None
    flake8: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    interpreter: Interpreter
    notes: tuple[str, ...] = ()
    """What a person should know about the choice: places that were passed over, and what the choice means."""


def find_interpreter(
    root: Path, *, python: Path | None = None, env: Mapping[str, str], trusted: bool = True
) -> Interpreter:
    """As `search_interpreter`, without the notes."""
    return search_interpreter(root, python=python, env=env, trusted=trusted).interpreter


def search_interpreter(
    root: Path, *, python: Path | None = None, env: Mapping[str, str], trusted: bool = True
) -> Found:
    """The first Python, in the order of docs/workspace.md, that starts and is not too old.

    :param root: absolute and resolved.
    :param python: the person's own setting, an interpreter or an environment's folder; nothing else is tried then.
    :param env: the environment of the person who asks.
    :param trusted: when False, nothing that lies in the workspace is started.
    :raises NoInterpreter: when no Python can be used; says which were tried and why each was not.
    """
    if python is not None:
        return Found(interpreter=_configured(root, python, env, trusted))
    passed_over: list[str] = []
    for place in places(root, env, trusted=trusted):
        if not trusted and _belongs_to(place.executable, root):
            passed_over.append(f"{place.executable} was not started, because the workspace is not trusted")
            continue
        try:
            answer = ask(place.executable, env, cwd=root if trusted else Path("/"))
        except NoAnswer as why:
            passed_over.append(f"{place.executable} {why}")
            continue
        if place.needs_pytest and (not answer.has_pytest or answer.prefix == Path(sys.prefix)):
            continue
        notes = _sentences(passed_over)
        if place.origin == ACTIVE and (own := next(near(root, env), None)) and own.executable != place.executable:
            notes += (f"the active environment {answer.prefix} was used, and not the project's {own.origin}.",)
        return Found(interpreter=_interpreter(answer, place, root, env, trusted), notes=notes)
    own = Place(executable=Path(sys.executable), origin=OWN)
    try:
        answer = ask(own.executable, env, cwd=Path("/"))
    except NoAnswer as why:
        tried = "; ".join((*passed_over, f"{own.executable} {why}"))
        raise NoInterpreter(f"No Python was found for {root}: {tried}. Set `python` to one that works.") from why
    notes = (*_sentences(passed_over), OWN_NOTE)
    return Found(interpreter=_interpreter(answer, own, root, env, trusted), notes=notes)


def _configured(root: Path, python: Path, env: Mapping[str, str], trusted: bool) -> Interpreter:
    given = python.expanduser()
    if len(given.parts) == 1 and not (root / given).exists():
        given = Path(shutil.which(str(given), path=env.get("PATH")) or root / given)
    executable = root / given
    if executable.is_dir():
        executable = python_in(executable) or executable
    if not trusted and _belongs_to(executable, root):
        raise NoInterpreter(
            f"The configured Python {python} lies in the workspace, which is not trusted, so it was not started; "
            "trust the workspace, or set `python` to one outside of it."
        )
    try:
        answer = ask(executable, env, cwd=root if trusted else Path("/"))
    except NoAnswer as why:
        raise NoInterpreter(f"The configured Python {python} {why}; correct the setting `python`.") from why
    return _interpreter(answer, Place(executable=executable, origin="the setting `python`"), root, env, trusted)


def _interpreter(answer: Answer, place: Place, root: Path, env: Mapping[str, str], trusted: bool) -> Interpreter:
    def tool(name: str) -> Path | None:
        folder = answer.executable.parent
        found = shutil.which(name, path=str(folder)) or shutil.which(name, path=env.get("PATH", os.defpath))
        return None if found is None or (not trusted and _belongs_to(Path(found), root)) else Path(found)

    return Interpreter(
        executable=answer.executable,
        prefix=answer.prefix,
        base_prefix=answer.base_prefix,
        version=answer.version,
        packages=answer.packages,
        origin=place.origin,
        has_pytest=answer.has_pytest,
        ruff=tool("ruff"),
        flake8=tool("flake8"),
    )


def _belongs_to(executable: Path, root: Path) -> bool:
    """Whether a file lies in the workspace or the repository around it, by its name or by what that leads to."""
    workspace = repository_of(root) or root
    names = [executable, executable.parent.resolve() / executable.name, executable.resolve()]
    return any(Path(os.path.normpath(name)).is_relative_to(workspace) for name in names)


def _sentences(passed_over: list[str]) -> tuple[str, ...]:
    return tuple(f"{text}; another Python was used." for text in passed_over)
