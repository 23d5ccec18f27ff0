"""A workspace is opened, whatever state it is in, and says what was left out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from workspace.errors import NoInterpreter, NoWorkspace, OutsideWorkspace, WorkspaceError
from workspace.project import open_project
from workspace.python import OWN, OWN_NOTE

Git = Callable[..., str]
Tree = Callable[[Mapping[str, str | bytes]], Path]


def test_an_ordinary_project(tree: Tree) -> None:
    root = tree({"pyproject.toml": "", "src/a.py": "x = 1", "tests/test_a.py": "", ".venv/pyvenv.cfg": ""})
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")), check=True)
    project = open_project(root, env={})
    assert project.root == root
    assert project.python.origin == ".venv"
    assert project.files == ("pyproject.toml", "src/a.py", "tests/test_a.py")
    assert project.notes == ()
    assert project.read("src/a.py") == b"x = 1"
    assert project.read("src") is project.read("src/none.py") is project.read("src/a.py/b") is None


def test_without_an_environment_a_note_says_what_was_used(tree: Tree) -> None:
    project = open_project(tree({"a.py": ""}), env={})
    assert project.python.origin == OWN
    assert project.notes == (OWN_NOTE,)
    assert "python3 -m venv .venv && .venv/bin/pip install -e . pytest" in OWN_NOTE


def test_an_empty_folder_is_a_project(root: Path) -> None:
    assert open_project(root, env={}).files == ()


def test_a_root_by_another_name_is_resolved(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"a.py": ""})
    (root.parent / "alias").symlink_to(root)
    assert open_project(root.parent / "alias", env={}).root == root
    monkeypatch.chdir(root)
    assert open_project(Path(), env={}).root == root


@pytest.mark.parametrize("what", ["missing", "a file", "a loop", "nul"])
def test_a_root_that_is_none(tree: Tree, what: str) -> None:
    root = tree({"a.txt": ""})
    (root / "loop").symlink_to("loop")
    path = {"missing": root / "nowhere", "a file": root / "a.txt", "a loop": root / "loop", "nul": Path("a\0b")}[what]
    with pytest.raises(NoWorkspace, match="give the path of a project's folder"):
        open_project(path, env={})


def test_a_root_that_cannot_be_read(tree: Tree, with_ordinary_rights: Callable[[str], str]) -> None:
    root = tree({"a.py": ""})
    root.chmod(0)
    told = with_ordinary_rights(f"try: open_project(Path({str(root)!r}))\nexcept NoWorkspace as e: print(e)")
    assert told == f"{root} cannot be read; give yourself the right to read it, or another path."


def test_an_unreadable_folder_is_a_note(tree: Tree, with_ordinary_rights: Callable[[str], str]) -> None:
    root = tree({"a.py": "", "locked/b.py": ""})
    (root / "locked").chmod(0)
    told = with_ordinary_rights(f"p = open_project(Path({str(root)!r}), env={{}})\nprint(p.files, p.notes[-1])")
    assert told == "('a.py',) locked/ cannot be read and was left out of the sandbox."


def test_unsaved_buffers_stand_in_for_files(tree: Tree) -> None:
    root = tree({"src/a.py": "old", ".aiignore": "private.py", "private.py": ""})
    overlay = {"src/a.py": b"new", "src/fresh.py": b"x", ".env": b"TOKEN=1", "private.py": b"", str(root / "b.py"): b""}
    project = open_project(root, overlay=overlay, env={})
    assert project.files == (".aiignore", "b.py", "src/a.py", "src/fresh.py")
    assert (project.read("src/a.py"), project.read("src/fresh.py")) == (b"new", b"x")
    assert set(project.overlay) == {"src/a.py", "src/fresh.py", "b.py"}
    assert ".env looks like a secret and was left out of the sandbox." in project.notes
    with pytest.raises(OutsideWorkspace):
        open_project(root, overlay={"../a.py": b""}, env={})


def test_what_was_left_out_is_named(tree: Tree, git: Git) -> None:
    root = tree({"a.py": "", ".env": "", "certs/a.key": "", "certs/b.key": "", "certs/c.key": "", "x.log": ""})
    tree({".gitignore": "*.log", "__pycache__/a.pyc": "", "node_modules/x": ""})
    git(root, "init", "-q")
    (root / "data.bin").touch()
    os.truncate(root / "data.bin", 50 << 20)
    os.mkfifo(root / "pipe")
    (root / "up").symlink_to("..")
    assert open_project(root, env={}).notes[1:] == (
        "data.bin (50 MB) is larger than 32 MB and was left out of the sandbox.",
        "up is a symlink that leaves the workspace and was left out of the sandbox.",
        ".env, certs/a.key, certs/b.key and 1 more look like secrets and were left out of the sandbox.",
        "pipe is no regular file and was left out of the sandbox.",
    )


def test_symlinks_that_stay_inside_are_kept_as_what_they_are(tree: Tree) -> None:
    root = tree({"lib/a.py": "x", "src/": ""})
    (root / "src/lib").symlink_to(root / "lib")
    (root / "b.py").symlink_to("lib/a.py")
    project = open_project(root, env={})
    assert project.files == ("b.py", "lib/a.py")
    assert project.links == {"b.py": "lib/a.py", "src/lib": "lib"}
    assert project.read("b.py") == b"x"


def test_nothing_in_an_untrusted_workspace_is_started(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a.py": "", ".venv/bin/python": f"#!/bin/sh\necho > '{tmp_path}/started'\n", ".venv/pyvenv.cfg": ""})
    (root / ".venv/bin/python").chmod(0o755)
    project = open_project(root, env={}, trusted=False)
    assert project.python.origin == OWN
    assert not (tmp_path / "started").exists()


def test_errors_are_one_sentence_for_the_reader(tree: Tree) -> None:
    root = tree({"a.py": ""})
    with pytest.raises(NoInterpreter) as error:
        open_project(root, python=Path("/nowhere/python"), env={})
    assert isinstance(error.value, WorkspaceError)
    assert str(error.value) == (
        "The configured Python /nowhere/python does not start: No such file or directory; correct the setting `python`."
    )
