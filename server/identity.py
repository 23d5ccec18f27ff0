"""Who this person is to models and caches: opaque, lasting names that say nothing about them."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from server.configuration import state_folder

_FILE = "identity"
_BYTES = 32


def user_name(env: Mapping[str, str]) -> str:
    """The same in every session, so that whoever is in a trial of another model stays in it."""
    return _derived(_secret(state_folder(env)), b"user").hex()[:24]


def own_secret(env: Mapping[str, str]) -> bytes:
    """For what only this person may find again, such as their answers in a cache."""
    return _derived(_secret(state_folder(env)), b"cache")


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(purpose, key=secret, digest_size=_BYTES).digest()


@cache
def _secret(folder: Path) -> bytes:
    """From the state folder; made there the first time. Where nothing can be kept, one for this process."""
    path = folder / _FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{_FILE}-{secrets.token_hex(8)}")
        if not path.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_bytes(_BYTES))
                os.link(fresh, path)  # fails when another process was first: its secret counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_bytes()
    except OSError:
        return secrets.token_bytes(_BYTES)
    return secret if len(secret) == _BYTES else secrets.token_bytes(_BYTES)
