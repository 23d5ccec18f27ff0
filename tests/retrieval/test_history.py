"""Git history as a source, read from real repositories."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from retrieval.history import FILES_PER_COMMIT, PER_FILE, Commit, GitHistory, file_history, parse_log, read_log


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        identity = ("-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgSign=false")
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=self.root, env=environment, check=True, capture_output=True, text=True
        ).stdout

    def commit(self, message: str, files: dict[str, str | None]) -> None:
        for path, text in files.items():
            if text is None:
                (self.root / path).unlink()
            else:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / path).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "work").mkdir()
    return Repository(tmp_path / "work")


async def texts(source: GitHistory) -> dict[str, str]:
    versions = await source.versions()
    found = {document.path: document async for document in source.documents(versions)}
    assert {path: document.version for path, document in found.items()} == dict(versions)
    return {path: document.chunks[0].text for path, document in found.items()}


async def test_words_of_changes_lead_to_the_files_that_are_still_there(repository: Repository) -> None:
    repository.commit("Add carts\n\nSo that people can buy.\n\nSigned-off-by: someone", {"cart.py": "1", "old.py": "1"})
    repository.commit("Round totals up", {"cart.py": "2"})
    repository.commit("Remove what is old", {"old.py": None})
    source = GitHistory(repository.root)
    assert await texts(source) == {"history:cart.py": "Round totals up\n\nAdd carts\nSo that people can buy."}
    assert source.problem == ""


async def test_chunks_say_where_they_are_from(repository: Repository) -> None:
    repository.commit("Add carts", {"shop/cart.py": "1"})
    source = GitHistory(repository.root)
    ((chunk,),) = [document.chunks async for document in source.documents(await source.versions())]
    assert (chunk.path, chunk.source, chunk.kind) == ("history:shop/cart.py", "history", "history")
    assert chunk.header == "# shop/cart.py history"


async def test_version_changes_with_what_was_said(repository: Repository) -> None:
    repository.commit("Add carts", {"cart.py": "1", "other.py": "1"})
    source = GitHistory(repository.root)
    before = await source.versions()
    assert await source.versions() == before
    repository.commit("Round totals", {"cart.py": "2"})
    after = await source.versions()
    assert {path for path in after if after[path] != before[path]} == {"history:cart.py"}


async def test_odd_names_and_messages(repository: Repository) -> None:
    names = ["a b.py", 'quote".py', "line\nbreak.py", "ünï.py", "-dash.py", ":colon.py", "[a]*.py"]
    repository.commit("", {names[0]: "1"})
    repository.commit("Odd names \x01 \x1b[31m\n\n\n\nbody", dict.fromkeys(names, "2"))
    found = await texts(GitHistory(repository.root))
    assert set(found) == {f"history:{name}" for name in names}
    assert all("Odd names" in text for text in found.values())


async def test_a_workspace_within_a_repository_sees_its_own_files(repository: Repository) -> None:
    repository.commit("Add both", {"inner/cart.py": "1", "outer.py": "1"})
    assert set(await texts(GitHistory(repository.root / "inner"))) == {"history:cart.py"}


async def test_merges_and_commits_that_touch_everything_are_left_out(repository: Repository) -> None:
    repository.commit("Add a cart", {"cart.py": "1"})
    repository.git("switch", "-q", "-c", "side")
    repository.commit("Aside", {"side.py": "1"})
    repository.git("switch", "-q", "main")
    repository.commit("Licence headers", {f"{n}.py": "1" for n in range(FILES_PER_COMMIT)} | {"cart.py": "2"})
    repository.git("merge", "-q", "--no-ff", "-m", "Merged", "side")
    found = await texts(GitHistory(repository.root))
    assert found == {"history:cart.py": "Add a cart", "history:side.py": "Aside"}


async def test_secrets_in_messages_are_redacted(repository: Repository) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    repository.commit(f"Rotate {token}", {"cart.py": "1"})
    (text,) = (await texts(GitHistory(repository.root))).values()
    assert token not in text
    assert "Rotate" in text


async def test_what_policy_leaves_out_is_not_named(repository: Repository) -> None:
    repository.commit("All", {"cart.py": "1", ".env": "A=1", "private/plan.py": "1", ".aiignore": "private/\n"})
    assert set(await texts(GitHistory(repository.root))) & {"history:.env", "history:private/plan.py"} == set()


async def test_a_repository_cannot_make_git_run_anything(repository: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    signature = "-----BEGIN PGP SIGNATURE-----\\n\\nabc\\n-----END PGP SIGNATURE-----\\n"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\nprintf -- '{signature}'\necho '[GNUPG:] SIG_CREATED ' >&2\n")
    program.chmod(0o755)
    repository.commit("Add carts", {"cart.py": "1", ".gitattributes": "* diff=odd filter=odd\n"})
    # A signed commit: to show its signature git would start the program.
    repository.git("-c", f"gpg.program={program}", "commit", "-q", "--amend", "-S", "-m", "Add carts")
    marker.unlink()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for key in (
        *("core.fsmonitor", "core.pager", "pager.log", "core.sshCommand", "diff.external", "gpg.program"),
        *("diff.odd.textconv", "diff.odd.command", "filter.odd.smudge", "filter.odd.clean", "core.editor"),
    ):
        repository.git("config", key, str(program))
    for key, value in (
        *(("log.showSignature", "true"), ("core.hooksPath", str(hooks)), ("alias.log", f"!{program}")),
        *(("extensions.partialClone", "origin"), ("remote.origin.url", f"ext::{program}")),
        *(("remote.origin.promisor", "true"), ("protocol.ext.allow", "always")),
    ):
        repository.git("config", key, value)
    shutil.copy(program, hooks / "post-index-change")
    (repository.root / "cart.py").write_text("changed")
    found = await texts(GitHistory(repository.root))
    assert found["history:cart.py"] == "Add carts"
    assert not marker.exists()


async def test_missing_objects_are_not_fetched(repository: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    program.chmod(0o755)
    repository.commit("First", {"cart.py": "1"})
    repository.commit("Second", {"cart.py": "2"})
    for key, value in (
        *(("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin")),
        *(
            ("remote.origin.url", f"ext::{program}"),
            ("remote.origin.promisor", "true"),
            ("protocol.ext.allow", "always"),
        ),
    ):
        repository.git("config", key, value)
    tree = repository.git("rev-parse", "HEAD~1^{tree}").strip()
    (repository.root / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    await GitHistory(repository.root).versions()
    assert not marker.exists()


async def test_no_repository_is_a_problem_and_no_error(tmp_path: Path) -> None:
    source = GitHistory(tmp_path)
    assert await source.versions() == {}
    assert "not a git repository" in source.problem


async def test_no_commits_is_a_problem_and_no_error(repository: Repository) -> None:
    source = GitHistory(repository.root)
    assert await source.versions() == {}
    assert source.problem


async def test_no_git_is_a_problem_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = GitHistory(tmp_path)
    assert await source.versions() == {}
    assert source.problem == "there is no git program"


async def test_time_is_limited(repository: Repository) -> None:
    repository.commit("Add carts", {"cart.py": "1"})
    log = await read_log(repository.root, seconds=0)
    assert "took longer than 0 s" in log.problem


async def test_only_the_newest_commits_are_read(repository: Repository) -> None:
    for number in range(4):
        repository.commit(f"Change {number}", {"cart.py": str(number)})
    assert [commit.subject for commit in (await read_log(repository.root, count=2)).commits] == ["Change 3", "Change 2"]


def test_a_log_that_ends_anywhere_is_read_as_far_as_it_goes() -> None:
    whole = b"\0\0id1\0One\0body\0\0\na.py\0b.py\0\0\0id2\0Two\0\0\0\nc.py\0"
    assert parse_log(whole) == (
        Commit(id="id1", subject="One", body="body", paths=("a.py", "b.py")),
        Commit(id="id2", subject="Two", body="", paths=("c.py",)),
    )
    for end in range(len(whole)):
        assert [commit.id for commit in parse_log(whole[:end])] in ([], ["id1"], ["id1", "id2"])


def test_a_file_keeps_its_newest_messages_once_each() -> None:
    commits = [
        Commit(id=str(number), subject=f"Change {number // 2}", body="", paths=("cart.py",)) for number in range(200)
    ]
    messages = file_history(commits)["cart.py"]
    assert messages == tuple(f"Change {number}" for number in range(PER_FILE))
