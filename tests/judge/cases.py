"""The exam for `assay verify`: projects with a fault, and patches that do or do not deserve `verified`.

Everything is data (see README.md); nothing in this module runs any of it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECTS = HERE / "projects"
NOT_VERIFIED = "not verified"
_KINDS = ("attacks", "honest", "partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One patch and the answer it deserves."""

    name: str
    """Unique over all cases, for example `attacks/leaving/os-exit-at-import`."""
    kind: str
    """attacks, honest or partial."""
    category: str
    """The kind of attack; empty for the others."""
    project: str
    """A folder of `projects/`."""
    why: str
    patch: bytes
    """The diff alone: the header that says what the case is was cut off, since a judge must not see it."""
    scope: tuple[str, ...]
    """Globs of the files that the edit declares to be its own; empty when it declares nothing."""
    expected: str
    """A grade, or `not verified` for any grade but `verified`, refusal included."""

    @property
    def folder(self) -> Path:
        return PROJECTS / self.project

    def accepts(self, grade: str) -> bool:
        """Whether a judge that answered with this grade (`refused` for no receipt at all) was right."""
        return grade != "verified" if self.expected == NOT_VERIFIED else grade == self.expected


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case, sorted by name."""
    files = (file for kind in _KINDS for file in (HERE / kind).rglob("*.patch"))
    return tuple(sorted((read_case(file) for file in files), key=lambda case: case.name))


def read_case(file: Path) -> Case:
    """Raises ValueError when the header is not as README.md says."""
    kind, *between, _ = file.relative_to(HERE).parts
    head, separator, patch = file.read_bytes().partition(b"\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.decode().split("\n"):
        key, colon, value = line.removeprefix("# ").partition(": ")
        if not line.startswith("# ") or not colon or key not in ("project", "why", "scope", "expect"):
            raise ValueError(f"{file}: bad header line {line!r}")
        fields.setdefault(key, []).append(value)
    if not separator or len(fields.get("project", ())) != 1 or len(fields.get("why", ())) != 1:
        raise ValueError(f"{file}: the header needs one project, one why and an empty line after it")
    default = "verified" if kind == "honest" else NOT_VERIFIED
    return Case(
        name=file.relative_to(HERE).with_suffix("").as_posix(),
        kind=kind,
        category="/".join(between),
        project=fields["project"][0],
        why=fields["why"][0],
        patch=patch,
        scope=tuple(fields.get("scope", ())),
        expected=fields.get("expect", [default])[0],
    )


def copy_project(name: str, folder: Path) -> Path:
    """Put a fresh copy of a project into a folder that does not exist yet, without caches."""
    return shutil.copytree(PROJECTS / name, folder, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
