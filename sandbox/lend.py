"""Assay's own pytest, lent to a project whose Python has none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.ports import Mount
from workspace.python import Interpreter

_FOLDER = "/assay-pytest"
_PACKAGES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")
_SINCE = (3, 11, 0)  # our pytest needs nothing but these packages from this version of Python on


def check_pytest(python: Interpreter) -> None:
    """:raises SandboxError: when this Python has no pytest and ours cannot be lent to it."""
    if not python.has_pytest and python.version < _SINCE:
        version = ".".join(map(str, python.version))
        raise SandboxError(
            f"{python.executable} is Python {version} without pytest; install it there with"
            f" `{python.executable} -m pip install pytest`"
        )


def lent_folder(python: Interpreter) -> str | None:
    """Where ours stands inside; None when the project has its own."""
    return None if python.has_pytest else _FOLDER


def lent_mounts(python: Interpreter) -> tuple[Mount, ...]:
    """Our pytest and what it needs, and nothing else of Assay's environment."""
    if python.has_pytest:
        return ()
    mounts: list[Mount] = []
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin).resolve()
            source = origin.parent if spec.submodule_search_locations is not None else origin
            mounts.append(Mount(source=source, target=f"{_FOLDER}/{source.name}"))
    return tuple(mounts)
