"""The loop with real parts: aim, propose, verify, feed back, choose, and stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from assist.edit import fix
from assist.model import ModelProposer
from assist.observation import Observation
from assist.ports import Attempt, Progress
from assist.task import Budget, Candidate, Task
from inference.scripted import ScriptedAnswer, ScriptedGenerator
from sandbox.ports import Runner
from sandbox.refusing import RefusingRunner
from tests.assist.workshop import Workshop, edit_of, running_under
from workspace.edit import Edit

SHOP = {
    "shop.py": """
        def total(prices):
            result = 1
            for price in prices:
                result += price
            return result


        def cheapest(prices):
            return max(prices)


        def unused(price):
            return price
    """,
    "tests/test_shop.py": """
        from shop import cheapest, total

        def test_total():
            assert total([2, 3]) == 5

        def test_nothing():
            assert total([]) == 0

        def test_cheapest():
            assert cheapest([4]) == 4
    """,
}


class Offers:
    """A proposer with a list of edits; one for each time it is asked, with what it was told."""

    def __init__(self, *edits: Edit, plausible: bool = False) -> None:
        self.name = "list"
        self.tried = 0
        self._edits = list(edits)
        self._plausible = plausible
        self.told: list[Sequence[Attempt]] = []

    async def propose(
        self, task: Task, observation: Observation, failed: Sequence[Attempt], progress: Progress
    ) -> AsyncGenerator[Candidate, None]:
        self.told.append(failed)
        edits, self._edits = (self._edits, []) if self._plausible else (self._edits[:1], self._edits[1:])
        for edit in edits:
            self.tried += 1
            yield Candidate(edit=edit, origin="list:x", plausible=self._plausible)


async def test_the_search_ends_in_a_verified_edit(workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    outcome = await workshop.fix(project, workshop.task(project, "tests/test_shop.py"))
    assert outcome.grade == "verified", outcome
    assert outcome.edit is not None
    assert b"result = 0" in (outcome.edit.changes[0].after or b"")
    assert outcome.receipt is not None
    assert outcome.candidates > 10
    assert not outcome.still_failing
    assert "test_total failed before and pass now" in outcome.reason
    assert workshop.said[0].startswith("running tests/test_shop.py")
    assert any("small changes" in text for text in workshop.said)


async def test_the_failure_of_one_edit_is_told_before_the_next(workshop: Workshop) -> None:
    """The second answer of the script fits only a prompt that carries what the tests printed for the first."""
    project = workshop.project(SHOP)
    search = "shop.py\n<<<<<<< SEARCH\n    result = 1\n=======\n    {}\n>>>>>>> REPLACE\n"
    generator = ScriptedGenerator(
        [
            ScriptedAnswer(
                when=("result = -1", "An earlier edit was tried", "assert 4 == 5"), text=search.format("result = 0")
            ),
            ScriptedAnswer(unless=("An earlier edit was tried",), text=search.format("result = -1")),
        ]
    )
    task = workshop.task(project, "tests/test_shop.py::test_total")
    outcome = await workshop.fix(project, task, [ModelProposer(generator, project)])
    assert outcome.grade == "verified", (outcome, workshop.said)
    assert outcome.candidates == 2
    assert outcome.receipt is not None
    assert outcome.receipt.model == "scripted:script"
    assert set(outcome.receipt.context) == {"shop.py", "tests/test_shop.py"}
    assert outcome.edit is not None
    assert b"result = 0" in (outcome.edit.changes[0].after or b"")


async def test_an_edit_that_breaks_nothing_but_fixes_nothing_is_not_enough(workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    harmless = edit_of(project, "shop.py", "result += price", "result = result + price")
    outcome = await workshop.fix(project, workshop.task(project, "tests/test_shop.py::test_total"), [Offers(harmless)])
    assert outcome.grade == "failed"
    assert outcome.edit is None
    assert outcome.receipt is not None
    assert "test_total" in outcome.reason


async def test_the_best_of_several_is_chosen_and_what_still_fails_is_named(workshop: Workshop) -> None:
    files = SHOP | {
        "tests/test_shop.py": SHOP["tests/test_shop.py"].rstrip()
        + "\n\n        def test_two():\n            assert cheapest([4, 2]) == 2\n"
    }
    project = workshop.project(files)
    half = edit_of(project, "shop.py", "result = 1", "result = 0", "half of it")
    worse = edit_of(project, "shop.py", "return max(prices)", "return None", "worse")
    offers = Offers(worse, half)
    task = workshop.task(project, "tests")
    outcome = await workshop.fix(project, task, [offers], Budget(seconds=200, tries=2))
    assert outcome.edit == half, outcome.reason
    assert outcome.grade == "verified"
    assert outcome.still_failing == ("tests/test_shop.py::test_two",)
    assert "test_two" in outcome.reason
    assert [len(told) for told in offers.told] == [0, 1]


async def test_other_edits_that_pass_are_named(workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    edits = [
        edit_of(project, "shop.py", "result = 1", text, text)
        for text in ("result = 0", "result = -0", "result = 1 - 1")
    ]
    task = workshop.task(project, "tests/test_shop.py")
    outcome = await workshop.fix(project, task, [Offers(*edits, plausible=True)])
    assert outcome.edit == edits[0]
    assert [candidate.edit for candidate in outcome.runners_up] == edits[1:]
    assert "2 other changes pass the same tests" in outcome.reason


async def test_a_function_is_fixed_by_its_own_tests(workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    offers = Offers(edit_of(project, "shop.py", "result = 1", "result = 0"))
    task = Task(kind="fix_function", root=project.root, path="shop.py", line=3)
    outcome = await workshop.fix(project, task, [offers])
    assert outcome.grade == "verified", outcome
    for line, said in ((8, "1 test runs cheapest in shop.py"), (12, "No test runs unused in shop.py")):
        task = Task(kind="fix_function", root=project.root, path="shop.py", line=line)
        outcome = await workshop.fix(project, task)
        assert outcome.grade == "failed"
        assert outcome.edit is None
        assert said in outcome.reason


async def test_a_diagnostic_in_a_test_means_that_test(workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    offers = Offers(edit_of(project, "shop.py", "result = 1", "result = 0"))
    task = Task(kind="fix_problem", root=project.root, path="tests/test_shop.py", line=3, message="assert 6 == 5")
    outcome = await workshop.fix(project, task, [offers])
    assert outcome.grade == "verified", outcome
    assert workshop.said[0] == "running tests/test_shop.py::test_total as it is"


async def test_a_problem_that_no_test_shows(workshop: Workshop) -> None:
    """Somebody who reads the message may know; whatever they offer must leave the tests green."""
    project = workshop.project({name: text.replace("result = 1", "result = 0") for name, text in SHOP.items()})
    task = Task(kind="fix_problem", root=project.root, path="shop.py", line=4, message="use sum()")
    outcome = await workshop.fix(project, task)
    assert outcome.edit is None
    assert "No test that runs total in shop.py fails" in outcome.reason
    harmless = edit_of(project, "shop.py", "result += price", "result = result + price")
    breaking = edit_of(project, "shop.py", "result += price", "result += 2 * price")
    outcome = await workshop.fix(project, task, [Offers(breaking, harmless)])
    assert outcome.edit == harmless, outcome


async def test_unsaved_buffers_count(workshop: Workshop) -> None:
    clean = {name: text.replace("result = 1", "result = 0") for name, text in SHOP.items()}
    saved = workshop.project(clean)
    broken = (saved.read("shop.py") or b"").replace(b"result = 0", b"result = 7")
    project = workshop.project(clean, overlay={"shop.py": broken})
    offers = Offers(edit_of(project, "shop.py", "result = 7", "result = 0"))
    outcome = await workshop.fix(project, workshop.task(project, "tests/test_shop.py"), [offers])
    assert outcome.grade == "verified", outcome
    assert outcome.edit is not None
    assert outcome.edit.changes[0].before == broken


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("tests/test_shop.py::test_cheapest", "Nothing to fix: tests/test_shop.py::test_cheapest already passes."),
        ("tests/test_shop.py::test_none", "No test matches tests/test_shop.py::test_none"),
        ("tests/test_other.py", "No test matches tests/test_other.py"),
    ],
)
async def test_says_why_there_is_nothing_to_do(test: str, said: str, workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    outcome = await workshop.fix(project, workshop.task(project, test))
    assert outcome.grade == "failed"
    assert outcome.edit is None
    assert outcome.reason.startswith(said)


async def test_a_workspace_without_tests(workshop: Workshop) -> None:
    project = workshop.project({"shop.py": "def f():\n    return 1\n"})
    task = Task(kind="fix_function", root=project.root, path="shop.py", line=1)
    outcome = await workshop.fix(project, task)
    assert outcome.edit is None
    assert outcome.reason == "No tests were found; an edit can only be shown to work by one."


async def test_code_that_cannot_be_parsed(workshop: Workshop) -> None:
    project = workshop.project(SHOP | {"shop.py": "def total(prices:\n    return 0\n"})
    outcome = await workshop.fix(project, workshop.task(project, "tests/test_shop.py"))
    assert outcome.edit is None
    assert "SyntaxError" in outcome.reason


async def test_without_a_sandbox_nothing_is_run(workshop: Workshop) -> None:
    project = workshop.project(SHOP)
    refusing = RefusingRunner("This workspace is not trusted.")
    outcome = await fix(workshop.task(project, "tests"), project, refusing, [Offers()])
    assert outcome.grade == "unverified"
    assert outcome.reason == "This workspace is not trusted."


async def test_the_time_is_kept_and_said(workshop: Workshop) -> None:
    project = workshop.project(SHOP | {"tests/test_slow.py": "import time\ndef test_slow():\n    time.sleep(60)\n"})
    task = workshop.task(project, "tests/test_slow.py")
    outcome = await workshop.fix(project, task, [Offers()], Budget(seconds=2.0))
    assert outcome.grade == "failed"
    assert "2 s for this were up" in outcome.reason


async def test_cancelling_leaves_no_process(workshop: Workshop, runner: Runner, state: Path) -> None:
    project = workshop.project(SHOP)
    started = asyncio.Event()
    task = workshop.task(project, "tests/test_shop.py")

    class Waiting(Offers):
        async def propose(
            self, task: Task, observation: Observation, failed: Sequence[Attempt], progress: Progress
        ) -> AsyncGenerator[Candidate, None]:
            yield Candidate(edit=edit_of(project, "shop.py", "result = 1", "while True: pass"), origin="list:x")

    def progress(text: str) -> None:
        if text.startswith("verifying"):
            started.set()

    running = asyncio.create_task(fix(task, project, runner, [Waiting()], progress=progress))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not running_under(state)
