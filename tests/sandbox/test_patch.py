"""A patch becomes an edit, or is refused with a reason; git applies it to a copy and knows nothing of the user."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.errors import PatchRefused
from sandbox.patch import MAX_PATCH, edit_from_patch, why_untouchable
from tests.sandbox.trees import Content, digest, project_at
from workspace.edit import unified_diff
from workspace.project import Project

CART = "def total(items):\n    return sum(items) + 1\n"
FIXED = b"def total(items):\n    return sum(items)\n"
HUNK = "@@ -1,2 +1,2 @@\n def total(items):\n-    return sum(items) + 1\n+    return sum(items)\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A small project; whatever is done with a patch, its files stay as they are."""
    files: dict[str, Content] = {
        "cart.py": CART,
        "doc/my notes.txt": "one\ntwo\n",
        "crlf.py": "a = 1\r\nb = 2\r\n",
        "end.py": "x = 1",
        "blob": b"\0\1\2",
        ".env": "TOKEN=1\n",
        ".gitignore": "out/\n",
        "out/log.txt": "old\n",
    }
    project = project_at(tmp_path / "project", files)
    before = digest(project.root)
    yield project
    assert digest(project.root) == before


def changed(project: Project, patch: str | bytes) -> Mapping[str, bytes | None]:
    edit = edit_from_patch(patch.encode() if isinstance(patch, str) else patch, project)
    assert all(change.before == project.read(change.path) for change in edit.changes)
    assert list(edit.changes) == sorted(edit.changes, key=lambda change: change.path)
    return {change.path: change.after for change in edit.changes}


def refusal(project: Project, patch: str | bytes) -> str:
    with pytest.raises(PatchRefused) as caught:
        edit_from_patch(patch.encode() if isinstance(patch, str) else patch, project)
    return str(caught.value)


def creating(path: str, content: str = "x = 1", *, mode: str = "100644") -> str:
    head = f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1 @@\n+{content}\n"


@pytest.mark.parametrize(
    "head",
    [
        "--- a/cart.py\n+++ b/cart.py\n",
        "--- cart.py\n+++ cart.py\n",
        "--- cart.py\t2024-01-01 10:00:00.000000000 +0100\n+++ cart.py\t2024-01-01 10:00:01.000000000 +0100\n",
        "diff --git a/cart.py b/cart.py\nindex 1234567..89abcde 100644\n--- a/cart.py\n+++ b/cart.py\n",
        "From 1a2b3c Mon Sep 17 00:00:00 2001\nSubject: [PATCH] Fix\n\nText.\n---\n cart.py | 2 +-\n\n"
        "--- a/cart.py\n+++ b/cart.py\n",
    ],
    ids=["git", "plain", "diff -u", "git with an index", "a mail"],
)
def test_a_diff_in_every_usual_form(project: Project, head: str) -> None:
    assert changed(project, head + HUNK) == {"cart.py": FIXED}


def test_a_title_is_kept(project: Project) -> None:
    assert edit_from_patch(f"--- a/cart.py\n+++ b/cart.py\n{HUNK}".encode(), project, title="fix").title == "fix"


def test_our_own_diffs_come_back(project: Project) -> None:
    patch = f"--- a/cart.py\n+++ b/cart.py\n{HUNK}{creating('new/mod.py')}"
    edit = edit_from_patch(patch.encode(), project)
    assert edit_from_patch(unified_diff(edit).encode(), project) == edit


def test_line_endings_and_a_missing_last_newline_are_content(project: Project) -> None:
    crlf = "--- a/crlf.py\n+++ b/crlf.py\n@@ -1,2 +1,2 @@\n-a = 1\r\n+a = 3\r\n b = 2\r\n"
    assert changed(project, crlf) == {"crlf.py": b"a = 3\r\nb = 2\r\n"}
    end = "--- a/end.py\n+++ b/end.py\n@@ -1 +1 @@\n-x = 1\n\\ No newline at end of file\n+x = 2\n"
    assert changed(project, end) == {"end.py": b"x = 2\n"}
    assert changed(project, f"{end}\\ No newline at end of file\n") == {"end.py": b"x = 2"}


def test_files_are_made_deleted_and_renamed(project: Project) -> None:
    assert changed(project, creating("pkg/new.py")) == {"pkg/new.py": b"x = 1\n"}
    deleting = "diff --git a/end.py b/end.py\ndeleted file mode 100644\n--- a/end.py\n+++ /dev/null\n"
    assert changed(project, deleting + "@@ -1 +0,0 @@\n-x = 1\n\\ No newline at end of file\n") == {"end.py": None}
    moving = "diff --git a/cart.py b/shop/cart.py\nrename from cart.py\nrename to shop/cart.py\n"
    assert changed(project, moving) == {"cart.py": None, "shop/cart.py": CART.encode()}


