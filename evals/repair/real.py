"""Faults that public repositories had: which they are, and a folder with one of them in it."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals import repositories

LIST = Path(__file__).with_name("real.toml")
PLACES = Path(__file__).with_name("repositories.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository that is mined."""

    repository: str
    """OWNER/NAME."""
    head: str
    """The youngest commit looked at."""
    half: str
    """`tuning` or `reported`: what is reported was never looked at while the search was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fix of one function, to be found again: the tests of its commit with the file from before it."""

    repository: str
    commit: str
    path: str
    """The file that the fix changed."""
    function: str
    kind: str
    """See `evals.repair.functions`."""
    failing: tuple[str, ...]
    """Ids of the tests that fail before it and pass after it."""

    @property
    def id(self) -> str:
        return f"{self.repository.partition('/')[2]}-{self.commit[:8]}"


def load_faults(path: Path = LIST) -> tuple[Fault, ...]:
    entries = tomllib.loads(path.read_text())["fault"]
    return tuple(
        Fault(
            repository=entry["repository"],
            commit=entry["commit"],
            path=entry["path"],
            function=entry["function"],
            kind=entry["kind"],
            failing=tuple(entry["failing"]),
        )
        for entry in entries
    )


def load_places(path: Path = PLACES) -> tuple[Place, ...]:
    return tuple(Place(**entry) for entry in tomllib.loads(path.read_text())["repository"])


def check_out(folder: Path, commit: str, into: Path) -> None:
    """The tree of a commit as files."""
    into.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(folder), "archive", commit], stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", str(into)], input=archive.stdout, check=True)


def blob(folder: Path, commit: str, path: str) -> bytes:
    found = subprocess.run(["git", "-C", str(folder), "show", f"{commit}:{path}"], stdout=subprocess.PIPE, check=True)
    return found.stdout


def write_faults(faults: Sequence[Fault], path: Path = LIST) -> None:
    lines = [
        "# Fixes of one function in public repositories, written by `python -m evals.repair.mine`. Ids and paths only:",
        "# the sources are cloned when the evaluation runs.",
    ]
    for fault in faults:
        lines += ["", "[[fault]]"]
        for name in ("repository", "commit", "path", "function", "kind"):
            lines.append(f"{name} = {_quoted(str(getattr(fault, name)))}")
        ids = ", ".join(_quoted(test) for test in fault.failing)
        lines.append(f"failing = [{ids}]")
    path.write_text("\n".join(lines) + "\n")


def located(repository: str, mirrors: Path | None, cache: Path) -> Path:
    return repositories.locate(repository, mirrors=mirrors, cache=cache)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in escaped) + '"'
