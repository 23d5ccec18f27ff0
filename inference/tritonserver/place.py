"""The files of a server that runs for a user: what it is to serve, how it is, and its log."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Generator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self, TextIO, cast

_LISTS = ("models", "probe_seconds")

Phase = Literal["starting", "running", "restarting", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """A flat value that is kept as JSON, for its owner alone."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None when it is not there, or not of this version of Assay."""
        try:
            found: Any = json.loads(path.read_bytes())
            known = {each.name for each in fields(cls)}
            if not isinstance(found, dict) or set(cast("dict[str, object]", found)) != known:
                return None
            values = cast("dict[str, Any]", found)
            return cls(**{key: tuple(value) if key in _LISTS else value for key, value in values.items()})
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """In one step: who reads meanwhile sees the old or the new one."""
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(self), file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(_Saved):
    """What to serve."""

    installation: str
    """The folder of `install`."""
    models: tuple[str, ...]
    grpc_port: int
    embedder_dir: str = ""
    """The embedder's weights."""
    model_dir: str = ""
    """The code model's folder."""
    watch_seconds: float = 10.0
    """Between two looks at whether the models answer."""
    probe_seconds: tuple[float, ...] = (2.0, 5.0, 15.0)
    """That a model has to answer, one try after the other. The first is what a person would wait."""
    start_seconds: float = 900.0
    """To load the models; a large one is read from the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State(_Saved):
    """How a server is, as its supervisor last knew."""

    phase: Phase
    supervisor: int
    """Process id, as the next one."""
    server: int = 0
    http: int = 0
    grpc: int = 0
    metrics: int = 0
    region_prefix: str = ""
    models: tuple[str, ...] = ()
    model_dir: str = ""
    started: float = 0.0
    """Seconds since 1970, of the server that runs now."""
    restarts: int = 0
    repairs: int = 0
    """Models that were loaded anew, as their process had died."""
    problem: str = ""
    """The last one, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One server for each user's state folder."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.folder / "lock"

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def log(self) -> Path:
        return self.folder / "triton.log"

    @property
    def repository(self) -> Path:
        return self.folder / "models"

    def make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)

    def is_supervised(self) -> bool:
        if not self.lock.exists():
            return False
        with self.lock.open("a") as file:
            return not _locked(file)

    @contextlib.contextmanager
    def supervising(self) -> Generator[bool]:
        """Whether this process is the supervisor now; it stays so until the block ends."""
        with self.lock.open("a") as file:
            yield _locked(file)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