def test_a_name_with_a_space_and_a_file_that_is_no_text(project: Project) -> None:
    notes = "--- a/doc/my notes.txt\n+++ b/doc/my notes.txt\n@@ -1,2 +1,2 @@\n-one\n+1\n two\n"
    assert changed(project, notes) == {"doc/my notes.txt": b"1\ntwo\n"}
    deleting = "diff --git a/blob b/blob\ndeleted file mode 100644\nindex 1234567..0000000\nGIT binary patch\n"
    assert "binary content" in refusal(project, deleting)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../evil.py", "a/../../evil.py", ".git/hooks/pre-commit", "sub/.GIT/config", "..\\evil.py"]
)
def test_paths_that_lead_out_are_refused(project: Project, path: str) -> None:
    for name in (path, path if path.startswith("/") else f"b/{path}"):
        patch = f"--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n"
        assert "outside what an edit may touch" in refusal(project, patch)


@pytest.mark.parametrize("path", ["../cart.py", "/tmp/cart.py", ".git/cart.py"])
def test_a_rename_may_not_lead_out_either(project: Project, path: str) -> None:
    patch = f"diff --git a/cart.py b/cart.py\nrename from cart.py\nrename to {path}\n"
    assert "outside what an edit may touch" in refusal(project, patch)


@pytest.mark.parametrize(
    "quoted", ['"b/\\056\\056/evil.py"', '"b/\\056git/config"', '"b/\\057etc/evil"', "b//etc/evil"]
)
def test_quoting_hides_no_path(project: Project, quoted: str) -> None:
    refusal(project, f"--- /dev/null\n+++ {quoted}\n@@ -0,0 +1 @@\n+x\n")


def test_lines_of_a_file_are_not_taken_for_names(tmp_path: Path) -> None:
    old, new = "-- yes / no, see ../docs\n-- .git/config\nselect 1;\n", "select 1;\n++ /x ../y\n"
    project = project_at(tmp_path / "p", {"a.sql": old})
    hunk = "@@ -1,3 +1,2 @@\n--- yes / no, see ../docs\n--- .git/config\n select 1;\n+++ /x ../y\n"
    assert changed(project, f"--- a/a.sql\n+++ b/a.sql\n{hunk}") == {"a.sql": new.encode()}


@pytest.mark.parametrize("path", ["../evil.py", "/etc/evil.py", ".git/config", ".GIT/config", "sub/.Git/config"])
def test_a_wrong_count_hides_no_name(project: Project, path: str) -> None:
    hidden = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    for count in (3, 4, 5, 9):
        hunk = HUNK.replace("-1,2 +1,2", f"-1,{count} +1,2")
        refusal(project, f"--- a/cart.py\n+++ b/cart.py\n{hunk}{hidden}")
    quoted = path.replace("g", "\\147").replace("G", "\\107").replace(".", "\\056")
    refusal(project, f'--- /dev/null\n+++ "b/{quoted}"\n@@ -0,0 +1 @@\n+x\n')


@pytest.mark.parametrize("mode", ["120000", "0120000", "160000"])
def test_links_and_submodules_are_refused(project: Project, mode: str) -> None:
    assert "patch makes" in refusal(project, creating("link", "/etc/passwd", mode=mode))


def test_nothing_is_written_through_a_link_that_the_patch_makes(project: Project, tmp_path: Path) -> None:
    refusal(project, creating("link", str(tmp_path), mode="0120000") + creating("link/evil.py"))
    assert not (tmp_path / "evil.py").exists()


def test_rights_are_no_part_of_an_edit(project: Project) -> None:
    assert changed(project, creating("run.py", mode="100755")) == {"run.py": b"x = 1\n"}
    mode = "diff --git a/cart.py b/cart.py\nold mode 100644\nnew mode 100755\n"
    assert "changes nothing" in refusal(project, mode)


@pytest.mark.parametrize("mode", ["104755", "102755", "010644", "120000", "160000", "060000"])
def test_special_modes_are_refused(project: Project, mode: str) -> None:
    assert "something else than a regular file" in refusal(project, creating("run.py", mode=mode))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".venv/lib/site.py", "environment"),
        (".env.local", "secret"),
        ("keys/id_rsa", "secret"),
        ("a/__pycache__/b.txt", "cache"),
        (".hg/hgrc", "version control"),
    ],
)
def test_places_that_no_edit_may_touch(project: Project, path: str, why: str) -> None:
    assert why in refusal(project, creating(path))
    assert why in (why_untouchable(path) or "")
    assert why_untouchable("src/cart.py") is None


