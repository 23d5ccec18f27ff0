"""The private copy that an edit is tried in: what the user sees, edited, and never the user's own files."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import PatchRefused
from sandbox.scratch import Scratch
from tests.sandbox.trees import digest, edit_of, project_at
from workspace.project import Project, open_project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Whatever is done to a copy, the project's own files stay as they are."""
    root = project_at(tmp_path / "project", {"a.py": "a", "pkg/b.py": "b", "pkg/run.sh": "#!/bin/sh\n"}).root
    (root / "pkg/run.sh").chmod(0o750)
    (root / "a.py").chmod(0o600)
    (root / "alias.py").symlink_to("a.py")
    (root / "inside").symlink_to(root / "pkg")
    before = digest(root)
    yield project_at(root, {})
    assert digest(root) == before


def contents(scratch: Scratch) -> dict[str, str]:
    files = (path for path in scratch.path.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(scratch.path)): path.read_text() for path in files}


AS_IT_IS = {"a.py": "a", "pkg/b.py": "b", "pkg/run.sh": "#!/bin/sh\n"}


def test_a_copy_has_what_the_project_has(project: Project, tmp_path: Path) -> None:
    scratch = Scratch.make(project, None, tmp_path / "copy")
    assert contents(scratch) == AS_IT_IS
    assert not (scratch.path / "a.py").samefile(project.root / "a.py")


def test_unsaved_buffers_come_before_the_edit(project: Project, tmp_path: Path) -> None:
    project = replace(project, overlay={"a.py": b"unsaved", "alias.py": b"own", "new.py": b"new"})
    scratch = Scratch.make(project, edit_of(project, {"new.py": "edited"}), tmp_path / "copy")
    assert contents(scratch) == {**AS_IT_IS, "a.py": "unsaved", "alias.py": "own", "new.py": "edited"}


def test_an_edit_writes_makes_and_deletes(project: Project, tmp_path: Path) -> None:
    edit = edit_of(project, {"a.py": "changed", "deep/er/c.py": "c", "pkg/b.py": None})
    scratch = Scratch.make(project, edit, tmp_path / "copy")
    assert contents(scratch) == {"a.py": "changed", "deep/er/c.py": "c", "pkg/run.sh": "#!/bin/sh\n"}


def test_links_lead_to_the_same_place_in_the_copy(project: Project, tmp_path: Path) -> None:
    scratch = Scratch.make(project, edit_of(project, {"a.py": "changed"}), tmp_path / "copy")
    assert (scratch.path / "alias.py").read_text() == "changed"
    assert (scratch.path / "inside").resolve() == scratch.path / "pkg"
    assert not any(link.readlink().is_absolute() for link in scratch.path.rglob("*") if link.is_symlink())


def test_a_link_is_replaced_and_not_written_through(project: Project, tmp_path: Path) -> None:
    scratch = Scratch.make(project, edit_of(project, {"alias.py": "own"}), tmp_path / "copy")
    assert contents(scratch) == {**AS_IT_IS, "alias.py": "own"}
    scratch = Scratch.make(project, edit_of(project, {"inside/b.py": "other"}), tmp_path / "other")
    assert contents(scratch) == {**AS_IT_IS, "pkg/b.py": "other"}


def test_no_link_leads_a_write_out_of_the_copy(project: Project, tmp_path: Path) -> None:
    edit = edit_of(project, {"out/evil.py": "x"})
    with pytest.raises(PatchRefused, match="behind a symbolic link; edit the file it points to"):
        Scratch.make(replace(project, links={"out": ".."}), edit, tmp_path / "copy")
    assert not (tmp_path / "evil.py").exists()


def test_everybody_may_add_and_only_the_owner_may_change(project: Project, tmp_path: Path) -> None:
    scratch = Scratch.make(project, edit_of(project, {"a.py": "x", "pkg/run.sh": "y"}), tmp_path / "copy")
    for copy in (scratch, scratch.variant({"pkg/b.py": b"z", "new/c.py": b""}, tmp_path / "variant")):
        modes = {path.name: oct(stat.S_IMODE(path.lstat().st_mode)) for path in copy.path.rglob("*.*")}
        assert modes == modes | {"a.py": "0o644", "b.py": "0o644", "run.sh": "0o755"}
        folders = [copy.path, *(path for path in copy.path.rglob("*") if path.is_dir() and not path.is_symlink())]
        assert {oct(stat.S_IMODE(folder.stat().st_mode)) for folder in folders} == {"0o1777"}


def test_a_variant_shares_what_it_does_not_change_and_leaves_the_first_alone(project: Project, tmp_path: Path) -> None:
    first = Scratch.make(project, None, tmp_path / "copy")
    before = digest(first.path)
    variant = first.variant({"a.py": b"changed", "pkg/b.py": None, "c.py": b"c"}, tmp_path / "variant")
    assert contents(variant) == {"a.py": "changed", "c.py": "c", "pkg/run.sh": "#!/bin/sh\n"}
    assert digest(first.path) == before
    assert (variant.path / "pkg/run.sh").samefile(first.path / "pkg/run.sh")
    assert (variant.path / "alias.py").read_text() == "changed"


def test_a_file_takes_the_place_of_a_folder_that_is_emptied(project: Project, tmp_path: Path) -> None:
    edit = edit_of(project, {"pkg": "one file", "pkg/b.py": None, "pkg/run.sh": None})
    assert contents(Scratch.make(project, edit, tmp_path / "copy")) == {"a.py": "a", "pkg": "one file"}


@pytest.mark.parametrize("path", ["pkg", "a.py/b.py", "x" * 300 + ".py"])
def test_what_cannot_be_written_is_refused(project: Project, tmp_path: Path, path: str) -> None:
    with pytest.raises(PatchRefused, match="cannot be written"):
        Scratch.make(project, edit_of(project, {"a.py": "a"}), tmp_path / "copy").variant({path: b""}, tmp_path / "v")


def test_a_file_that_has_gone_since_is_left_out(project: Project, tmp_path: Path) -> None:
    gone = replace(project, files=(*project.files, "gone.py"))
    assert contents(Scratch.make(gone, None, tmp_path / "copy")) == AS_IT_IS


def test_an_environment_in_the_project_has_its_place(project: Project, tmp_path: Path) -> None:
    python = replace(project.python, prefix=project.root / ".venv")
    scratch = Scratch.make(replace(project, python=python), None, tmp_path / "copy")
    assert list((scratch.path / ".venv").iterdir()) == []


def test_a_link_that_leaves_the_project_is_not_in_the_copy(tmp_path: Path) -> None:
    root = project_at(tmp_path / "project", {"a.py": "a"}).root
    (tmp_path / "private").write_text("private")
    (root / "out").symlink_to(tmp_path / "private")
    scratch = Scratch.make(open_project(root, env={}), None, tmp_path / "copy")
    assert [path.name for path in scratch.path.iterdir()] == ["a.py"]
