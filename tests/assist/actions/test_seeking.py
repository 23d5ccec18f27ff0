"""The loop behind every edit: what is tried again, what is offered in the end, and when it stops."""

from __future__ import annotations

import asyncio

import pytest

from assist.actions.errors import NoUsableAnswer
from assist.actions.judges import Bench, judge_edit
from assist.actions.seek import seek
from assist.actions.write_tests import Subject, judge_tests
from assist.task import Budget
from inference.errors import BackendUnavailable
from sandbox.errors import SandboxUnavailable
from sandbox.ports import Runner
from sandbox.receipt import Grade, Receipt
from sandbox.store import new_receipt
from sandbox.verdict import Judgement
from tests.assist.actions.desk import model
from tests.assist.workshop import Workshop
from workspace.edit import Edit, FileChange

GRADES = {"v": Grade.VERIFIED, "c": Grade.CHECKED, "u": Grade.UNVERIFIED, "f": Grade.FAILED}


def edit(content: str) -> Edit:
    return Edit(changes=(FileChange(path="a.py", before=b"old\n", after=content.encode()),), title=f"say {content}")


class Desk:
    """Writes the edits it has, one after the other, and gives each the grade that it begins with."""

    def __init__(self, *contents: str) -> None:
        self.contents = list(contents)
        self.told: list[str] = []

    async def write(self, earlier: str) -> Edit:
        self.told.append(earlier)
        if not self.contents:
            raise NoUsableAnswer("The model has no more.")
        return edit(self.contents.pop(0))

    async def judge(self, edit: Edit) -> Receipt:
        content = (edit.changes[0].after or b"").decode()
        if content.startswith("s"):
            await asyncio.sleep(60)
        if content.startswith("x"):
            raise SandboxUnavailable("The sandbox is gone.")
        judgement = Judgement.of(GRADES[content[0]], f"because of {content}")
        return new_receipt(edit, "none", None, (), ())([], judgement, f"log of {content}")


@pytest.mark.parametrize(
    ("contents", "grade", "after", "asked", "says"),
    [
        (("v1", "v2"), "verified", b"v1", 1, "Because of v1."),
        (("f1", "c2"), "checked", b"c2", 2, "Because of c2."),
        (("f1", "f2", "f3"), "failed", None, 2, "No edit was found that holds; the best try: Because of f1."),
        (("f1", "f1"), "failed", None, 2, "The model gave the same edit again."),
        (("f1",), "failed", None, 2, "The model has no more."),
        (("x1",), "unverified", b"x1", 1, "The sandbox is gone."),
    ],
    ids=["first", "second", "tries", "again", "no more", "no sandbox"],
)
async def test_what_is_offered(
    contents: tuple[str, ...], grade: str, after: bytes | None, asked: int, says: str
) -> None:
    desk = Desk(*contents)
    outcome = await seek(model()[0], desk.write, desk.judge, budget=Budget(tries=2))
    assert (outcome.grade, len(desk.told)) == (grade, asked)
    assert (outcome.edit.changes[0].after if outcome.edit else None) == after
    assert says in outcome.reason
    if asked == 2:
        assert "log of f1" in desk.told[1]
        assert "+f1" in desk.told[1]


async def test_the_time_ends_it_and_a_first_answer_that_fails_is_an_error() -> None:
    desk = Desk("s1")
    outcome = await seek(model()[0], desk.write, desk.judge, budget=Budget(seconds=0.2))
    assert (outcome.grade, outcome.edit, outcome.reason) == ("failed", None, "The 0 s for this were up.")
    with pytest.raises(NoUsableAnswer):
        await seek(model()[0], Desk().write, desk.judge, budget=Budget())

    async def write(_: str) -> Edit:
        raise BackendUnavailable("Nothing answers.")

    with pytest.raises(BackendUnavailable):
        await seek(model()[0], write, desk.judge, budget=Budget())


async def test_tests_that_pass_whatever_the_code_does_prove_nothing(workshop: Workshop) -> None:
    project = workshop.project({"shop.py": "def total(prices):\n    return sum(prices) + 1 - 1\n"})
    weak = (
        "from shop import total\n\n\ndef test_a():\n    try:\n        total([1])\n    except Exception:\n        pass\n"
    )
    added = Edit(changes=(FileChange(path="tests/test_shop.py", before=None, after=weak.encode()),), title="test it")
    tested = Subject(path="shop.py", lines=range(1, 3), test_path="tests/test_shop.py")
    bench = Bench(project=project, runner=workshop.runner)
    receipt = await judge_tests(added, bench, tested, model="m", context=())
    assert receipt.grade is Grade.UNVERIFIED
    assert receipt.reason.startswith("The 1 new test passes on all of ")
    assert [(step.name, step.status) for step in receipt.steps] == [
        ("tests-after", "ok"), ("repeat", "ok"), ("control", "failed"),
    ]  # fmt: skip


async def test_without_a_sandbox_nothing_is_claimed(runner: Runner) -> None:
    bench = Bench(runner=runner, why_not="This workspace is not trusted.")
    receipt = await judge_edit(edit("v1"), bench, model="m", context=("a.py",))
    assert (receipt.grade.value, receipt.reason, receipt.isolation) == (
        "unverified", "Nothing was run: This workspace is not trusted.", "none",
    )  # fmt: skip
