"""Edits of tiny projects get the receipts that they deserve, from the real judge in the real sandbox."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import pytest_asyncio

from sandbox.ports import Isolation, Runner, RunResult, RunSpec
from sandbox.receipt import Grade, Receipt
from sandbox.refusing import RefusingRunner
from sandbox.runsc.processes import processes
from sandbox.runsc.runner import RunscRunner
from sandbox.store import digest_of, receipt_from_json, receipt_to_json
from sandbox.testrun import run_tests
from sandbox.verify import verify
from tests.sandbox.trees import Content, digest, edit_of, project_at

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/receipt.schema.json").read_text("utf-8"))
FIXED = "import limits\n\n\ndef total(items):\n    return sum(items)\n\n\ndef untested(x):\n    return x + 1\n"
BUGGY = FIXED.replace("sum(items)", "sum(items) + 1")
SHOP: dict[str, Content] = {
    "cart.py": FIXED,
    "limits.py": "LIMIT = 3\n",
    "limits.json": "3",
    "other.py": "x = 1\n",
    "ruff.toml": "[lint]\nselect = ['F']\n",
    "tests/test_cart.py": (
        "from cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n\n\n"
        "def test_kind():\n    assert isinstance(total([1]), int)\n"
    ),
    "tests/test_limits.py": "from limits import LIMIT\n\n\ndef test_limit():\n    assert LIMIT > 0\n",
    "tests/test_data.py": "def test_data():\n    assert int(open('limits.json').read()) > 0\n",
    "tests/test_golden.py": (
        "from pathlib import Path\n\nfrom cart import untested\n\n\n"
        "def test_golden():\n    assert str(untested(1)) == Path('tests/data/golden').read_text()\n"
    ),
    "tests/data/golden": "2",
    "tests/test_apart.py": "def test_apart():\n    assert 1 + 1 == 2\n",
}
DOUBLE = 'def double(x):\n    """Twice as much.\n\n    >>> double(3)\n    6\n    """\n    return x + 2\n'
DOCTESTS: dict[str, Content] = {"calc.py": DOUBLE, "pytest.ini": "[pytest]\naddopts = --doctest-modules\n"}
NEW_TEST = "from cart import untested\n\n\ndef test_untested():\n    assert untested(1) == 3\n"
TOTAL, KIND = "tests/test_cart.py::test_total", "tests/test_cart.py::test_kind"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    edit: Mapping[str, Content | None]
    files: Mapping[str, Content] = dataclasses.field(default_factory=lambda: SHOP)
    overlay: Mapping[str, Content] | None = None
    scope: tuple[str, ...] = ()


WITHOUT_UNTESTED: dict[str, Content] = {path: text for path, text in SHOP.items() if path != "tests/test_golden.py"}
CASES = {
    # On disk nothing is wrong; what is verified is the buffer, which is not saved.
    "fix": Case(edit={"cart.py": FIXED}, overlay={"cart.py": BUGGY}),
    "untested": Case(edit={"cart.py": FIXED.replace("x + 1", "x + 2")}, files=WITHOUT_UNTESTED),
    "breaking": Case(edit={"cart.py": FIXED.replace("sum(items)", "str(items)")}),
    "broken": Case(
        edit={"cart.py": f"import os\n{FIXED}", "other.py": "import os  # noqa: F401\nx = 1\n", "new.py": "def (\n"}
    ),
    "golden": Case(
        edit={"cart.py": FIXED.replace("x + 1", "x + 2"), "tests/data/golden": "3"}, scope=("tests/data/*",)
    ),
    "with a test": Case(
        edit={"cart.py": FIXED.replace("x + 1", "x + 2"), "tests/test_new.py": NEW_TEST}, files=WITHOUT_UNTESTED
    ),
    "constant and data": Case(edit={"limits.py": "LIMIT = 4\n", "limits.json": "4"}),
    "doctest": Case(edit={"calc.py": DOUBLE.replace("x + 2", "2 * x")}, files=DOCTESTS),
    "another example": Case(edit={"calc.py": DOUBLE.replace("    6\n", "    5\n")}, files=DOCTESTS),
    "nothing runs": Case(edit={"cart.py": BUGGY}, files=SHOP | {"conftest.py": "import nothing_of_this_name\n"}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receipts(shared_runner: RunscRunner, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The receipt of each case. All are begun at once: the runner sees to it that not too many run."""

    async def judged(name: str, case: Case) -> tuple[Receipt, list[str]]:
        said: list[str] = []
        project = project_at(tmp_path_factory.mktemp("project"), case.files, overlay=case.overlay)
        before = digest(project.root)
        edit = edit_of(project, case.edit, name)
        receipt = await verify(edit, project, shared_runner, scope=case.scope, progress=said.append, model="a model",
                               context=("cart.py",))  # fmt: skip
        assert digest(project.root) == before
        return receipt, said

    tasks = {name: asyncio.create_task(judged(name, case)) for name, case in CASES.items()}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def steps(receipt: Receipt) -> dict[str, str]:
    return {step.name: step.status for step in receipt.steps}


