"""What changed in a workspace since it was indexed, by signatures. Runs in a worker process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retrieval.index.manifest import Manifest
from retrieval.index.tree import differing_folders, folder_digests
from workspace.walk import Signature, walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    changed: tuple[str, ...]
    """Files that are new or whose signature is another one; sorted, a file near the root first."""
    removed: tuple[str, ...]
    files: int
    """How many the workspace has."""
    skipped: Mapping[str, int]
    """How many were left out, by the reason in words."""
    folders: Mapping[str, str]
    """The new Merkle tree; empty when it is what it was."""


def scan(root: Path, manifest_file: Path) -> Scan:
    """Compare a workspace with its manifest.

    :param root: absolute and resolved.
    """
    manifest = Manifest.open(manifest_file)
    try:
        known, folders = manifest.signatures(), manifest.folders()
    finally:
        manifest.close()
    found = walk(root, known=known)
    now = found.signatures
    tree = folder_digests(now)
    differing = differing_folders(folders, tree)
    changed, removed = _differences(known, now, differing)
    return Scan(
        changed=tuple(sorted(changed, key=lambda path: (path.count("/"), path))),
        removed=tuple(sorted(removed)),
        files=len(now),
        skipped=dict(Counter(skipped.reason.value for skipped in found.skipped)),
        folders=tree if differing else {},
    )


def _differences(
    known: Mapping[str, Signature], now: Mapping[str, Signature], differing: frozenset[str]
) -> tuple[list[str], list[str]]:
    if not differing:
        # Equal trees, but a manifest that was cut short may still lack files that the tree has.
        if len(known) == len(now):
            return [], []
        return [path for path in now if path not in known], [path for path in known if path not in now]
    changed = [path for path, found in now.items() if known.get(path) != found]
    return changed, [path for path in known if path not in now]
