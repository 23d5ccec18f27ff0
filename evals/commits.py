"""Commit suites: what a commit's subject says, against the one to three source files that it changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from evals import repositories
from evals.suites import Query, RepositorySuite, Suite, Target
from retrieval.history import COMMITS, Commit, file_history

MOST_TARGETS = 3
FEWEST_WORDS = 3

_PULL_REQUEST = re.compile(r"\s*\(?(?:(?:PR|pull request)\s*)?(?:#|gh-)\d+\)?", re.IGNORECASE)
_ROUTINE = re.compile(
    r"(?:bump|release|prepare|merge|revert|update version|version|changelog|pre-commit|\[pre-commit|v?\d+\.\d+)\b"
    r"|(?:build|chore)\(deps",
    re.IGNORECASE,
)
_NOT_SOURCE = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|spec|t)/|(?:^|/)test_[^/]*$|_test\.|\.spec\.|\.test[.-]|\.bench\.|\.d\.ts$"
)


def build(definition: RepositorySuite, folder: Path) -> Suite:
    """The suite of a repository.

    :param folder: its git folder.
    """
    blobs = {
        path: blob for path, blob in repositories.tree(folder, definition.base).items() if _is_source(path, definition)
    }
    files = repositories.texts(folder, blobs)
    queries: list[Query] = []
    seen: set[str] = set()
    for commit in repositories.commits(folder, f"{definition.base}..{definition.head}"):
        changed = [path for path in commit.paths if _is_source(path, definition)]
        text = without_pull_request(commit.subject)
        if not (1 <= len(changed) <= MOST_TARGETS and all(path in files for path in changed)):
            continue
        if len(text.split()) < FEWEST_WORDS or _ROUTINE.match(text) or text.casefold() in seen:
            continue
        seen.add(text.casefold())
        queries.append(
            Query(
                id=f"{definition.name}/{commit.hash[:12]}",
                text=text,
                targets=tuple(Target(path=path) for path in changed),
            )
        )
        if len(queries) == definition.queries:
            break
    return Suite(
        name=definition.name,
        kind="commits",
        files=files,
        queries=tuple(queries),
        history=history(folder, definition.base, files),
    )


def without_pull_request(subject: str) -> str:
    """A subject without the numbers of pull requests and issues, which nobody types."""
    return " ".join(_PULL_REQUEST.sub(" ", subject).split())


def history(folder: Path, base: str, files: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What the product keeps of each file's history, of commits up to the base: nothing that a query was made of."""
    log = (
        Commit(id=commit.hash, subject=commit.subject, body=commit.body, paths=commit.paths)
        for commit in repositories.commits(folder, base, most=COMMITS)
    )
    return {path: said for path, said in file_history(log).items() if path in files}


def _is_source(path: str, definition: RepositorySuite) -> bool:
    if not path.endswith(definition.extensions):
        return False
    if definition.folders and not path.startswith(definition.folders):
        return False
    return not _NOT_SOURCE.search(path)
