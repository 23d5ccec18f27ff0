"""The Merkle tree over folders, the manifest, and what a scan makes of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retrieval.errors import StoreCorrupt, StoreError
from retrieval.index.manifest import FileState, Manifest
from retrieval.index.scan import scan
from retrieval.index.tree import differing_folders, folder_digests
from workspace.walk import Signature, walk

ONE: Signature = (1, 1, 1, 1)
TWO: Signature = (2, 2, 2, 2)
TREE = {"a.py": ONE, "x/b.py": ONE, "x/y/c.py": ONE, "z/d.py": ONE}


def state(signature: Signature = ONE, digest: str = "d") -> FileState:
    return FileState(signature=signature, digest=digest, language="python", chunks=1)


@pytest.mark.parametrize(
    ("change", "folders"),
    [
        ({}, set()),
        ({"x/y/c.py": TWO}, {"", "x", "x/y"}),
        ({"a.py": TWO}, {""}),
        ({"z/e.py": ONE}, {"", "z"}),
        ({"new/deep/f.py": ONE}, {"", "new", "new/deep"}),
    ],
)
def test_a_change_shows_in_its_folder_and_those_around_it(change: dict[str, Signature], folders: set[str]) -> None:
    assert differing_folders(folder_digests(TREE), folder_digests({**TREE, **change})) == folders


def test_a_file_that_goes_shows_too() -> None:
    assert differing_folders(folder_digests(TREE), folder_digests({"a.py": ONE})) == {"", "x", "x/y", "z"}


def test_digests_do_not_depend_on_the_order() -> None:
    assert folder_digests(TREE) == folder_digests(dict(reversed(TREE.items())))


def test_names_cannot_be_shifted_into_each_other() -> None:
    assert folder_digests({"ab": ONE}) != folder_digests({"a": ONE, "b": ONE})
    assert folder_digests({"a/b": ONE})[""] != folder_digests({"a": ONE, "b": ONE})[""]


def test_a_scan_names_what_differs_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "w"
    for name in ("a.py", "x/b.py", "x/y/c.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    manifest = Manifest.open(tmp_path / "m.sqlite")
    found = scan(root, tmp_path / "m.sqlite")
    assert (found.changed, found.removed, found.files) == (("a.py", "x/b.py", "x/y/c.py"), (), 3)
    manifest.put({path: state(known) for path, known in walk(root).signatures.items()})
    manifest.set_folders(found.folders)
    assert scan(root, tmp_path / "m.sqlite").folders == {}
    (root / "x/b.py").write_text("other")
    (root / "a.py").unlink()
    found = scan(root, tmp_path / "m.sqlite")
    assert (found.changed, found.removed) == (("x/b.py",), ("a.py",))


def test_a_manifest_that_was_cut_short_is_made_whole(tmp_path: Path) -> None:
    """The folders' digests agree, and a file is missing all the same."""
    root = tmp_path / "w"
    root.mkdir()
    for name in ("a.py", "b.py"):
        (root / name).write_text(name)
    manifest = Manifest.open(tmp_path / "m.sqlite")
    manifest.set_folders(scan(root, tmp_path / "m.sqlite").folders)
    manifest.put({"a.py": state(walk(root).signatures["a.py"])})
    assert scan(root, tmp_path / "m.sqlite").changed == ("b.py",)


def test_what_was_put_is_there_after_a_kill(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        manifest = Manifest.open(tmp_path / "m.sqlite")
        manifest.put({"a.py": state()})
        os.write(writing, b"1")
        os.kill(os.getpid(), 9)
    os.read(reading, 1)
    os.waitpid(child, 0)
    assert Manifest.open(tmp_path / "m.sqlite").digest("a.py") == "d"


def test_a_file_that_is_no_manifest_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "m.sqlite").write_bytes(b"\x13\x37" * 5000)
    with pytest.raises(StoreCorrupt):
        Manifest.open(tmp_path / "m.sqlite")


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    manifest = Manifest.open(tmp_path / "m.sqlite")
    manifest.put({"a.py": state()})
    manifest._db.execute("PRAGMA max_page_count = 1")  # as a full disk: the file may not grow
    big = {f"{i}.py": state(digest="d" * 1000) for i in range(1000)}
    with pytest.raises(StoreError, match="full"):
        manifest.put(big)
    assert manifest.counts() == (1, 1)
    assert manifest.digest("a.py") == "d"
