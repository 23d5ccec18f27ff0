"""What a model is shown: the failing tests, what they printed, and the code they run. Bounded and redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assist.observation import Observation, ObservedTest
from assist.ports import Attempt
from assist.repair.localise import ochiai
from assist.repair.scope import enclosing_in
from assist.repair.source import parse
from assist.task import Task
from inference.ports import Message
from inference.prompts.files import part, prompt
from sandbox.receipt import Receipt
from workspace.edit import unified_diff
from workspace.policy import Purpose
from workspace.project import Project
from workspace.secrets import redact
from workspace.tests import is_test_path, is_test_support, tests_in
from workspace.walk import why_not

# Characters, not tokens: about four to a token, so that the whole prompt stays under some 12,000 tokens.
_TESTS = 3
_TEST_SOURCE = 3000
_OUTPUT = 3500
_FILES = 4
_WHOLE_FILE = 8000
_FUNCTIONS = 16_000
_LINES = 100  # suspicious lines whose functions are looked at
_DIFF = 3000
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    messages: tuple[Message, ...]
    """What the model is told, and what it is asked; secrets are redacted."""
    paths: tuple[str, ...]
    """The files whose code is shown, the tests' not included."""
    shown: tuple[str, ...]
    """Every file something of is shown, for the receipt."""


def gather(
    task: Task,
    observation: Observation,
    failed: Sequence[Attempt],
    project: Project,
    prompts: Path | None = None,
) -> Context:
    """The prompt for a task. Files that may not be read by a model are left out, whatever they would explain.

    :param prompts: a folder of a person's own, see `inference.prompts.files`.
    :raises BadPrompt: one of those cannot be used.
    """
    targets = observation.targets[:_TESTS]
    code = _code(task, observation, project)
    tests = [_test(test, project, prompts) for test in targets]
    messages = prompt("fix", folder=prompts).messages(
        request=_request(task, observation),
        tests="\n".join(tests),
        code="\n".join(
            part("file", folder=prompts, path=path, source=source.rstrip()) for path, source in code.items()
        ),
        attempts="\n".join(_attempt(attempt, prompts) for attempt in failed[-_ATTEMPTS:]),
    )
    test_files = [test.path for test in targets if _may_show(project, test.path)]
    return Context(
        messages=tuple(Message(role=each.role, content=redact(each.content)) for each in messages),
        paths=tuple(code),
        shown=tuple(dict.fromkeys([*code, *test_files])),
    )


def _request(task: Task, observation: Observation) -> str:
    if task.kind == "fix_problem":
        where = f"{task.path}, line {(task.line or 0) + 1}"
        return f"Fix this problem in {where}: {_cut(task.message, 600)}"
    if len(observation.targets) == 1:
        return f"Make {observation.targets[0].id} pass."
    return f"Make these {len(observation.targets)} tests pass."


def _test(test: ObservedTest, project: Project, prompts: Path | None) -> str:
    source = ""
    if _may_show(project, test.path):
        text = (project.read(test.path) or b"").decode("utf-8", "replace")
        name = test.id.partition("[")[0]
        cases = [case for case in tests_in(test.path, text) if case.id == name]
        lines = text.split("\n")
        source = "\n".join(lines[cases[0].line : cases[0].end_line + 1]) if cases else text
    output = test.failure.text or test.failure.message if test.failure else ""
    return part(
        "test", folder=prompts, id=test.id, source=_cut(source, _TEST_SOURCE), output=_cut_front(output, _OUTPUT)
    )


def _code(task: Task, observation: Observation, project: Project) -> dict[str, str]:
    """By path, the code that most likely holds the fault: whole when the file is small, else its functions."""
    suspicion = ochiai(observation.targets, observation.tests)
    if task.path is not None and not is_test_path(task.path):
        lines = suspicion.setdefault(task.path, {})
        lines[(task.line or 0) + 1] = 2.0
    paths = sorted(suspicion, key=lambda path: -max(suspicion[path].values()))
    found: dict[str, str] = {}
    left = _FUNCTIONS
    for path in [path for path in paths if _is_code(path) and _may_show(project, path)][:_FILES]:
        content = project.read(path)
        if content is None:
            continue
        text = content.decode("utf-8", "replace")
        shown = text if len(text) <= min(_WHOLE_FILE, left) else _functions(path, content, suspicion[path], left)
        if shown:
            found[path] = shown
            left -= len(shown)
    return found


def _functions(path: str, content: bytes, suspicion: Mapping[int, float], left: int) -> str:
    """The suspicious functions, worst first until the room is used up, printed in the order of the file."""
    source = parse(path, content)
    if source is None:
        return ""
    lines = content.decode("utf-8", "replace").split("\n")
    chosen: list[range] = []
    for line in sorted(suspicion, key=lambda line: -suspicion[line])[:_LINES]:
        if any(line in each for each in chosen):
            continue
        span, _ = enclosing_in(source, line)
        size = sum(len(text) + 1 for text in lines[span.start - 1 : span.stop - 1])
        if size <= left:
            chosen.append(span)
            left -= size
    parts = ("\n".join(lines[span.start - 1 : span.stop - 1]) for span in _apart(chosen))
    return "\n\n".join(parts)


def _apart(spans: Iterable[range]) -> list[range]:
    """In order, without those that lie inside another."""
    kept: list[range] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.stop)):
        if not kept or span.stop > kept[-1].stop:
            kept.append(span)
    return kept


def _attempt(attempt: Attempt, prompts: Path | None) -> str:
    receipt = attempt.receipt
    return part(
        "attempt",
        folder=prompts,
        diff=_cut(unified_diff(attempt.candidate.edit), _DIFF),
        reason=receipt.reason,
        output=_cut_front(failure_text(receipt), _OUTPUT),
    )


def failure_text(receipt: Receipt) -> str:
    """What the tests printed with the edit; which failed, when they printed nothing."""
    failing = [test.id for test in receipt.tests if test.after in ("failed", "error")]
    details = [f"{step.name}: {step.detail}" for step in receipt.steps if step.status == "failed" and step.detail]
    return "\n".join([*details, receipt.log.strip() or "failing: " + ", ".join(failing)])


def _is_code(path: str) -> bool:
    return path.endswith(".py") and not is_test_path(path) and not is_test_support(path)


def _may_show(project: Project, path: str) -> bool:
    return path in project.files and why_not(project.root, path, Purpose.READ) is None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "\n[…]"


def _cut_front(text: str, most: int) -> str:
    return text if len(text) <= most else "[…]\n" + text[-most:]
