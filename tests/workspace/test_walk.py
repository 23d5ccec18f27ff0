"""What is listed, what is left out and why, for every kind of thing that can lie in a folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from workspace.errors import OutsideWorkspace
from workspace.policy import READ_LIMIT, SANDBOX_LIMIT, SANDBOX_TOTAL, Purpose, Reason
from workspace.walk import Walk, walk, why_not

Git = Callable[..., str]
Tree = Callable[[Mapping[str, str | bytes]], Path]


def _reasons(walked: Walk) -> dict[str, Reason]:
    return {skipped.path: skipped.reason for skipped in walked.skipped}


def test_both_uses_of_one_workspace(tree: Tree, git: Git) -> None:
    root = tree(
        {
            ".gitignore": "*.so\n_version.py\n*.egg-info/\nout/\n*.log\n",
            ".env": "TOKEN=x",
            ".env.example": "TOKEN=",
            ".pytest_cache/v/x": "",
            ".venv/pyvenv.cfg": "",
            ".venv/lib/python3.11/site-packages/x.py": "",
            "app.egg-info/PKG-INFO": "Name: app",
            "app/__pycache__/a.cpython-311.pyc": b"\0",
            "app/_version.py": "v = 1",
            "app/a.py": "",
            "app/fast.so": b"\x7fELF\0",
            "env/mine.py": "",
            "app/logo.png": b"\x89PNG\0",
            "node_modules/x/index.js": "",
            "out/gen/models.py": "",
            "out/report.txt": "",
            "tests/test_a.py": "",
            "trace.log": "",
            "tools/python/pyvenv.cfg": "",
            "tools/python/bin/python": "",
            "conda/conda-meta/history": "",
        }
    )
    git(root, "init", "-q")
    read = walk(root)
    assert read.files == (".env.example", ".gitignore", "app/a.py", "env/mine.py", "tests/test_a.py")
    assert _reasons(read) == {
        ".env": Reason.SENSITIVE,
        ".git/": Reason.VERSION_CONTROL,
        ".pytest_cache/": Reason.CACHE,
        ".venv/": Reason.ENVIRONMENT,
        "app.egg-info/": Reason.GIT_IGNORED,
        "app/__pycache__/": Reason.CACHE,
        "app/_version.py": Reason.GIT_IGNORED,
        "app/fast.so": Reason.GIT_IGNORED,
        "app/logo.png": Reason.BINARY,
        "conda/": Reason.ENVIRONMENT,
        "node_modules/": Reason.CACHE,
        "out/": Reason.GIT_IGNORED,
        "tools/python/": Reason.ENVIRONMENT,
        "trace.log": Reason.GIT_IGNORED,
    }
    sandbox = walk(root, Purpose.SANDBOX)
    # What a build made is needed to run, though git ignores it; reports and logs are not.
    assert set(sandbox.files) - set(read.files) == {
        "app.egg-info/PKG-INFO",
        "app/_version.py",
        "app/fast.so",
        "app/logo.png",
        "out/gen/models.py",
    }
    assert set(read.files) <= set(sandbox.files)
    for purpose, walked in ((Purpose.READ, read), (Purpose.SANDBOX, sandbox)):
        for path in walked.files:
            assert why_not(root, path, purpose) is None
        for path, reason in _reasons(walked).items():
            assert why_not(root, path + "x" if path.endswith("/") else path, purpose) is reason, path


@pytest.mark.parametrize(
    ("purpose", "limit"), [(Purpose.READ, READ_LIMIT), (Purpose.SANDBOX, SANDBOX_LIMIT)], ids=["read", "sandbox"]
)
def test_size(tree: Tree, purpose: Purpose, limit: int) -> None:
    root = tree({"a.py": ""})
    for name, size in (("limit.txt", limit), ("beyond.txt", limit + 1), ("huge.bin", 50 << 20)):
        (root / name).touch()
        os.truncate(root / name, size)
    walked = walk(root, purpose)
    assert "beyond.txt" not in walked.files and "huge.bin" not in walked.files
    assert {skipped.path: skipped.size for skipped in walked.skipped if skipped.reason is Reason.TOO_LARGE} == {
        "beyond.txt": limit + 1,
        "huge.bin": 50 << 20,
    }
    if purpose is Purpose.SANDBOX:
        assert "limit.txt" in walked.files


def test_the_size_of_all_files_together(tree: Tree) -> None:
    root = tree({"src/app/a.py": "x = 1"})
    for number in range(40):
        (root / f"part-{number:02}.bin").touch()
        os.truncate(root / f"part-{number:02}.bin", SANDBOX_LIMIT)
    walked = walk(root, Purpose.SANDBOX)
    assert len(walked.files) == SANDBOX_TOTAL // SANDBOX_LIMIT + 1
    assert walked.files[-1] == "src/app/a.py", "code is never too much"
    assert {skipped.reason for skipped in walked.skipped} == {Reason.TOO_MUCH}


def test_text_is_told_by_content(tree: Tree) -> None:
    root = tree(
        {"utf8.txt": "é", "latin.txt": b"\xe9", "empty": b"", "nul.py": b"a\0", "utf16.txt": "a".encode("utf-16")}
    )
    assert walk(root).files == ("empty", "latin.txt", "utf8.txt")
    assert why_not(root, "nul.py") is Reason.BINARY


def test_symlinks(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("s")
    root = tree({"lib/a.py": "", "lib/.env": "", "node_modules/x.js": "", "src/": "", ".aiignore": "linked-too.py"})
    for name, target in {
        "a.py": "lib/a.py",
        "absolute.py": str(root / "lib/a.py"),
        "linked-too.py": "lib/a.py",
        "src/lib": "../lib",
        "lib/up": "..",
        "out": str(outside),
        "out.txt": "../outside/secret.txt",
        "env.txt": "lib/.env",
        "modules": "node_modules",
        "gone": "nothing",
        "loop": "loop",
        "chain.py": "a.py",
        "system": "/etc/passwd",
    }.items():
        (root / name).symlink_to(target)
    for purpose in Purpose:
        walked = walk(root, purpose)
        assert walked.files == (".aiignore", "a.py", "absolute.py", "chain.py", "lib/a.py")
        assert walked.links == {
            "a.py": "lib/a.py",
            "absolute.py": "lib/a.py",
            "chain.py": "lib/a.py",
            "lib/up": ".",
            "src/lib": "lib",
        }
        reasons = _reasons(walked)
        assert {name: reasons[name] for name in ("out", "out.txt", "system")} == dict.fromkeys(
            ("out", "out.txt", "system"), Reason.OUTSIDE
        )
        assert reasons["gone"] is reasons["loop"] is reasons["env.txt"] is reasons["modules"] is Reason.DANGLING
        assert reasons["linked-too.py"] is Reason.AI_IGNORED
    assert why_not(root, "env.txt") is Reason.SENSITIVE
    assert why_not(root, "src/lib/a.py") is None
    for path in ("out/secret.txt", "out.txt", "../outside/secret.txt", "/etc/passwd", "system"):
        with pytest.raises(OutsideWorkspace):
            why_not(root, path)


def test_what_is_no_file_is_never_opened(tree: Tree) -> None:
    root = tree({"a.py": ""})
    os.mkfifo(root / "pipe")  # to open it would wait for ever
    os.mkfifo(root / "pipe.pem")  # to look inside, too
    (root / "to-pipe").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root)  # the path of a socket may have only some hundred bytes
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        for purpose in Purpose:
            walked = walk(root, purpose)
            assert walked.files == ("a.py",)
            reasons = _reasons(walked)
            assert reasons["pipe"] is reasons["socket"] is reasons["pipe.pem"] is Reason.SPECIAL
    assert why_not(root, "pipe") is Reason.SPECIAL


def test_a_device_is_left_out(tree: Tree, with_ordinary_rights: Callable[[str], str]) -> None:
    assert with_ordinary_rights("print([why_not(Path('/dev'), 'null', p) for p in Purpose])") == (
        "[<Reason.SPECIAL: 'is no regular file'>, <Reason.SPECIAL: 'is no regular file'>]"
    )


def test_what_cannot_be_read_is_reported(tree: Tree, with_ordinary_rights: Callable[[str], str]) -> None:
    root = tree({"a.py": "", "locked/b.py": "", "closed.py": "", "listed/c.py": ""})
    (root / "locked").chmod(0)
    (root / "closed.py").chmod(0)
    (root / "listed").chmod(0o444)  # its names can be read, and nothing more
    told = with_ordinary_rights(
        f"for purpose in Purpose:\n"
        f"    walked = walk(Path({str(root)!r}), purpose)\n"
        f"    print(walked.files, [(s.path, s.reason.name) for s in walked.skipped])"
    )
    expected = "[('closed.py', 'UNREADABLE'), ('listed/c.py', 'UNREADABLE'), ('locked/', 'UNREADABLE')]"
    assert told.splitlines() == [f"('a.py',) {expected}"] * 2


def test_names_that_are_not_utf8_are_reported_in_words_that_can_be_printed(tree: Tree) -> None:
    root = tree({"a.py": ""})
    (root / os.fsdecode(b"caf\xe9.py")).touch()
    (root / os.fsdecode(b"d\xff")).mkdir()
    walked = walk(root)
    assert walked.files == ("a.py",)
    assert _reasons(walked) == {"caf\\udce9.py": Reason.NAME, "d\\udcff": Reason.NAME}


def test_a_limit_is_reported_and_keeps_what_matters(tree: Tree, git: Git) -> None:
    root = tree(
        {
            ".gitignore": "generated/",
            "src/deep/er/a.py": "",
            "generated/b.py": "",
            "generated/c.py": "",
            "z.py": "",
        }
    )
    git(root, "init", "-q")
    walked = walk(root, Purpose.SANDBOX, max_files=3)
    assert walked.files == (".gitignore", "src/deep/er/a.py", "z.py")
    assert _reasons(walked)["generated/"] is Reason.TOO_MANY
    assert len(walk(root, Purpose.SANDBOX, max_files=2).files) == 2


def test_a_file_that_does_not_exist_yet_is_judged_by_its_place(tree: Tree) -> None:
    root = tree({".gitignore": "*.log", "src/": ""})
    assert why_not(root, "src/new.py") is None
    assert why_not(root, "no/such/folder/new.py") is None
    assert why_not(root, "src/new.log") is Reason.GIT_IGNORED
    assert why_not(root, "src/.env") is Reason.SENSITIVE
    assert why_not(root, ".git/hooks/pre-commit") is Reason.VERSION_CONTROL


def test_a_name_that_may_be_harmless_is_looked_into(tree: Tree) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"
    root = tree(
        {
            "certs/ca.pem": "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
            "certs/both.pem": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + key,
            ".npmrc": "save-exact=true\n",
            "ui/.npmrc": "//example.com/:_authToken=abc\n",
            "deploy.key": "nothing of the kind",
        }
    )
    for purpose in Purpose:
        walked = walk(root, purpose)
        assert walked.files == (".npmrc", "certs/ca.pem")
        assert set(_reasons(walked).values()) == {Reason.SENSITIVE}
    assert why_not(root, "certs/new.pem") is Reason.SENSITIVE
