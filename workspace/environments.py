"""Where a project's environment may be: the folders that each tool puts it in. Nothing is started here."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from workspace.root import repository_of

ACTIVE = "the active environment"
"""The origin of an environment that the person has activated."""
_FOLDERS = (".venv", "venv", "env", ".pixi/envs/default")
_CONDA_HOMES = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", "micromamba", "miniforge", "miniconda")
_PYTHONS = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A Python that may be the project's."""

    executable: Path
    origin: str
    """For people: `.venv`."""
    needs_pytest: bool = False
    """Whether it is of use only with pytest: a Python that is not known to be this project's."""


def python_in(environment: Path) -> Path | None:
    """The Python of an environment, under the name it has there; None when there is none."""
    return next((path for name in _PYTHONS if os.path.lexists(path := environment / name)), None)


def places(root: Path, env: Mapping[str, str], *, trusted: bool = True) -> Iterator[Place]:
    """The Pythons that may be the project's, the likeliest first.

    :param root: absolute and resolved.
    :param env: the environment of the person who asks: VIRTUAL_ENV, CONDA_PREFIX, PATH and the tools' settings.
    :param trusted: when False, no file of the workspace may say where to look.
    """
    own = Path(sys.prefix).resolve()
    active, spare = _active(env)
    # Assay may have been started from its own active environment; that says nothing about the project.
    yield from (place for place in active if not _is_in(place.executable, own))
    yield from near(root, env)
    yield from _poetry(root, env, trusted)
    yield from _conda(root, env)
    yield from spare
    for folder in env.get("PATH", "").split(os.pathsep):
        for name in ("python3", "python", "python.exe"):
            executable = Path(folder) / name
            if executable.is_absolute() and os.access(executable, os.X_OK) and not _is_in(executable, own):
                yield Place(executable=executable, origin=f"{name} on PATH", needs_pytest=True)


def _is_in(executable: Path, environment: Path) -> bool:
    try:
        return executable.parent.resolve().is_relative_to(environment)
    except (OSError, RuntimeError):
        return False


def _place(environment: Path, origin: str) -> Iterator[Place]:
    if (executable := python_in(environment)) is not None:
        yield Place(executable=executable, origin=origin)


def _active(env: Mapping[str, str]) -> tuple[list[Place], list[Place]]:
    """What is active, and what is active only because conda always activates its base."""
    active: list[Place] = []
    spare: list[Place] = []
    if name := env.get("VIRTUAL_ENV"):
        active += _place(Path(name), ACTIVE)
    if name := env.get("CONDA_PREFIX"):
        is_base = env.get("CONDA_DEFAULT_ENV", "") == "base" or (Path(name) / "condabin").is_dir()
        (spare if is_base else active).extend(_place(Path(name), "the active conda environment"))
    return active, spare


def near(root: Path, env: Mapping[str, str]) -> Iterator[Place]:
    """The environments in the root and in the folders around it, up to the repository's top."""
    if name := env.get("UV_PROJECT_ENVIRONMENT"):
        yield from _place(root / name, f"UV_PROJECT_ENVIRONMENT ({name})")
    top = repository_of(root) or root
    for folder in (root, *root.parents):
        for name in _FOLDERS:
            environment = folder / name
            # `env` and `venv` may be packages of the project's own.
            if (environment / "pyvenv.cfg").is_file() or (environment / "conda-meta").is_dir():
                yield from _place(environment, os.path.relpath(environment, root))
        if folder == top:
            return


def _poetry(root: Path, env: Mapping[str, str], trusted: bool) -> Iterator[Place]:
    """Poetry's environments: {cache}/virtualenvs/{name}-{hash of the path}-py{version}."""
    project = _toml(root / "pyproject.toml")
    tool = _table(_table(project, "tool"), "poetry")
    if not tool and not (root / "poetry.lock").is_file():
        return
    name = tool.get("name") or _table(project, "project").get("name")
    folder = _poetry_folder(root, env, trusted)
    if not isinstance(name, str) or folder is None:
        return
    prefix = poetry_name(name, root) + "-py"
    chosen = _table(_toml(folder / "envs.toml"), prefix.removesuffix("-py")).get("minor")
    found = [place for place in _listing(folder) if place.name.startswith(prefix)]
    found.sort(key=lambda place: (place.name == f"{prefix}{chosen}", _version_in(place.name)), reverse=True)
    for environment in found:
        yield from _place(environment, f"poetry ({environment.name})")


def poetry_name(name: str, root: Path) -> str:
    """The name of the environment that poetry makes for a project, without `-py3.11` (EnvManager.generate_env_name)."""
    canonical = re.sub(r"[-_.]+", "-", name).lower()
    clean = re.sub(r'[ $`!*@"\\\r\n\t]', "_", canonical)[:42]
    digest = hashlib.sha256(os.fsencode(os.path.normcase(root))).digest()
    return f"{clean}-{base64.urlsafe_b64encode(digest).decode()[:8]}"


def _poetry_folder(root: Path, env: Mapping[str, str], trusted: bool) -> Path | None:
    home = _home(env)
    if home is None:
        return None
    caches = {"darwin": home / "Library/Caches/pypoetry", "win32": home / "AppData/Local/pypoetry/Cache"}
    settings = {
        "darwin": home / "Library/Application Support/pypoetry",
        "win32": home / "AppData/Roaming/pypoetry",
    }
    cache = caches.get(sys.platform, Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "pypoetry")
    config = settings.get(sys.platform, Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pypoetry")
    path = env.get("POETRY_VIRTUALENVS_PATH")
    for file in (root / "poetry.toml", config / "config.toml") if trusted else (config / "config.toml",):
        told = _toml(file)
        path = path or _string(_table(told, "virtualenvs").get("path"))
        cache = Path(_string(told.get("cache-dir")) or cache)
    cache = Path(env.get("POETRY_CACHE_DIR") or cache)
    if path is None:
        return cache / "virtualenvs"
    return Path(path.replace("{cache-dir}", str(cache)).replace("{project-dir}", str(root))).expanduser()


def _conda(root: Path, env: Mapping[str, str]) -> Iterator[Place]:
    """The environment that the project's environment.yml names, in any of conda's homes."""
    names: list[str] = []
    for file in ("environment.yml", "environment.yaml", "conda.yml", "conda.yaml"):
        try:
            text = (root / file).read_text("utf-8", errors="replace")[:65536]
        except OSError:
            continue
        names += re.findall(r"""(?m)^name:[ \t]*["']?([A-Za-z0-9][\w.-]*)["']?[ \t]*(?:#.*)?$""", text)
    if not names:
        return
    home = _home(env)
    folders = [Path(part) for key in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS") for part in _parts(env.get(key))]
    folders += [Path(env[key]) / "envs" for key in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT") if env.get(key)]
    if executable := env.get("CONDA_EXE"):
        folders.append(Path(executable).parent.parent / "envs")
    if home is not None:
        folders += [home / ".conda" / "envs", *(home / name / "envs" for name in _CONDA_HOMES)]
    folders += [Path("/opt") / name / "envs" for name in ("conda", *_CONDA_HOMES)]
    for name in dict.fromkeys(names):
        for folder in dict.fromkeys(folders):
            yield from _place(folder / name, f"conda ({name})")


def _home(env: Mapping[str, str]) -> Path | None:
    name = env.get("HOME") or env.get("USERPROFILE")
    return Path(name) if name else None


def _parts(path: str | None) -> list[str]:
    return [part for part in (path or "").split(os.pathsep) if part]


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _version_in(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.rpartition("-py")[2].split(".") if part.isdigit())


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _table(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