def touching(receipt: Receipt) -> set[str]:
    return {test.id for test in receipt.tests if test.touches}


async def test_a_fix_of_a_failing_test_is_verified(receipts: Any) -> None:
    receipt, _ = await receipts["fix"]
    assert receipt.grade is Grade.VERIFIED, receipt.reason
    assert receipt.reason == f"{TOTAL} failed before and passes now; 2 tests that run the change passed, none broke."
    assert receipt.claim == f"fixes {TOTAL}"
    assert (receipt.touched_by, receipt.isolation) == ("coverage", "gvisor")
    assert touching(receipt) == {TOTAL, KIND}
    outcomes = {test.id: (test.before, test.after) for test in receipt.tests}
    assert outcomes.pop(TOTAL) == ("failed", "passed")
    assert set(outcomes.values()) == {("passed", "passed")}
    assert len(outcomes) == 5


async def test_every_step_is_in_the_receipt(receipts: Any) -> None:
    receipt, _ = await receipts["fix"]
    names = ["screen", "compile", "lint", "tests-before", "tests-after", "repeat", "control", "replay"]
    assert steps(receipt) == dict.fromkeys(names, "ok")
    details = {step.name: step.detail for step in receipt.steps}
    assert details["tests-before"] == "1 failed, 5 passed"
    assert details["tests-after"] == "6 passed"
    assert details["control"].startswith("3 of 3 tests failed when spoiled")
    assert details["replay"] == "2 calls compared"
    assert (receipt.title, receipt.model, receipt.context) == ("fix", "a model", ("cart.py",))
    assert "6 passed" in receipt.log


async def test_what_is_going_on_is_said(receipts: Any) -> None:
    _, said = await receipts["fix"]
    assert said[0] == "running the tests without and with the edit"
    assert "6 of 6 tests" in said
    assert {"running the tests with the edit", "checking that the tests can fail"} <= set(said)
    assert len(said) == len(set(said)) < 20


async def test_a_change_that_no_test_runs_is_checked(receipts: Any) -> None:
    receipt, _ = await receipts["untested"]
    assert (receipt.grade, receipt.touched_by) == (Grade.CHECKED, "none"), receipt.reason
    assert receipt.reason == "No test that counts as evidence runs what was changed."
    assert touching(receipt) == set()


async def test_a_change_that_breaks_a_test_has_failed(receipts: Any) -> None:
    receipt, _ = await receipts["breaking"]
    assert (receipt.grade, receipt.claim) == (Grade.FAILED, "nothing")
    assert receipt.reason == f"{KIND}, {TOTAL} passed before and no longer do."
    assert {test.id: (test.before, test.after) for test in receipt.tests}[KIND] == ("passed", "failed")


async def test_what_does_not_compile_or_lints_worse_has_failed(receipts: Any) -> None:
    receipt, _ = await receipts["broken"]
    assert receipt.grade is Grade.FAILED
    found = steps(receipt)
    assert (found["compile"], found["lint"]) == ("failed", "failed")
    assert "does not compile: new.py: invalid syntax" in receipt.reason
    lint = next(step.detail for step in receipt.steps if step.name == "lint")
    assert "F401 in cart.py" in lint
    assert "F401 in other.py" in lint, "a fresh suppression is what it hides"


async def test_a_declared_scope_lets_test_data_change(receipts: Any, tmp_path: Path) -> None:
    receipt, _ = await receipts["golden"]
    assert receipt.grade is Grade.VERIFIED, receipt.reason
    assert receipt.claim == "keeps every passing test passing"
    project = project_at(tmp_path, SHOP)
    edit = edit_of(project, CASES["golden"].edit)
    undeclared = await verify(edit, project, RefusingRunner("Not even started."))
    assert undeclared.grade is Grade.FAILED
    assert undeclared.reason == "tests/data/golden: edits a test's data or support, outside the edit's scope."
    assert steps(undeclared) == {"screen": "failed"}


async def test_an_added_test_that_fails_without_the_edit_is_evidence(receipts: Any) -> None:
    receipt, _ = await receipts["with a test"]
    assert receipt.grade is Grade.VERIFIED, receipt.reason
    assert "tests/test_new.py::test_untested failed before and passes now" in receipt.reason
    assert receipt.claim == "fixes tests/test_new.py::test_untested"


async def test_module_level_code_is_touched_by_imports_and_data_by_opening(receipts: Any) -> None:
    receipt, _ = await receipts["constant and data"]
    assert (receipt.grade, receipt.touched_by) == (Grade.VERIFIED, "imports"), receipt.reason
    importing = {"tests/test_limits.py::test_limit", TOTAL, KIND, "tests/test_golden.py::test_golden"}
    assert touching(receipt) == {"tests/test_data.py::test_data", *importing}