@pytest.mark.parametrize("path", ["out/log.txt", ".env"])
def test_a_file_that_was_left_out_is_not_overwritten(project: Project, path: str) -> None:
    said = refusal(project, creating(path))
    assert path in said
    assert "left out of the sandbox" in said or "secret" in said


@pytest.mark.parametrize("path", ['"b/a\\nb.py"', '"b/\\342\\200\\256yp.py"', '"b/a\\033[2Jb.py"', "b/cart.py "])
def test_names_that_the_eye_takes_for_others_are_refused(project: Project, path: str) -> None:
    assert "by eye" in refusal(project, f"--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+x\n")


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("hello\n", "does not apply: there is no diff in it"),
        (f"--- a/cart.py\n+++ b/cart.py\n{HUNK.replace('-1,2 +1,2', '-1,9 +1,9')}", "does not apply: corrupt patch"),
        (f"--- a/cart.py\n+++ b/cart.py\n{HUNK.replace('sum', 'max')}", "does not apply: patch failed: cart.py:1"),
        (f"--- a/none.py\n+++ b/none.py\n{HUNK}", "does not apply: none.py: No such file"),
        (creating("cart.py"), "does not apply: cart.py: already exists"),
    ],
    ids=["empty", "blank", "no patch", "wrong counts", "other content", "no such file", "exists"],
)
def test_what_cannot_be_applied_says_why(project: Project, patch: str, said: str) -> None:
    assert said in refusal(project, patch)


def test_a_patch_that_is_too_large(project: Project) -> None:
    assert "larger than 8 MB; split it" in refusal(project, b"x" * (MAX_PATCH + 1))


def test_what_fails_with_gits_prefixes_is_not_tried_as_a_folder_of_that_name(project: Project) -> None:
    assert "already exists" in refusal(project, "--- a/cart.py\n+++ b/cart.py\n" + creating("cart.py"))
    assert changed(project, creating("x.py").replace(" a/", " ").replace(" b/", " ")) == {"x.py": b"x = 1\n"}


def test_half_a_patch_is_not_applied(project: Project) -> None:
    assert "none.py" in refusal(project, f"--- a/cart.py\n+++ b/cart.py\n{HUNK}--- a/none.py\n+++ b/none.py\n{HUNK}")


def test_unsaved_buffers_are_what_is_patched(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p", {"cart.py": "saved\n"}, overlay={"cart.py": CART})
    assert changed(project, f"--- a/cart.py\n+++ b/cart.py\n{HUNK}") == {"cart.py": FIXED}


def test_a_link_in_the_project_is_not_followed(project: Project, tmp_path: Path) -> None:
    linked = project_at(tmp_path / "linked", {"real.py": CART})
    (linked.root / "alias.py").symlink_to("real.py")
    linked = project_at(linked.root, {})
    assert "No such file" in refusal(linked, f"--- a/alias.py\n+++ b/alias.py\n{HUNK}")


def test_the_users_git_has_no_say(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[apply]\n\twhitespace = error-all\n[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(home))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "apply.whitespace")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "error-all")
    monkeypatch.setenv("GIT_TRACE", str(home / "trace"))
    assert changed(project, creating("new.py", "x = 1  ")) == {"new.py": b"x = 1  \n"}
    assert not (home / "trace").exists()


@pytest.mark.parametrize("bare", [True, False])
def test_a_workspace_that_looks_like_a_repository_starts_nothing(tmp_path: Path, bare: bool) -> None:
    mark = tmp_path / "started"
    config = f'[core]\n\tbare = {str(bare).lower()}\n[filter "x"]\n\tsmudge = touch {mark}; cat\n\tclean = cat\n'
    place = "" if bare else ".git/"
    files = {"HEAD": "ref: refs/heads/main\n", "config": config, "objects/x": "", "refs/x": ""}
    files = {place + path: content for path, content in files.items()} | {f"{place}info/attributes": "*.py filter=x\n"}
    project = project_at(tmp_path / "p", {"cart.py": CART, ".gitattributes": "*.py filter=x\n", **files})
    patch = f"--- a/cart.py\n+++ b/cart.py\n{HUNK}".encode()
    assert changed(project, patch) == {"cart.py": FIXED}
    assert not mark.exists()
    # The trap is one: git on its own, in that folder, does start the filter.
    subprocess.run(("git", "apply"), cwd=project.root, input=patch, check=True)
    assert mark.exists()


def test_without_git_the_reader_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "install git" in refusal(project, creating("new.py"))
