"""What a model is shown: bounded, redacted, and only what may be read."""

from __future__ import annotations

from collections.abc import Callable

from assist.model.context import gather
from assist.observation import Failure, Observation, ObservedTest
from assist.ports import Attempt
from assist.task import Candidate, Task
from inference.prompts.files import part
from sandbox.receipt import Grade, Receipt, Step, TestOutcome
from tests.assist.workshop import edit_of
from workspace.project import Project

Make = Callable[[dict[str, str]], Project]

FILES = {
    "shop.py": 'TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"\n\ndef total(prices):\n    return sum(prices) + 1\n',
    "private.py": "def hidden():\n    return 42\n",
    ".aiignore": "private.py\n",
    "test_shop.py": "from shop import total\n\ndef test_total():\n    assert total([2]) == 2\n\n"
    "def test_other():\n    assert total\n",
}


def seen(output: str = "assert 3 == 2", lines: dict[str, set[int]] | None = None) -> Observation:
    failing = ObservedTest(
        id="test_shop.py::test_total",
        outcome="failed",
        seconds=0.1,
        path="test_shop.py",
        lines={path: frozenset(each) for path, each in (lines or {"shop.py": {4}, "private.py": {2}}).items()},
        failure=Failure(text=output, raised="AssertionError"),
    )
    return Observation(tests=(failing,), targets=(failing,))


def task(project: Project, **more: object) -> Task:
    return Task(**{"kind": "make_test_pass", "root": project.root, "test": "test_shop.py", **more})  # type: ignore[arg-type]


def test_shows_the_test_its_output_and_the_code(project: Make) -> None:
    made = project(FILES)
    context = gather(task(made), seen(), (), made)
    assert "Make test_shop.py::test_total pass." in context.messages[-1].content
    assert "assert total([2]) == 2" in context.messages[-1].content
    assert "def test_other" not in context.messages[-1].content
    assert "assert 3 == 2" in context.messages[-1].content
    assert "return sum(prices) + 1" in context.messages[-1].content
    assert context.paths == ("shop.py",)
    assert context.shown == ("shop.py", "test_shop.py")


def test_secrets_are_replaced_and_ignored_files_left_out(project: Make) -> None:
    made = project(FILES)
    prompt = (
        gather(task(made), seen(output="token=ghp_0123456789abcdefghijABCDEFGHIJ012345"), (), made).messages[-1].content
    )
    assert "ghp_0123" not in prompt
    assert "redacted" in prompt
    assert "hidden" not in prompt
    assert "42" not in prompt


def test_sizes_are_bounded(project: Make) -> None:
    long = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(4000))
    made = project(FILES | {"long.py": long, "test_shop.py": FILES["test_shop.py"] + "    x = 1\n" * 9000})
    lines = {"long.py": set(range(1, 8001)), "shop.py": {4}}
    context = gather(task(made), seen(output="x" * 1_000_000, lines=lines), (), made)
    assert len(context.messages[-1].content) < 60_000
    assert "def f1(x):" in context.messages[-1].content


def test_an_attempt_is_shown_with_what_came_of_it(project: Make) -> None:
    made = project(FILES)
    edit = edit_of(made, "shop.py", "+ 1", "- 1")
    receipt = Receipt(
        id="x",
        created="",
        grade=Grade.FAILED,
        reason="test_total still fails.",
        claim="nothing",
        isolation="gvisor",
        title="",
        diff="",
        digest="",
        steps=(Step(name="lint", status="failed", seconds=0.1, detail="new: E501"),),
        tests=(TestOutcome(id="test_shop.py::test_total", before="failed", after="failed"),),
        touched_by="coverage",
        log="E  assert 1 == 2",
    )
    attempt = Attempt(candidate=Candidate(edit=edit, origin="model:x"), receipt=receipt)
    prompt = gather(task(made), seen(), [attempt], made).messages[-1].content
    assert "An earlier edit was tried" in prompt
    assert "-    return sum(prices) + 1\n+    return sum(prices) - 1" in prompt
    assert "test_total still fails." in prompt
    assert "new: E501" in prompt
    assert "E  assert 1 == 2" in prompt


def test_a_problem_is_named_where_no_test_fails(project: Make) -> None:
    made = project(FILES)
    asked = task(made, kind="fix_problem", path="shop.py", line=3, message="adds one too many")
    prompt = gather(asked, Observation(tests=()), (), made).messages[-1].content
    assert "Fix this problem in shop.py, line 4: adds one too many" in prompt
    assert "return sum(prices) + 1" in prompt


def test_what_looks_like_a_place_in_a_value_stays(project: Make) -> None:
    del project
    assert "{{source}} {{path}}" in part("file", path="a.py", source="{{source}} {{path}}")