async def test_doctests_are_tests_as_long_as_their_examples_stay(receipts: Any) -> None:
    fix, _ = await receipts["doctest"]
    assert fix.grade is Grade.VERIFIED, fix.reason
    assert fix.claim == "fixes calc.py::calc.double"
    changed, _ = await receipts["another example"]
    assert changed.grade is Grade.FAILED
    assert "calc.py: changes an example that is a doctest" in changed.reason


async def test_tests_that_do_not_run_without_the_edit_prove_nothing(receipts: Any) -> None:
    receipt, _ = await receipts["nothing runs"]
    assert receipt.grade is Grade.UNVERIFIED
    assert receipt.reason.startswith("Without the edit, pytest could not start")
    assert (receipt.claim, receipt.tests, receipt.touched_by) == ("nothing", (), "none")


async def test_without_a_sandbox_nothing_is_claimed(tmp_path: Path) -> None:
    project = project_at(tmp_path, SHOP)
    receipt = await verify(edit_of(project, {"cart.py": BUGGY}), project, RefusingRunner("There is no sandbox here."))
    assert (receipt.grade, receipt.reason) == (Grade.UNVERIFIED, "There is no sandbox here.")
    assert (receipt.isolation, receipt.claim, receipt.tests) == ("none", "nothing", ())
    old = dataclasses.replace(project.python, has_pytest=False, version=(3, 9, 0))
    outdated = dataclasses.replace(project, python=old)
    receipt = await verify(edit_of(project, {"cart.py": BUGGY}), outdated, RefusingRunner(""))
    assert receipt.grade is Grade.UNVERIFIED
    assert "install it there with" in receipt.reason


@pytest.mark.parametrize("name", CASES)
async def test_receipts_follow_their_schema_and_come_back(receipts: Any, name: str) -> None:
    receipt, _ = await receipts[name]
    as_json = json.loads(json.dumps(receipt_to_json(receipt)))
    jsonschema.validate(as_json, SCHEMA)
    assert receipt_from_json(as_json) == receipt


async def test_the_digest_is_that_of_the_edit_and_the_outcomes(receipts: Any, tmp_path: Path) -> None:
    receipt, _ = await receipts["fix"]
    project = project_at(tmp_path, {**SHOP, "cart.py": BUGGY})
    edit = edit_of(project, {"cart.py": FIXED}, "whatever it is called")
    assert receipt.digest == digest_of(edit, receipt.grade, receipt.tests)
    others = [await receipts[name] for name in CASES]
    assert len({other.digest for other, _ in others}) == len(CASES)


class Counting:
    """A runner that counts what it is asked to run."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.runs = 0

    @property
    def isolation(self) -> Isolation:
        return self._runner.isolation

    async def run(self, spec: RunSpec, on_stdout: Callable[[bytes], None] | None = None) -> RunResult:
        self.runs += 1
        return await self._runner.run(spec, on_stdout)

    async def close(self) -> None:
        await self._runner.close()


async def test_a_known_baseline_is_not_run_again(receipts: Any, shared_runner: RunscRunner, tmp_path: Path) -> None:
    files = {path: text for path, text in SHOP.items() if path != "ruff.toml"}
    project = project_at(tmp_path, {**files, "cart.py": BUGGY})
    baseline = await run_tests(project, shared_runner)
    runner = Counting(shared_runner)
    receipt = await verify(edit_of(project, {"cart.py": FIXED}), project, runner, baseline=baseline)
    assert runner.runs == 1
    expected, _ = await receipts["fix"]
    assert (receipt.grade, receipt.reason, receipt.claim) == (expected.grade, expected.reason, expected.claim)
    assert (receipt.tests, receipt.digest) == (expected.tests, expected.digest)


@pytest.mark.asyncio(loop_scope="function")
async def test_an_edit_that_cannot_be_written_is_no_error_and_stops_all(runner: RunscRunner, tmp_path: Path) -> None:
    project = project_at(tmp_path / "project", SHOP)
    receipt = await verify(edit_of(project, {"cart.py/inner.py": "x = 1\n"}), project, runner)
    assert receipt.grade is Grade.UNVERIFIED
    assert "cannot be written" in receipt.reason
    assert list(processes(runner.home.runsc)) == []


@pytest.mark.asyncio(loop_scope="function")
async def test_cancelling_leaves_nothing_behind(
    runner: RunscRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    began = asyncio.Event()
    slow = {"cart.py": FIXED, "tests/test_slow.py": "import time\n\ndef test_slow():\n    time.sleep(600)\n"}
    project = project_at(tmp_path / "project", slow)

    def progress(said: str) -> None:
        if said == "running the tests with the edit":
            began.set()

    edit = edit_of(project, {"cart.py": BUGGY})
    task = asyncio.create_task(verify(edit, project, runner, progress=progress))
    await began.wait()
    assert list(scratch.iterdir())
    assert list(processes(runner.home.runsc))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(scratch.iterdir()) == []
    assert list(processes(runner.home.runsc)) == []
