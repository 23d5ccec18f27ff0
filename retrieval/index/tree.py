"""A Merkle tree over the folders of a workspace: equal digests mean that nothing below differs.

R. C. Merkle, "A digital signature based on a conventional encryption function", CRYPTO 1987.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from workspace.walk import Signature


def folder_digests(signatures: Mapping[str, Signature]) -> dict[str, str]:
    """Each folder's digest, the root under the empty name.

    :param signatures: of files, by their paths relative to the root.
    """
    inside: dict[str, list[str]] = {"": []}
    for path, found in signatures.items():
        folder, _, name = path.rpartition("/")
        inside.setdefault(folder, []).append(f"{name}\0{found}")
    for folder in list(inside):
        while folder:
            folder = folder.rpartition("/")[0]
            inside.setdefault(folder, [])
    digests: dict[str, str] = {}
    for folder in sorted(inside, key=lambda folder: (-folder.count("/") - bool(folder), folder)):  # deepest first
        content = "\n".join(sorted(inside[folder])).encode("utf-8", "surrogateescape")
        digests[folder] = hashlib.blake2b(content, digest_size=16).hexdigest()
        if folder:
            outer, _, name = folder.rpartition("/")
            inside[outer].append(f"{name}/\0{digests[folder]}")
    return digests


def differing_folders(before: Mapping[str, str], now: Mapping[str, str]) -> frozenset[str]:
    """The folders in which a file was added, removed or changed, or that are gone; subfolders are listed themselves."""
    if before.get("") == now.get(""):
        return frozenset()
    return frozenset(folder for folder in before.keys() | now.keys() if before.get(folder) != now.get(folder))
