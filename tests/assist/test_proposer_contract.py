"""What every `Proposer` promises. Add an implementation to `make` and it is held to all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from assist.model import ModelProposer
from assist.observation import Observation
from assist.observe import observe
from assist.ports import Attempt, Proposer
from assist.repair import SearchRepair
from assist.task import Task
from inference.scripted import ScriptedAnswer, ScriptedGenerator
from sandbox.ports import Runner
from sandbox.receipt import Grade, Receipt
from tests.assist.workshop import Workshop, running_under
from workspace.project import Project
from workspace.tests import is_test_path

FILES = {
    "age.py": "def can_vote(age):\n    return age > 18\n",
    "test_age.py": "from age import can_vote\ndef test_edge():\n    assert can_vote(18)\n"
    "def test_young():\n    assert not can_vote(17)\n",
}
ANSWER = "age.py\n<<<<<<< SEARCH\n    return age > 18\n=======\n    return age >= 18\n>>>>>>> REPLACE\n"

Make = Callable[[Runner, Project], Proposer]


def model(_: Runner, project: Project) -> Proposer:
    return ModelProposer(ScriptedGenerator([ScriptedAnswer(text=ANSWER, pieces=1)]), project)


@pytest.fixture(params=[SearchRepair, model], ids=["search", "model"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param


@pytest.fixture
async def at(runner: Runner, tmp_path: Path) -> tuple[Task, Observation, Project]:
    project = Workshop.project_of(tmp_path / "project", FILES)
    task = Task(kind="make_test_pass", root=project.root, test="test_age.py")
    return task, await observe(project, runner, test=task.test), project


async def test_offers_edits_of_what_the_person_sees_and_never_of_tests(
    make: Make, at: tuple[Task, Observation, Project], runner: Runner
) -> None:
    task, seen, project = at
    proposer, said = make(runner, project), list[str]()
    assert proposer.name
    assert proposer.tried == 0
    found = [candidate async for candidate in proposer.propose(task, seen, (), said.append)]
    assert found, said
    assert proposer.tried >= len(found)
    assert all(said)
    first = found[0]
    assert first.edit.changes[0].after == b"def can_vote(age):\n    return age >= 18\n"
    for candidate in found:
        assert candidate.origin.split(":")[0] in ("repair", "model")
        assert candidate.edit.title
        for change in candidate.edit.changes:
            assert not is_test_path(change.path)
            assert change.before == project.read(change.path) != change.after

    receipt = Receipt(
        id="x",
        created="",
        grade=Grade.FAILED,
        reason="It did not help.",
        claim="nothing",
        isolation="gvisor",
        title="",
        diff="",
        digest="",
        steps=(),
        tests=(),
        touched_by="none",
    )
    failed = [Attempt(candidate=candidate, receipt=receipt) for candidate in found]
    again = [candidate async for candidate in proposer.propose(task, seen, failed, said.append)]
    assert len(again) <= 1


async def test_has_nothing_to_offer_without_failing_tests(
    make: Make, at: tuple[Task, Observation, Project], runner: Runner
) -> None:
    task, _, project = at
    nothing = Observation(tests=())
    offers = make(runner, project).propose(task, nothing, (), lambda _: None)
    assert all([candidate.edit.changes async for candidate in offers])


async def test_closing_and_cancelling_stop_all_work(
    make: Make, at: tuple[Task, Observation, Project], runner: Runner, state: Path
) -> None:
    task, seen, project = at
    proposer = make(runner, project)
    async with aclosing(proposer.propose(task, seen, (), lambda _: None)) as offers:
        async for _ in offers:
            break

    began = asyncio.Event()

    async def ask() -> None:
        async for _ in make(runner, project).propose(task, seen, (), lambda _: began.set()):
            await asyncio.sleep(60)

    asking = asyncio.create_task(ask())
    await began.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not running_under(state)
