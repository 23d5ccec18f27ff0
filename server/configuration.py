"""Where settings come from, and keeping them current."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from server.model_settings import ModelSettings
from server.settings import WORKSPACE_KEYS, Layer, Problem, Settings, keys, resolve

WORKSPACE_FILE = ".assay.toml"
_MAX_FILE = 1 << 20  # bytes; a settings file of a megabyte is a mistake


def config_file(env: Mapping[str, str]) -> Path:
    """The user's settings file: ASSAY_CONFIG, or config.toml in the user's configuration folder."""
    if chosen := env.get("ASSAY_CONFIG"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_config_path("assay") / "config.toml"


def state_folder(env: Mapping[str, str]) -> Path:
    """Where receipts and the sandbox's own files live: ASSAY_STATE, or the user's state folder."""
    if chosen := env.get("ASSAY_STATE"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_state_path("assay")


def cache_folder(env: Mapping[str, str]) -> Path:
    """Where indexes and embeddings live, which can be made again: ASSAY_CACHE, or the user's cache folder."""
    if chosen := env.get("ASSAY_CACHE"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("assay")


@dataclass(slots=True)
class Configuration:
    """The sources as they are now. From weak to strong: the user's file, the workspace's file (a few keys only),
    the editor's initialization options, the editor's settings, the environment."""

    env: Mapping[str, str]
    initialization: Mapping[str, Any] = field(default_factory=dict[str, Any])
    editor: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _files: dict[Path, tuple[object, Layer | None, Problem | None]] = field(
        default_factory=dict[Path, "tuple[object, Layer | None, Problem | None]"]
    )

    def settings(self, root: Path | None = None) -> tuple[Settings, tuple[Problem, ...]]:
        """The settings in force for a workspace folder. Files are read again when they have changed.

        Reads the disk: not for a handler that has to answer at once.
        """
        problems: list[Problem] = []
        layers: list[Layer] = []
        files: list[tuple[Path, frozenset[str] | None]] = [(config_file(self.env), None)]
        if root is not None:
            files.append((root / WORKSPACE_FILE, WORKSPACE_KEYS))
        for path, may_set in files:
            layer, problem = self._file(path, may_set)
            layers += [layer] if layer else []
            problems += [problem] if problem else []
        layers.append(Layer(origin="the editor's initialization options", values=self.initialization))
        layers.append(Layer(origin="the editor's settings", values=self.editor))
        layers += _from_environment(self.env)
        settings, found = resolve(tuple(layers))
        if any(problem.key == "trust" for problem in problems):
            settings, _ = resolve((*layers, Layer(origin="", values={"trust": "untrusted"})))
        return settings, (*problems, *found)

    def _file(self, path: Path, may_set: frozenset[str] | None) -> tuple[Layer | None, Problem | None]:
        try:
            status = path.stat()
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            self._files.pop(path, None)
            return None, None
        known = self._files.get(path)
        if known is None or known[0] != state:
            known = self._files[path] = (state, *_read(path, may_set))
        return known[1], known[2]


def _read(path: Path, may_set: frozenset[str] | None) -> tuple[Layer | None, Problem | None]:
    import tomllib

    # A user's file that cannot be read could have said "untrusted".
    key, used = ("trust", '"untrusted"') if may_set is None else ("*", "nothing of it")
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
        if len(data) > _MAX_FILE:
            raise ValueError("larger than 1 MB")
        values = tomllib.loads(data.decode())
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else "not valid TOML"
        reason = f"cannot be known, because the file cannot be read ({what})"
        return None, Problem(key=key, origin=str(path), reason=reason, used=used)
    return Layer(origin=str(path), values=values, may_set=may_set), None


def _from_environment(env: Mapping[str, str]) -> list[Layer]:
    """`sandbox.memory_mb` is ASSAY_SANDBOX_MEMORY_MB; a list is separated as PATH is."""
    layers: list[Layer] = []
    for key, default in keys().items():
        name = "ASSAY_" + key.replace(".", "_").upper()
        if (text := env.get(name)) is None:
            continue
        value: Any = _typed(text, default)
        for part in reversed(key.split(".")):
            value = {part: value}
        layers.append(Layer(origin=name, values=value))
    for name in sorted(env):
        if (place := _MODEL_VARIABLE.fullmatch(name)) is not None:
            table, key = place.group(1).lower(), place.group(2).lower()
            layers.append(Layer(origin=name, values={"models": {table: {key: _typed(env[name], _MODEL[key])}}}))
    return layers


_MODEL = {each.name: getattr(ModelSettings(), each.name) for each in fields(ModelSettings) if each.name != "name"}
_KEYS = "|".join(sorted(map(str.upper, _MODEL), key=len, reverse=True))
_MODEL_VARIABLE = re.compile(rf"ASSAY_MODELS_([A-Z0-9_]+?)_({_KEYS})")  # ASSAY_MODELS_CODE_KEY


def _typed(text: str, default: object) -> object:
    if isinstance(default, (int, float)):
        return _number(text)
    return [item for item in text.split(os.pathsep) if item] if isinstance(default, tuple) else text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
