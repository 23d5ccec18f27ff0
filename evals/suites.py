"""What a suite is: files to search, and questions with the places that answer them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

DEFINITIONS = Path(__file__).with_name("suites.toml")
QUESTIONS = Path(__file__).with_name("questions.toml")

CACHE_VARIABLE = "ASSAY_EVAL_CACHE"
REPOSITORIES_VARIABLE = "ASSAY_EVAL_REPOSITORIES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place that answers a question."""

    path: str
    line: int | None = None
    """1-based line that a hit must contain; None when any place in the file will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    id: str
    text: str
    targets: tuple[Target, ...]
    """Any of them answers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    name: str
    kind: str
    """docstring, commits or questions."""
    files: Mapping[str, str]
    """What is indexed: text by path."""
    queries: tuple[Query, ...]
    history: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What commits said of a file, newest first; only commits that the indexed tree has behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySuite:
    """The definition of a suite over a git repository."""

    name: str
    repository: str
    """OWNER/NAME."""
    base: str
    """The commit whose tree is indexed; every query is younger."""
    head: str
    """The youngest commit that gives a query."""
    folders: tuple[str, ...]
    """Only files in these are indexed and asked about; empty for all."""
    extensions: tuple[str, ...]
    queries: int
    """At most so many, the youngest first."""
    floor_set: bool
    """Whether it is one of the four whose mean has a floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSuite:
    """The definition of a docstring suite over a source distribution."""

    name: str
    package: str
    version: str
    folder: str
    """Only files in this folder of the distribution are indexed."""
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    docstrings: tuple[PackageSuite, ...]
    commits: tuple[RepositorySuite, ...]


def load_definitions(path: Path = DEFINITIONS) -> Definitions:
    """The suites that exist.

    :raises KeyError: when an entry of the file lacks something.
    """
    tables = tomllib.loads(path.read_text())
    return Definitions(
        docstrings=tuple(
            PackageSuite(
                name=table["name"],
                package=table["package"],
                version=table["version"],
                folder=table["folder"],
                queries=table["queries"],
            )
            for table in tables["docstrings"]
        ),
        commits=tuple(
            RepositorySuite(
                name=table["name"],
                repository=table["repository"],
                base=table["base"],
                head=table["head"],
                folders=tuple(table.get("folders", ())),
                extensions=tuple(table["extensions"]),
                queries=table["queries"],
                floor_set=table.get("floor_set", False),
            )
            for table in tables["commits"]
        ),
    )


def load_questions(path: Path = QUESTIONS) -> Mapping[str, tuple[Query, ...]]:
    """Questions in words by the name of the commit suite whose tree they are asked of."""
    tables = tomllib.loads(path.read_text())
    return {
        name: tuple(
            Query(
                id=f"{name}-words/{number}",
                text=row["ask"],
                targets=tuple(Target(path=target) for target in row["files"]),
            )
            for number, row in enumerate(rows)
        )
        for name, rows in tables.items()
    }


def cache_folder() -> Path:
    """Where downloads, clones and embeddings are kept between runs: `ASSAY_EVAL_CACHE` or the user's cache folder."""
    configured = os.environ.get(CACHE_VARIABLE)
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("assay")) / "evals"
