"""A project's tests run in the sandbox, and every way in which one can end is told by id."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.errors import SandboxError
from sandbox.job import JobResult, PhaseResult
from sandbox.ports import RunResult, Status
from sandbox.refusing import RefusingRunner
from sandbox.runsc.runner import RunscRunner
from sandbox.testrun import TestRun, clean, read_run, run_tests
from tests.sandbox.guest import PYTHON as BASE_PYTHON
from tests.sandbox.trees import Content, edit_of, project_at, write
from workspace.project import open_project

pytestmark = pytest.mark.asyncio(loop_scope="module")

CART = "def total(items):\n    return sum(items)\n"
KINDS: dict[str, Content] = {
    "src/shop/__init__.py": "",
    "src/shop/cart.py": CART,
    # Of plugins that are not there, or that would take the run out of our hands.
    "pytest.ini": "[pytest]\naddopts = --cov=x -n 4 --reruns 3 --strict-markers --no-such-option -x\n",
    "tests/conftest.py": (
        "import pytest\nfrom shop.cart import total\n\n\n"
        "@pytest.fixture\ndef broken():\n    raise ValueError('set-up')\n\n\n"
        "@pytest.fixture\ndef untidy():\n    yield 1\n    raise ValueError('tear-down')\n"
    ),
    "tests/test_kinds.py": (
        "import unittest\n\nimport pytest\nfrom shop.cart import total\n\n\n"
        "def test_passes():\n    assert total([1, 2]) == 3\n\n\n"
        "def test_fails():\n    items = [1]\n    assert total(items) == 2, 'one is\\x1b[31m not\\x07 two'\n\n\n"
        "def test_setup(broken):\n    pass\n\n\n"
        "def test_teardown(untidy):\n    pass\n\n\n"
        "@pytest.mark.skip(reason='not here')\ndef test_skipped():\n    pass\n\n\n"
        "def test_skips():\n    pytest.skip('not now')\n\n\n"
        "@pytest.mark.xfail\ndef test_xfails():\n    assert total([]) == 1\n\n\n"
        "@pytest.mark.xfail\ndef test_xpasses():\n    assert total([]) == 0\n\n\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_each(n):\n    assert total([1]) == n\n\n\n"
        "class TestClass:\n    def test_method(self):\n        print('\\x1b]0;title\\x07loud')\n\n\n"
        "class Case(unittest.TestCase):\n    def test_case(self):\n        self.assertEqual(total([1]), 1)\n\n"
        "    def test_wrong(self):\n        helper(self)\n\n\n"
        "def helper(case):\n    case.assertEqual(total([1]), 2)\n"
    ),
    "tests/test_broken.py": "def test_never():\n    pass\n\n\nimport nothing_of_this_name\n",
}
OUTCOMES = {
    "tests/test_broken.py": "error",
    "tests/test_kinds.py::Case::test_case": "passed",
    "tests/test_kinds.py::Case::test_wrong": "failed",
    "tests/test_kinds.py::TestClass::test_method": "passed",
    "tests/test_kinds.py::test_each[1]": "passed",
    "tests/test_kinds.py::test_each[2]": "failed",
    "tests/test_kinds.py::test_fails": "failed",
    "tests/test_kinds.py::test_passes": "passed",
    "tests/test_kinds.py::test_setup": "error",
    "tests/test_kinds.py::test_skipped": "skipped",
    "tests/test_kinds.py::test_skips": "skipped",
    "tests/test_kinds.py::test_teardown": "error",
    "tests/test_kinds.py::test_xfails": "xfailed",
    "tests/test_kinds.py::test_xpasses": "xpassed",
}

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(shared_runner: RunscRunner, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the tests of a small project."""

    async def run(files: Mapping[str, Content], **more: Any) -> TestRun:
        return await run_tests(project_at(tmp_path_factory.mktemp("project"), files), shared_runner, **more)

    return run


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kinds(run: Run) -> tuple[TestRun, Sequence[str]]:
    """A run with every kind of outcome, and what was said on the way."""
    said: list[str] = []
    return await run(KINDS, progress=said.append), said


def line_of(text: str, path: str = "tests/test_kinds.py") -> int:
    source = KINDS[path]
    assert isinstance(source, str)
    return source[: source.index(text)].count("\n")


