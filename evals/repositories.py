"""Public repositories at pinned commits, from a folder of mirrors or cloned into the cache."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evals.suites import REPOSITORIES_VARIABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    hash: str
    subject: str
    body: str
    paths: tuple[str, ...]
    """Changed, added or removed."""


def locate(repository: str, *, mirrors: Path | None, cache: Path) -> Path:
    """The git folder of OWNER/NAME: `MIRRORS/OWNER+NAME/repo` or `MIRRORS/OWNER/NAME`, or a new clone in the cache.

    :raises subprocess.CalledProcessError: when it has to be cloned and cannot be.
    """
    owner, _, name = repository.partition("/")
    configured = os.environ.get(REPOSITORIES_VARIABLE)
    for folder in (mirrors, Path(configured) if configured else None):
        if folder is None:
            continue
        for candidate in (folder / f"{owner}+{name}" / "repo", folder / owner / name, folder / f"{name}.git"):
            if candidate.is_dir():
                return candidate
    clone = cache / "repositories" / f"{owner}+{name}"
    if not clone.is_dir():
        clone.parent.mkdir(parents=True, exist_ok=True)
        partial = clone.with_name(f"{clone.name}.partial")
        command = ["git", "clone", "--quiet", "--bare", f"https://github.com/{owner}/{name}", str(partial)]
        subprocess.run(command, check=True)
        partial.rename(clone)
    return clone


def tree(folder: Path, commit: str) -> dict[str, str]:
    """Path to blob id of every regular file of a commit."""
    listing = git(folder, "ls-tree", "-r", "-z", commit)
    files: dict[str, str] = {}
    for entry in listing.split("\0"):
        if entry:
            head, _, path = entry.partition("\t")
            mode, kind, blob = head.split()
            if kind == "blob" and mode != "120000":
                files[path] = blob
    return files


def texts(folder: Path, blobs: dict[str, str]) -> dict[str, str]:
    """Path to text of blobs, without binary ones and those that are blank."""
    request = "".join(f"{blob}\n" for blob in blobs.values()).encode()
    process = subprocess.run(
        ["git", "-C", str(folder), "cat-file", "--batch"], input=request, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, str] = {}
    output, position = process.stdout, 0
    for path in blobs:
        end = output.index(b"\n", position)
        size = int(output[position:end].split()[2])
        content = output[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
        if b"\0" not in content[:8192] and content.strip():
            found[path] = content.decode("utf-8", "replace")
    return found


def commits(folder: Path, revisions: str, *, most: int | None = None) -> Iterator[Commit]:
    """Commits of a revision range without merges, youngest first.

    :param most: how many of them; None for all.
    """
    options = ["--no-merges", "--no-renames", "--format=%x01%H%x00%s%x00%b%x00", "--name-only"]
    if most is not None:
        options.append(f"--max-count={most}")
    log = git(folder, "-c", "core.quotePath=off", "log", *options, revisions)
    for entry in log.split("\x01")[1:]:
        commit, subject, body, paths = entry.split("\0", 3)
        yield Commit(hash=commit, subject=subject, body=body, paths=tuple(path for path in paths.split("\n") if path))


def git(folder: Path, *arguments: str) -> str:
    """What git says.

    :raises subprocess.CalledProcessError: when it fails.
    """
    process = subprocess.run(["git", "-C", str(folder), *arguments], stdout=subprocess.PIPE, check=True)
    return process.stdout.decode("utf-8", "replace")
