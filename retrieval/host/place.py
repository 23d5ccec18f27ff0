"""Where a workspace's index, its socket and its token lie."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from retrieval.chunk import CHUNKER_VERSION
from retrieval.errors import HostUnavailable

_LONGEST_SOCKET = 100
"""Bytes. The kernel's limit for a socket's path is 108 on Linux and 104 on macOS."""
_CRASHES_UNTIL_REBUILT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Files of one workspace's index."""

    workspace: str
    """The workspace's key: hex of a digest of its root on this machine."""
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.sqlite"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def token(self) -> Path:
        return self.folder / "token"

    @property
    def log(self) -> Path:
        return self.folder / "host.log"

    @property
    def crash(self) -> Path:
        """Written by the interpreter when native code ends the process; empty otherwise."""
        return self.folder / "crash"

    @property
    def crashes(self) -> Path:
        return self.folder / "crashes"

    @property
    def socket(self) -> Path:
        return _runtime_folder() / f"{self.folder.name}-{self.workspace[:12]}.sock"


def workspace_key(root: Path) -> str:
    """Hex that stands for this workspace on this machine.

    :param root: absolute and resolved.
    """
    machine = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return hashlib.blake2b(f"{machine}\0{root}".encode(), digest_size=16).hexdigest()


def place_of(root: Path, cache_folder: Path, store: str) -> Place:
    """Where the index of a workspace lies; its folder is made, for its owner alone.

    :param store: what the chunks are kept in and what makes their vectors: another one is another index.
    """
    key = workspace_key(root)
    kind = hashlib.blake2b(f"{CHUNKER_VERSION}\0{store}".encode(), digest_size=6).hexdigest()
    folder = cache_folder / "index" / key / kind
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Place(workspace=key, folder=folder)


def new_token(place: Place) -> str:
    """A secret that only this user's processes can read."""
    token = secrets.token_hex(16)
    part = place.token.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    part.replace(place.token)
    return token


def note_crashes(place: Place) -> str:
    """Look at how the last host of this index ended, and start anew when it is the index that ends hosts.

    :returns: what was done, in one sentence; empty when nothing.
    """
    report = _text(place.crash)
    place.crash.unlink(missing_ok=True)
    if not report:
        return ""
    crashes = int(_text(place.crashes) or 0) + 1
    if crashes >= _CRASHES_UNTIL_REBUILT:
        forget(place)
        return f"the index ended its process {crashes} times and is built anew"
    place.crashes.write_text(str(crashes))
    return "the index ended its process once; if it does so again, it is built anew"


def owned(place: Place) -> TextIO | None:
    """The lock of an index, held until it is closed; None when another process holds it."""
    lock = place.lock.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def forget(place: Place) -> None:
    """Throw the index away; embeddings are in a cache of their own and stay."""
    shutil.rmtree(place.store, ignore_errors=True)
    for file in place.folder.glob("manifest.sqlite*"):
        file.unlink(missing_ok=True)
    place.crashes.unlink(missing_ok=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _runtime_folder() -> Path:
    """A folder for sockets that nobody else can write to.

    :raises HostUnavailable: when somebody else owns it.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    given = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(given or "/nowhere") / "assay"
    if not given or len(os.fsencode(folder)) > _LONGEST_SOCKET - 50 or not _is_made(folder):
        folder = Path(tempfile.gettempdir()) / f"assay-{user}"
        if not _is_made(folder):
            raise HostUnavailable(f"{folder} cannot be made or is not yours; remove it, or set XDG_RUNTIME_DIR")
    return folder


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.lstat()
    except OSError:
        return False
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and is_own and not status.st_mode & 0o022
