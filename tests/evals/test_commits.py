"""A commit suite out of a small repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from evals import commits, repositories
from evals.harness import chunks_of, evaluate, history_chunks
from evals.suites import RepositorySuite, load_definitions, load_questions
from evals.vectors import VectorFile


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._git("init", "--quiet", "--initial-branch=main", ".")

    def commit(self, subject: str, files: dict[str, str]) -> str:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        who = {
            f"GIT_{role}_{part}": "nobody@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
        }
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture
def definition(tmp_path: Path) -> RepositorySuite:
    repository = Repository(tmp_path)
    repository.commit("Carts have totals", {"shop/cart.py": "def total(): return 0\n", "docs/a.md": "x"})
    repository.commit(
        "Mail is sent to customers",
        {"shop/mail.py": "def send(): return 1\n", "shop/empty.py": "", "shop/test_mail.py": "def test(): pass\n"},
    )
    base = repository.commit("A logo", {"shop/logo.py": "\0binary"})
    repository.commit("Round the total of a cart (#12)", {"shop/cart.py": "def total(): return round(1)\n"})
    repository.commit("Bump version to 2", {"shop/cart.py": "version = 2\n"})
    repository.commit("Short one", {"shop/cart.py": "version = 3\n"})
    repository.commit("Send mail with tests too", {"shop/mail.py": "def send(): ...\n", "shop/test_mail.py": "x = 1\n"})
    repository.commit("Only the tests are changed", {"shop/test_mail.py": "x = 2\n"})
    repository.commit("A new file of which the base knows nothing", {"shop/new.py": "x = 1\n"})
    head = repository.commit("round the TOTAL of a cart", {"shop/cart.py": "version = 4\n"})
    return RepositorySuite(
        name="shop",
        repository="acme/shop",
        base=base,
        head=head,
        folders=("shop/",),
        extensions=(".py",),
        queries=10,
        floor_set=False,
    )


def test_asks_with_subjects_for_the_sources_that_changed(definition: RepositorySuite, tmp_path: Path) -> None:
    suite = commits.build(definition, tmp_path)
    assert set(suite.files) == {"shop/cart.py", "shop/mail.py"}
    assert [(query.text, [target.path for target in query.targets]) for query in suite.queries] == [
        ("round the TOTAL of a cart", ["shop/cart.py"]),
        ("Send mail with tests too", ["shop/mail.py"]),
    ]


def test_indexes_the_tree_of_the_base_and_knows_no_later_history(definition: RepositorySuite, tmp_path: Path) -> None:
    suite = commits.build(definition, tmp_path)
    assert suite.files["shop/cart.py"] == "def total(): return 0\n"
    assert suite.history == {"shop/cart.py": ("Carts have totals",), "shop/mail.py": ("Mail is sent to customers",)}
    assert [chunk.path for chunk in history_chunks(suite)] == ["history:shop/cart.py", "history:shop/mail.py"]


def test_at_most_so_many_questions(definition: RepositorySuite, tmp_path: Path) -> None:
    few = RepositorySuite(
        name="shop",
        repository="acme/shop",
        base=definition.base,
        head=definition.head,
        folders=(),
        extensions=(".py",),
        queries=1,
        floor_set=False,
    )
    assert len(commits.build(few, tmp_path).queries) == 1


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Fix it (#123)", "Fix it"),
        ("Fix #123: it", "Fix : it"),
        ("fix(core): it (PR #4) (#5)", "fix(core): it"),
        ("Fix gh-12 it", "Fix it"),
        ("C# support", "C# support"),
    ],
)
def test_numbers_of_pull_requests_go(subject: str, text: str) -> None:
    assert commits.without_pull_request(subject) == text


def test_every_system_answers(definition: RepositorySuite, tmp_path: Path) -> None:
    suite = commits.build(definition, tmp_path)
    kept = VectorFile(tmp_path / "vectors.sqlite")
    result = evaluate(suite, embedder=None, kept=kept, semble=None, say=lambda text: None)
    kept.close()
    assert result.chunks == len(chunks_of(suite)) == 2
    assert {"keyword counting", "BM25, plain words", "BM25 alone", "Assay", "Assay with history"} <= set(
        result.outcomes
    )
    assert [outcome.reciprocal_rank for outcome in result.outcomes["Assay"]] == [1.0, 1.0]


def test_a_mirror_is_found_by_owner_and_name(tmp_path: Path) -> None:
    (tmp_path / "mirrors" / "acme" / "shop").mkdir(parents=True)
    (tmp_path / "mirrors" / "acme+tools" / "repo").mkdir(parents=True)
    mirrors, cache = tmp_path / "mirrors", tmp_path / "cache"
    assert repositories.locate("acme/shop", mirrors=mirrors, cache=cache) == mirrors / "acme" / "shop"
    assert repositories.locate("acme/tools", mirrors=mirrors, cache=cache) == mirrors / "acme+tools" / "repo"


def test_the_definitions_can_be_read() -> None:
    definitions = load_definitions()
    assert sum(item.floor_set for item in definitions.commits) == 4
    names = [item.name for item in (*definitions.docstrings, *definitions.commits)]
    assert len(set(names)) == len(names)
    assert all(len(item.base) == len(item.head) == 40 for item in definitions.commits)
    questions = load_questions()
    assert set(questions) <= set(names)
    assert all(query.targets for queries in questions.values() for query in queries)
