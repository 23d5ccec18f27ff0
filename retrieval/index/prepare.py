"""Read one file and make of it what the store keeps. Runs in a worker process when there are many."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retrieval.chunk import Chunk, ChunkedFile, chunk_id
from retrieval.chunking.chunker import chunk_file, chunk_lines
from retrieval.index.manifest import FileState
from retrieval.lexical.encode import encode_chunk
from retrieval.ports import Entry
from workspace.errors import WorkspaceError
from workspace.policy import READ_LIMIT, is_text
from workspace.secrets import redact, redactor
from workspace.walk import Signature, signature, why_not

_RACY = 2_000_000_000
"""Nanoseconds. A file modified so shortly before it was read may be modified again without a new time of
modification (Git's "racy" entries); it is looked at again by the next scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    path: str
    state: FileState | None
    """None when the file is to be forgotten: it is gone, or may not be indexed."""
    entries: tuple[Entry, ...] = ()
    is_same: bool = False
    """The content is what is indexed already; only the signature is new."""
    is_unsettled: bool = False
    """It changed while it was read, or could not be read now: to be tried again later."""


def prepare_files(root: Path, known: Mapping[str, str], workspace: str, *, allowed: bool) -> list[Prepared]:
    """`prepare` for many.

    :param known: paths with the digest that is indexed, empty for none.
    """
    return [prepare(root, path, digest, workspace, allowed=allowed) for path, digest in known.items()]


def prepare_text(path: str, text: str, workspace: str, window: str) -> tuple[Entry, ...]:
    """The entries of an unsaved buffer."""
    return entries_of(chunk_file(path, text.encode("utf-8", "replace")).chunks, workspace, window)


def prepare(root: Path, path: str, known: str, workspace: str, *, allowed: bool, unparsed: str = "") -> Prepared:
    """Read, chunk and encode one file of the workspace.

    :param known: the digest of what is indexed; empty for none.
    :param workspace: the workspace's key, for the ids of chunks.
    :param allowed: whether the policy has been asked already, as by a walk.
    :param unparsed: why it must not be parsed but cut by lines: a parser died of it, or did not end.
    """
    try:
        if not allowed and (why_not(root, path) is not None or (root / path).is_symlink()):
            return Prepared(path=path, state=None)
        content, status = _read(root, path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, WorkspaceError):
        return Prepared(path=path, state=None)
    except OSError:
        return Prepared(path=path, state=None, is_unsettled=True)
    if content is None:
        return Prepared(path=path, state=None, is_unsettled=True)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    found = _signature(status)
    if digest == known:
        state = FileState(signature=found, digest=digest, language="", chunks=0)
        return Prepared(path=path, state=state, is_same=True)
    if not is_text(content[:8000]):
        return Prepared(path=path, state=None)
    try:
        file = chunk_lines(path, content, unparsed) if unparsed else chunk_file(path, content)
        clean = redactor(content.decode("utf-8", "replace"))
        entries = entries_of(file.chunks, workspace, clean=clean)
    except Exception as error:  # noqa: BLE001 - hostile content meets native parsers: one file must not cost the others
        problem = f"it could not be cut into chunks ({type(error).__name__})"
        state = FileState(signature=found, digest=digest, language="", chunks=0, problem=problem)
        return Prepared(path=path, state=state)
    return Prepared(path=path, state=file_state(file, found, digest, clean), entries=entries)


def file_state(file: ChunkedFile, found: Signature, digest: str, clean: Callable[[str], str]) -> FileState:
    return FileState(
        signature=found,
        digest=digest,
        language=file.language,
        chunks=len(file.chunks),
        problem=file.problem,
        # A constant's signature has its value.
        definitions=tuple(
            (one.name, one.qualified, one.kind, one.line, one.end_line, clean(one.signature))
            for one in file.definitions
        ),
        references=file.references,
    )


def entries_of(
    chunks: Sequence[Chunk], workspace: str, window: str = "", *, clean: Callable[[str], str] = redact
) -> tuple[Entry, ...]:
    """Chunks with their ids and lexical vectors; secrets in them are replaced first, by `clean`."""
    seen = Counter[tuple[str, str]]()
    entries: list[Entry] = []
    for chunk in chunks:
        text = clean(chunk.text)
        if text != chunk.text:
            chunk = replace(chunk, text=text)
        digest = chunk.digest
        key = (chunk.symbol, digest)
        name = chunk_id(workspace, chunk, seen[key], window, digest)
        seen[key] += 1
        entries.append(Entry(id=name, chunk=chunk, lexical=encode_chunk(chunk), window=window))
    return tuple(entries)


def _read(root: Path, path: str) -> tuple[bytes | None, os.stat_result]:
    """The content and what the file was meanwhile; no content when it changed while it was read, or is too large."""
    descriptor = os.open(root / path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise IsADirectoryError(path)
        if before.st_size > READ_LIMIT:
            raise FileNotFoundError(path)
        content = file.read(READ_LIMIT + 1)
        after = os.fstat(file.fileno())
    settled = signature(before) == signature(after) and len(content) == after.st_size
    return (content if settled else None), after


def _signature(status: os.stat_result) -> Signature:
    size, modified, changed, inode = signature(status)
    is_racy = abs(time.time_ns() - max(modified, changed)) < _RACY
    return (size, -1 if is_racy else modified, changed, inode)
