"""What changed since the last commit, compared with `git diff`, and safe from the programs a repository names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workspace.changes import staged_changes, working_changes
from workspace.edit import unified_diff


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "repo"
    (root / "src").mkdir(parents=True)
    git(root, "init", "-q")
    for name in ("a", "b", "c"):
        (root / "src" / f"{name}.py").write_text(f"# {name}\nx = 1\n")
    (root / ".env").write_text("TOKEN=1\n")
    (root / "notes.txt").write_text("one\n")
    (root / ".aiignore").write_text("notes.txt\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_nothing_has_changed(root: Path) -> None:
    for changes in (working_changes(root), staged_changes(root)):
        assert (changes.edit.changes, changes.notes, changes.problem) == ((), (), "")


def test_the_working_tree_and_the_index_are_told_apart(root: Path) -> None:
    (root / "src/a.py").write_text("# a\nx = 2\n")
    git(root, "add", "src/a.py")
    (root / "src/b.py").write_text("# b\nx = 3\n")
    (root / "src/c.py").unlink()
    (root / "src/new.py").write_text("y = 1\n")
    git(root, "add", "src/new.py")
    assert [(each.path, each.after) for each in staged_changes(root).edit.changes] == [
        ("src/a.py", b"# a\nx = 2\n"),
        ("src/new.py", b"y = 1\n"),
    ]
    working = working_changes(root).edit
    assert [(each.path, each.after) for each in working.changes] == [
        ("src/a.py", b"# a\nx = 2\n"),
        ("src/b.py", b"# b\nx = 3\n"),
        ("src/c.py", None),
        ("src/new.py", b"y = 1\n"),
    ]
    wanted = [line for line in git(root, "diff", "HEAD").split("\n") if not line.startswith("index ")]
    assert unified_diff(working).split("\n") == wanted


def test_a_change_that_leaves_size_and_time_is_seen(root: Path) -> None:
    """As git does for files as young as its index."""
    (root / "src/a.py").write_text("# a\nx = 7\n")
    assert [each.path for each in working_changes(root).edit.changes] == ["src/a.py"]


def test_a_folder_of_a_repository_sees_its_own_files_and_buffers_stand_in(root: Path) -> None:
    (root / "notes.txt").write_text("two\n")
    changes = working_changes(root / "src", {"b.py": "# b\nx = 'unsaved'\n"}).edit.changes
    assert [(each.path, each.after) for each in changes] == [("b.py", b"# b\nx = 'unsaved'\n")]


def test_what_may_not_be_read_is_left_out_with_its_reason(root: Path) -> None:
    (root / ".env").write_text("TOKEN=2\n")
    (root / "notes.txt").write_text("two\n")
    (root / "src/a.py").write_bytes(b"\0\1")
    changes = working_changes(root)
    assert changes.edit.changes == ()
    assert changes.notes == (
        ".env was left out: it looks like a secret.",
        "notes.txt was left out: it is named in .aiignore or .cursorignore.",
        "src/a.py was left out: it is not text.",
    )


def test_before_the_first_commit_everything_staged_is_new(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", "a.py")
    assert [(c.path, c.before) for c in staged_changes(tmp_path.resolve()).edit.changes] == [("a.py", None)]


def test_no_program_of_the_repository_is_started(root: Path) -> None:
    mark = root.parent / "mark"
    (root / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    for key in ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "core.fsmonitor", "diff.external"):
        git(root, "config", key, f"touch {mark}; cat")
    (root / "src/a.py").write_text("# a\nx = 7\n")
    assert [each.path for each in working_changes(root).edit.changes] == ["src/a.py"]
    assert staged_changes(root).edit.changes == ()
    assert not mark.exists()


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    assert working_changes(tmp_path.resolve()).problem == "This is no git repository."


def test_a_broken_index_is_said_to_be_unreadable(root: Path) -> None:
    (root / ".git/index").write_bytes(b"DIRC nonsense")
    assert "cannot be read" in working_changes(root).problem
