"""Writing an edit: all or nothing, and only onto what it was made against."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.cli.apply import Stale, write_edit
from server.cli.editor import edited
from workspace.edit import Edit, FileChange


def edit(*changes: tuple[str, bytes | None, bytes | None]) -> Edit:
    return Edit(changes=tuple(FileChange(path=path, before=old, after=new) for path, old, new in changes))


def test_writes_makes_and_deletes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a\r\n")
    (tmp_path / "a.py").chmod(0o750)
    (tmp_path / "gone.py").write_bytes(b"x")
    write_edit(edit(("a.py", b"a\r\n", b"b\r\n"), ("gone.py", b"x", None), ("new/c.py", None, b"c")), tmp_path)
    assert (tmp_path / "a.py").read_bytes() == b"b\r\n"
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "new/c.py").read_bytes() == b"c"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "new"]


@pytest.mark.parametrize(
    "changes",
    [
        [("a.py", b"a", b"b"), ("b.py", b"older", b"b")],
        [("a.py", b"a", b"b"), ("none.py", b"x", b"b")],
        [("a.py", b"a", b"b"), ("b.py", None, b"b")],
        [("a.py", b"a", b"b"), ("../c.py", None, b"b")],
        [("a.py", b"a", b"b"), ("link.py", b"secret", b"b")],
    ],
)
def test_refuses_what_changed_meanwhile(changes: list[tuple[str, bytes, bytes]], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_bytes(b"a")
    (root / "b.py").write_bytes(b"newer")
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link.py").symlink_to(tmp_path / "secret")
    with pytest.raises(Stale):
        write_edit(edit(*changes), root)
    assert (root / "a.py").read_bytes() == b"a"
    assert (root / "b.py").read_bytes() == b"newer"
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in root.iterdir()) == ["a.py", "b.py", "link.py"]


def test_a_link_inside_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(b"a")
    (tmp_path / "link.py").symlink_to("real.py")
    write_edit(edit(("link.py", b"a", b"b")), tmp_path)
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_bytes() == b"b"


def test_what_was_done_is_undone_when_the_disk_refuses(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/x.py").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_edit(edit(("a.py", b"a", b"b"), ("folder/x.py", b"", b"b")), tmp_path)
    assert (tmp_path / "a.py").read_bytes() == b"a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "folder"]


def test_the_editor_of_the_demonstration_edits_as_lsp_says() -> None:
    text = "a\r\n😀 = 1\nform\ffeed"
    change = {"range": {"start": {"line": 1, "character": 5}, "end": {"line": 1, "character": 6}}, "newText": "22"}
    last = {"range": {"start": {"line": 2, "character": 9}, "end": {"line": 2, "character": 9}}, "newText": "!"}
    first = {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}, "newText": "#"}
    assert edited(text, [change, last, first]) == "#a\r\n😀 = 22\nform\ffeed!"
