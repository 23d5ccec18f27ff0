"""Open a workspace's index for one command of the command line."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from assist.ports import Progress as Tell
from retrieval.errors import RetrievalError
from retrieval.host.client import IndexClient
from retrieval.index.progress import Progress
from server.cli.answer import Refusal
from server.cli.opening import settings_for
from server.indexing import index_client
from workspace.errors import WorkspaceError
from workspace.root import find_root

_EVERY = 5.0
"""Seconds between two lines of progress in a file or a pipe."""


def workspace_root(path: Path) -> Path:
    """:raises Refusal: there is no such folder."""
    try:
        return path.resolve() if path.is_dir() else find_root(path)
    except (WorkspaceError, OSError) as error:
        raise Refusal(str(error)) from error


@contextlib.asynccontextmanager
async def opened_index(path: Path, tell: Tell) -> AsyncGenerator[IndexClient]:
    """:raises Refusal: when there is no index to be had, with what can be done."""
    root = workspace_root(path)
    settings = settings_for(root, tell)
    client = index_client(
        root,
        settings.index,
        os.environ,
        models=[model for model in settings.models if "embed" in model.roles],
        on_progress=_teller(tell),
    )
    try:
        yield client
    except RetrievalError as error:
        raise Refusal(f"{error}".rstrip(".") + ".", code=1) from error
    finally:
        await client.close()


def _teller(tell: Tell) -> Callable[[Progress], None]:
    """Each new phase at once, and within a phase a word from time to time: a log is not a progress bar."""
    said: object = None
    at = 0.0

    def told(progress: Progress) -> None:
        nonlocal said, at
        now = time.monotonic()
        about = (progress.phase, progress.is_dense_ready, progress.problem, progress.dense_problem)
        if about != said or now - at > _EVERY or sys.stderr.isatty():
            said, at = about, now
            tell(shown(progress))

    return told


def shown(progress: Progress) -> str:
    """Progress as one line for people."""
    if progress.problem:
        return f"{progress.phase}: {progress.problem}"
    if progress.phase == "indexing":
        done = progress.total - progress.pending
        return f"indexing: {done:,} of {progress.total:,} files, {progress.chunks:,} chunks"
    if not progress.is_lexical_ready:
        return progress.phase
    if progress.dense_problem:
        return f"searchable by words; no vectors: {progress.dense_problem}"
    if not progress.is_dense_ready:
        return f"searchable by words; vectors: {progress.embedded:,} of {progress.chunks:,} chunks"
    return f"ready: {progress.files:,} files, {progress.chunks:,} chunks"
