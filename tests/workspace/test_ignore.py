"""The ignore rules, held to what real git does with the same files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace import ignore
from workspace.policy import Purpose, Reason
from workspace.walk import walk, why_not

Git = Callable[..., str]
Tree = Callable[[Mapping[str, str | bytes]], Path]


def words(text: str) -> list[str]:
    return text.split()


# Pieces that make patterns meet each other, the names below and git's corner cases.
_PIECES = words(
    r"""
    a b c ab é * ** *** ? / ! # - . [ ] [ab] [!a] [^b] [a-c] [z-a] [a/b] []a] [a-] [\]] [a-\c] [!] [[:alpha:]]
    [[:bad:]] [[:] [[:digit:]a] \ \* \# \!
    """
)
_PATTERN = st.lists(st.sampled_from([*_PIECES, " ", "\\ ", "\t"]), min_size=1, max_size=6).map("".join)
_PLAIN_PATTERN = st.sampled_from(
    words(
        r"""
    a b c ab *.c a/ b/ /a /b a/b !a !b !a/ !*.c * !*/ a/* !a/b **/b a/** /*/b *b a?c !ab /ab/ **/a/** a**b
    """
    )
)
_NAMES = ("a", "b", "c", "ab", "a.c", ".a", "a b", "b*", "é", "[", "-", "#a", "!a", "a]", "a\\", "1")
_PATH = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4).map("/".join)


def _rules(pattern: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(pattern, max_size=6).map("\n".join)


def _build(root: Path, paths: list[str], rules: Mapping[str, str]) -> None:
    for path in paths:
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("text")
        except OSError:
            pass  # the name is already a folder, or the folder a file: the other one stays
    for name, text in rules.items():
        if (root / name).parent.is_dir():
            (root / name).write_bytes(text.encode())


def _kept_by_git(git: Git, root: Path) -> set[str]:
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return {name for name in listed.split("\0") if name}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(paths=st.lists(_PATH, min_size=3, max_size=12), rules=_rules(_PATTERN))
def test_any_pattern_means_what_it_means_to_git(git: Git, paths: list[str], rules: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        git(root, "init", "-q")
        _build(root, paths, {".gitignore": rules})
        assert set(walk(root).files) == _kept_by_git(git, root), rules


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    paths=st.lists(_PATH, min_size=3, max_size=12),
    tracked=st.integers(0, 3),
    outer=_rules(_PLAIN_PATTERN),
    inner=st.dictionaries(st.sampled_from(["a", "b", "a/b", "a/b/a"]), _rules(_PLAIN_PATTERN), max_size=3),
    exclude=_rules(_PLAIN_PATTERN),
)
def test_files_at_every_level_work_together_as_in_git(
    git: Git, paths: list[str], tracked: int, outer: str, inner: dict[str, str], exclude: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        git(root, "init", "-q")
        _build(root, paths, {})
        if added := [path for path in paths[:tracked] if (root / path).is_file()]:
            git(root, "add", "-f", "--", *added)
        _build(root, [], {".gitignore": outer, ".git/info/exclude": exclude})
        _build(root, [], {f"{folder}/.gitignore": text for folder, text in inner.items()})
        kept = _kept_by_git(git, root)
        assert set(walk(root).files) == kept
        # One file at a time gives the same answer as the walk, and so does a root further down.
        for path in paths:
            if (root / path).is_file():
                assert (why_not(root, path) is None) == (path in kept), path
        # Whoever opens an ignored folder asks for what is in it; any other has the rules around it.
        if (root / "a").is_dir() and "a" not in git(root, "check-ignore", "--no-index", "a", check=False):
            assert set(walk(root / "a").files) == {path[2:] for path in kept if path.startswith("a/")}


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("*.log\n!keep.log", ["a.log", "d/a.log"], ["keep.log", "d/keep.log"]),
        ("/build", ["build/x"], ["src/build/x"]),
        ("build/", ["src/build/x"], ["build"]),
        ("d/*\n!d/keep", ["d/a"], ["d/keep"]),
        ("d/\n!d/keep", ["d/keep"], []),  # nothing comes back from an ignored folder
        ("\\#a\n\\!b", ["#a", "!b"], ["a", "b"]),
        ("a \nb\\ ", ["a", "b "], ["a ", "b"]),
        ("a\r\nb\r\n", ["a", "b"], []),
        ("\ufeffa", ["a"], []),
        ("# a comment\n\n   \n", [], ["a"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "b/a/z"]),
        ("[", [], ["[", "a"]),
    ],
)
def test_rules(tree: Tree, git: Git, rules: str, ignored: list[str], kept: list[str]) -> None:
    root = tree({".gitignore": rules, **dict.fromkeys([*ignored, *kept], "text")})
    git(root, "init", "-q")
    found = set(walk(root).files) - {".gitignore"}
    assert found == set(kept)
    assert _kept_by_git(git, root) - {".gitignore"} == set(kept)


def test_rules_count_without_a_repository(tree: Tree) -> None:
    root = tree({".gitignore": "*.log", "a.log": "", "a.py": ""})
    assert walk(root).files == (".gitignore", "a.py")


def test_a_tracked_file_is_kept_though_a_rule_names_it(tree: Tree, git: Git) -> None:
    root = tree({".gitignore": "data/\n*.csv", "data/in/rates.csv": "1", "data/other.csv": "2", "a.py": ""})
    git(root, "init", "-q")
    git(root, "add", "-f", "data/in/rates.csv")
    assert walk(root).files == (".gitignore", "a.py", "data/in/rates.csv")
    assert walk(root, Purpose.SANDBOX).files == (".gitignore", "a.py", "data/in/rates.csv")


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_version_of_the_index_is_read(tree: Tree, git: Git, version: str) -> None:
    names = [f"folder-{n % 7}/sub/file-{n}.dat" for n in range(300)]
    root = tree({".gitignore": "*.dat", **dict.fromkeys(names, "x"), "new.dat": ""})
    git(root, "init", "-q")
    git(root, "add", "-f", *names)
    if version == "3":  # written when an entry has an extended flag
        git(root, "add", "-f", "--intent-to-add", "new.dat")
        names.append("new.dat")
    else:
        git(root, "update-index", "--index-version", version)
    assert walk(root).files == tuple(sorted([".gitignore", *names]))


def test_a_broken_index_leaves_the_rules_in_force(tree: Tree, git: Git) -> None:
    root = tree({".gitignore": "*.csv", "a.csv": "1", "a.py": ""})
    git(root, "init", "-q")
    git(root, "add", "-f", "a.csv")
    for content in (b"", b"DIRC", b"DIRC\0\0\0\2\0\0\xff\xff" + b"x" * 100, os.urandom(500)):
        (root / ".git/index").write_bytes(content)
        assert walk(root).files == (".gitignore", "a.py")


def test_a_worktree_has_its_own_index(tree: Tree, git: Git, tmp_path: Path) -> None:
    root = tree({".gitignore": "*.csv", "a.csv": "1"})
    git(root, "init", "-q")
    git(root, "add", "-f", ".")
    git(root, "commit", "-qm", "one")
    git(root, "worktree", "add", "-q", str(tmp_path / "other"))
    assert walk((tmp_path / "other").resolve()).files == (".gitignore", "a.csv")


def test_a_repository_inside_has_rules_of_its_own(tree: Tree, git: Git) -> None:
    root = tree({".gitignore": "*.csv", "part/.gitignore": "*.log", "part/a.csv": "", "part/a.log": "", "b.csv": ""})
    git(root, "init", "-q")
    git(root / "part", "init", "-q")
    assert walk(root).files == (".gitignore", "part/.gitignore", "part/a.csv")


def test_rules_of_the_folders_around_a_root_count(tree: Tree, git: Git) -> None:
    top = tree({".gitignore": "*.log\n/app/out", "app/a.py": "", "app/a.log": "", "app/out/x.txt": "", "out/y": ""})
    git(top, "init", "-q")
    assert walk(top / "app").files == ("a.py",)
    assert why_not(top / "app", "out/x.txt") is Reason.GIT_IGNORED


def test_an_ignored_folder_that_is_opened_shows_its_files(tree: Tree, git: Git) -> None:
    top = tree({".gitignore": "/scratch/", "scratch/a.py": "", "scratch/.gitignore": "b.py", "scratch/b.py": ""})
    git(top, "init", "-q")
    assert walk(top / "scratch").files == (".gitignore", "a.py")


@pytest.mark.parametrize("name", [".aiignore", ".cursorignore"])
@pytest.mark.parametrize("purpose", Purpose)
def test_what_is_kept_from_assistants_is_kept_from_both_uses(tree: Tree, git: Git, name: str, purpose: Purpose) -> None:
    root = tree(
        {
            name: "private/\n*.sql\n!ok.sql",
            f"app/{name}": "inner.py",
            "private/a.py": "",
            "app/inner.py": "",
            "app/b.py": "",
            "dump.sql": "",
            "ok.sql": "",
        }
    )
    git(root, "init", "-q")
    git(root, "add", "-f", ".")  # to be tracked does not bring it back
    assert set(walk(root, purpose).files) == {name, f"app/{name}", "app/b.py", "ok.sql"}
    assert why_not(root, "private/new.py", purpose) is Reason.AI_IGNORED


def test_one_assistant_file_does_not_bring_back_what_the_other_leaves_out(tree: Tree) -> None:
    root = tree({".aiignore": "a.py", ".cursorignore": "!a.py", "a.py": ""})
    assert "a.py" not in walk(root).files


def test_an_assistant_file_that_cannot_be_read_leaves_everything_out(
    tree: Tree, with_ordinary_rights: Callable[[str], str]
) -> None:
    root = tree({"app/.aiignore": "x", "app/a.py": "", "b.py": ""})
    (root / "app/.aiignore").chmod(0)
    assert with_ordinary_rights(f"print(walk(Path({str(root)!r})).files)") == "('b.py',)"


def test_ignore_files_that_are_no_files_are_passed_over(tree: Tree) -> None:
    root = tree({"a.py": "", "d/.gitignore/": "", "d/b.py": "", "e/c.py": "", "rules": "*"})
    os.mkfifo(root / ".gitignore")
    (root / "e/.gitignore").symlink_to("../rules")  # git reads no symlink here either
    assert walk(root).files == ("a.py", "d/b.py", "e/.gitignore", "e/c.py", "rules")


@pytest.mark.timeout(60)  # a matcher that backtracks takes years for these
@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "**/a/" * 30 + "b", "a*" * 100 + "/" + "*b" * 100])
def test_a_hostile_rule_costs_no_time(pattern: str) -> None:
    rules = ignore.parse(pattern.encode())
    assert rules is not None
    name, path = b"a" * 255, b"/".join([b"a"] * 1000)
    assert not rules.verdict(name, name, False)
    assert not rules.verdict(path, b"a", False)
