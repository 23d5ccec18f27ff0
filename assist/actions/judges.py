"""How an edit of an action is judged: in the sandbox where its language is run there, else by its syntax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assist.actions.kinds import is_run
from assist.actions.seek import unrun
from assist.actions.syntax import no_worse
from sandbox.ports import Runner
from sandbox.receipt import Grade, Receipt, Step
from sandbox.store import new_receipt
from sandbox.verdict import Judgement
from sandbox.verify import verify
from workspace.edit import Edit
from workspace.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What edits are tried with. Without a project and a runner nothing is run, and `why_not` says why."""

    project: Project | None = None
    runner: Runner | None = None
    why_not: str = ""
    """A sentence; empty where things run."""
    seconds: float = 120.0
    """Of one run of the tests."""
    progress: Callable[[str], None] = lambda _: None


async def judge_edit(edit: Edit, bench: Bench, *, model: str, context: tuple[str, ...]) -> Receipt:
    """The receipt of an edit that changes what a program does, or may."""
    if bench.runner is None or bench.why_not:
        return unrun(edit, f"Nothing was run: {bench.why_not}", model=model, context=context)
    if bench.project is None or not all(is_run(change.path) for change in edit.changes):
        return await _by_syntax(edit, model, context)
    return await verify(
        edit,
        bench.project,
        bench.runner,
        seconds=bench.seconds,
        progress=bench.progress,
        model=model,
        context=context,
    )


async def _by_syntax(edit: Edit, model: str, context: tuple[str, ...]) -> Receipt:
    parsed = await no_worse(edit)  # worse ones were refused when they were read
    finish = new_receipt(edit, "none", model, context, ())
    if not parsed:
        return finish([], Judgement.of(Grade.UNVERIFIED, "nothing was run, and there is no grammar to parse it with"))
    step = Step(name="compile", status="ok", seconds=0.0, command="tree-sitter", detail=f"parses as before: {parsed}")
    reason = "it parses no worse than before; nothing was run, since only Python is run in the sandbox"
    return finish([step], Judgement.of(Grade.CHECKED, reason))