async def test_every_kind_of_outcome_by_id(kinds: tuple[TestRun, Sequence[str]]) -> None:
    found, _ = kinds
    assert (found.status, found.detail) == (Status.OK, "")
    assert {case.id: case.outcome for case in found.outcomes} == OUTCOMES
    assert [case.id for case in found.outcomes] == sorted(OUTCOMES)
    assert {case.id for case in found.failing} == {
        test for test, outcome in OUTCOMES.items() if outcome in ("failed", "error")
    }


async def test_a_failure_says_where_and_what(kinds: tuple[TestRun, Sequence[str]]) -> None:
    cases = kinds[0].by_id()
    failed = cases["tests/test_kinds.py::test_fails"]
    assert (failed.path, failed.line) == ("tests/test_kinds.py", line_of("assert total(items) == 2"))
    assert "assert 1 == 2" in failed.message
    assert cases["tests/test_kinds.py::Case::test_wrong"].line == line_of("    case.assertEqual")
    assert "ValueError: set-up" in cases["tests/test_kinds.py::test_setup"].message
    assert cases["tests/test_kinds.py::test_skips"].message.endswith("not now")
    passed = cases["tests/test_kinds.py::test_passes"]
    assert (passed.path, passed.line, passed.message) == (None, None, "")
    broken = cases["tests/test_broken.py"]
    assert "nothing_of_this_name" in broken.message
    assert (broken.path, broken.line) == ("tests/test_broken.py", line_of("import nothing", "tests/test_broken.py"))


async def test_what_tests_print_is_shown_without_control_characters(kinds: tuple[TestRun, Sequence[str]]) -> None:
    found, _ = kinds
    text = found.log + found.by_id()["tests/test_kinds.py::test_fails"].message
    assert "one is not\N{REPLACEMENT CHARACTER} two" in text
    assert all(character.isprintable() or character in "\n\t" for character in text)


async def test_progress_is_told_in_tests(kinds: tuple[TestRun, Sequence[str]]) -> None:
    _, said = kinds
    assert said[-1] == "13 of 13 tests"


async def test_a_selection_of_an_edited_project(run: Run, shared_runner: RunscRunner, tmp_path: Path) -> None:
    project = project_at(tmp_path, {**KINDS, "pytest.ini": "[pytest]\npythonpath = src\n"})
    edit = edit_of(project, {"src/shop/cart.py": CART.replace("sum(items)", "2")})
    chosen = ["tests/test_kinds.py::test_each", "tests/test_kinds.py::test_fails"]
    found = await run_tests(project, shared_runner, edit=edit, selection=chosen)
    assert {case.id.rpartition("::")[2]: case.outcome for case in found.outcomes} == {
        "test_each[1]": "failed",
        "test_each[2]": "passed",
        "test_fails": "passed",
    }
    assert project.read("src/shop/cart.py") == CART.encode()


@pytest.mark.parametrize(
    ("act", "how"), [("os._exit(0)", "with exit code 0"), ("os.kill(os.getpid(), 9)", "with a signal")]
)
async def test_tests_that_end_the_process_are_a_failure(run: Run, act: str, how: str) -> None:
    source = f"import os\n\ndef test_1():\n    pass\n\ndef test_2():\n    {act}\n\ndef test_3():\n    pass\n"
    found = await run({"test_it.py": source})
    said = f"the test process left early {how}"
    assert (found.status, found.detail) == (Status.FAILED, said)
    cases = {name.rpartition("::")[2]: (case.outcome, case.message) for name, case in found.by_id().items()}
    assert cases == {"test_1": ("passed", ""), "test_2": ("error", said), "test_3": ("error", said)}


async def test_tests_that_take_too_long_are_stopped(run: Run) -> None:
    found = await run({"test_it.py": "import time\n\ndef test_1():\n    time.sleep(600)\n"}, seconds=2.0)
    assert found.status is Status.TIMEOUT
    assert found.detail == "the tests were stopped after 2 s"


async def test_no_tests_is_no_failure(run: Run) -> None:
    found = await run({"cart.py": CART})
    assert (found.status, found.outcomes, found.detail) == (Status.OK, (), "no tests were found")


