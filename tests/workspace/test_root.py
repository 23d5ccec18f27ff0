from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from workspace.errors import NoWorkspace, OutsideWorkspace
from workspace.root import find_root, relative_path

Tree = Callable[[Mapping[str, str | bytes]], Path]


@pytest.mark.parametrize(
    ("files", "start", "expected"),
    [
        (["pyproject.toml", "src/shop/a.py"], "src/shop/a.py", ""),
        ([".git/HEAD", "src/a.py"], "src", ""),
        (["pyproject.toml", "libs/one/pyproject.toml", "libs/one/a.py"], "libs/one/a.py", "libs/one"),
        (["setup.py", "a.py"], "a.py", ""),
        (["setup.cfg", "d/a.py"], "d/a.py", ""),
        (["pytest.ini", "d/test_a.py"], "d/test_a.py", ""),
        (["pyproject.toml", "tests/pytest.ini", "tests/test_a.py"], "tests/test_a.py", ""),
        (["svc/requirements.txt", "svc/app/a.py", ".git/HEAD"], "svc/app/a.py", "svc"),
        ([".git", "a/b.py"], "a/b.py", ""),  # a worktree or a submodule: .git is a file
    ],
)
def test_the_nearest_marker_makes_the_root(tree: Tree, files: list[str], start: str, expected: str) -> None:
    root = tree(dict.fromkeys(files, ""))
    assert find_root(root / start) == (root / expected).resolve()


def test_without_a_marker_it_is_the_folder_itself(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"home/.git/": "", "home/notes/a.py": "", "home/pyproject.toml": ""})
    monkeypatch.setenv("HOME", str(root / "home"))
    # Dotfiles kept in git make the home folder no project; to be asked for it by name does.
    assert find_root(root / "home/notes/a.py") == root / "home/notes"
    assert find_root(root / "home") == root / "home"


def test_the_root_is_resolved(tree: Tree) -> None:
    root = tree({"real/pyproject.toml": "", "real/a.py": ""})
    (root / "link").symlink_to("real")
    assert find_root(root / "link" / "a.py") == root / "real"


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(NoWorkspace, match=r"nowhere does not exist; give the path"):
        find_root(tmp_path / "nowhere")


def test_paths_are_made_relative(tree: Tree) -> None:
    root = tree({"src/a.py": "", "lib/": ""})
    (root / "alias").symlink_to("src")
    (root.parent / "other-name").symlink_to(root)
    assert relative_path(root, "src/a.py") == "src/a.py"
    assert relative_path(root, "./src//a.py") == "src/a.py"
    assert relative_path(root, root / "src/a.py") == "src/a.py"
    assert relative_path(root, root.parent / "other-name/src/a.py") == "src/a.py"
    assert relative_path(root, "alias/a.py") == "alias/a.py"
    assert relative_path(root, "src/new.py") == "src/new.py"


@pytest.mark.parametrize(
    "path", ["", ".", "..", "../a.py", "src/../../a.py", "/etc/passwd", "out/a.py", "a\0b", "loop/a"]
)
def test_paths_that_lead_out_are_refused(tree: Tree, path: str) -> None:
    root = tree({"src/a.py": ""})
    (root / "out").symlink_to(root.parent)
    (root / "loop").symlink_to("loop")
    with pytest.raises(OutsideWorkspace):
        relative_path(root, path)