async def test_a_configuration_that_pytest_refuses_says_why(run: Run) -> None:
    found = await run({"conftest.py": "import nothing_of_this_name\n", "test_it.py": "def test_1():\n    pass\n"})
    assert found.status is Status.FAILED
    assert found.detail.startswith("pytest could not start: ")
    assert "nothing_of_this_name" in found.detail


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a project with an environment that has nothing in it, made by a Python that is linked in `~/bin`."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin/python3").symlink_to(BASE_PYTHON)
    (home / "private").write_text("private")
    root = project_at(home / "work", KINDS).root
    subprocess.run((home / "bin/python3", "-m", "venv", "--without-pip", root / ".venv"), check=True)
    monkeypatch.setenv("HOME", str(home))
    return root


async def test_a_python_without_pytest_is_lent_ours(environment: Path, shared_runner: RunscRunner) -> None:
    private = environment.parent / "private"
    tests = (
        f"import os\n\ndef test_home():\n    assert not os.path.exists({str(private)!r})\n\n"
        "def test_ours():\n    import pytest\n    assert pytest.__file__.startswith('/assay-pytest')\n"
    )
    project = open_project(write(environment, {"tests/test_lent.py": tests}), env={})
    assert (project.python.origin, project.python.has_pytest) == (".venv", False)
    found = await run_tests(project, shared_runner)
    lent = {"tests/test_lent.py::test_home": "passed", "tests/test_lent.py::test_ours": "passed"}
    assert {case.id: case.outcome for case in found.outcomes} == OUTCOMES | lent


async def test_a_pytest_that_does_not_work_is_said_to_be_the_reason(
    environment: Path, shared_runner: RunscRunner
) -> None:
    (site,) = open_project(environment, env={}).python.packages
    write(site, {"pytest/__init__.py": "import a_missing_part\n"})
    found = await run_tests(open_project(environment, env={}), shared_runner)
    assert (found.status, found.outcomes) == (Status.INFRA, ())
    assert found.detail == "pytest cannot be imported: No module named 'a_missing_part'"


async def test_an_older_python_without_pytest_is_told_what_to_do(shared_runner: RunscRunner, tmp_path: Path) -> None:
    project = project_at(tmp_path, KINDS)
    old = replace(project.python, has_pytest=False, version=(3, 10, 2))
    with pytest.raises(
        SandboxError, match=r"is Python 3\.10\.2 without pytest; install it there with `.* install pytest`"
    ):
        await run_tests(replace(project, python=old), shared_runner)


async def test_where_nothing_can_be_run_nothing_is_claimed(tmp_path: Path) -> None:
    found = await run_tests(project_at(tmp_path, KINDS), RefusingRunner("There is no sandbox here."))
    assert (found.status, found.outcomes, found.detail) == (Status.REFUSED, (), "There is no sandbox here.")


def ended(how: Status, *records: Mapping[str, Any], status: int | None = 0, timed_out: bool = False) -> JobResult:
    result = RunResult(status=how, exit_code=None, stdout=b"", stderr=b"boot", seconds=1.0, detail="the sandbox said")
    phase = PhaseResult(name="tests", status=status, timed_out=timed_out, seconds=3.0, forged=0, replaced=(), output="",
                        records=records)  # fmt: skip
    return JobResult(run=result, phases={"tests": phase} if records else {})


COLLECTED = {"event": "collected", "ids": ["a::b"], "threads": 1}
FINISHED = {"event": "finished"}


async def test_a_test_without_an_outcome_has_failed() -> None:
    for job, status, said in (
        (ended(Status.OK, COLLECTED, {"event": "pytest", "code": 0}, FINISHED), Status.OK, "the test has no outcome"),
        (ended(Status.OK, COLLECTED, status=None, timed_out=True), Status.TIMEOUT, "the tests were stopped after 3 s"),
        (ended(Status.OOM, COLLECTED, status=None), Status.OOM, "the sandbox said"),
    ):
        found = read_run(job, "tests", "/project")
        (case,) = found.outcomes
        assert (found.status, case.id, case.outcome, case.message) == (status, "a::b", "error", said)


async def test_tests_that_never_began_have_no_outcome() -> None:
    assert read_run(ended(Status.INFRA), "tests", "/project").detail == "the sandbox said"
    for status in (Status.OK, Status.INFRA):
        found = read_run(ended(status), "tests", "/project")
        assert (found.status, found.outcomes, found.log) == (Status.INFRA, (), "boot")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext \u00e9", "plain\n\ttext \u00e9"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x00b\x07c\rd\x9be", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("\u202eevil\u2066", "\ufffdevil\ufffd"),
    ],
)
async def test_text_from_inside_is_made_safe_to_show(text: str, shown: str) -> None:
    assert clean(text) == shown
