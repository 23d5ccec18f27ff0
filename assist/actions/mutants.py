"""Do tests notice when the code is wrong? Small faults are put into it, one at a time, in the sandbox.

The faults are the repair templates the other way round. A mutated copy that the tests fail on was noticed; one that
they pass on may be as right as the original, so that not every copy has to be noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assist.observation import Observation, ObservedTest
from assist.repair.execute import SearchRun, search
from assist.repair.scope import Clues, Mutation, scopes
from assist.repair.source import parse
from assist.repair.templates import mutations
from sandbox.ports import Runner
from workspace.project import Project

_MOST = 60  # mutated copies; some dozens are run in a second or two
_EACH = 4  # of one template, so that all kinds of faults have their turn
_SECONDS = 20.0
_NOTICED = ("failed", "partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutated:
    noticed: int
    """Copies that at least one of the tests failed on."""
    run: int
    """Copies on which the tests came to an end."""
    survivors: tuple[str, ...] = ()
    """What was changed in copies that all the tests passed on."""
    detail: str = ""


async def mutate(
    project: Project, runner: Runner, tests: Sequence[ObservedTest], path: str, lines: range, modules: Sequence[str]
) -> Mutated:
    """
    :param project: with the tests in it.
    :param tests: which pass on it.
    :param lines: from 1, of the code that is tested; only what the tests execute of it is changed.
    :raises SandboxError: the project's Python cannot run pytest.
    """
    executed = {line for test in tests for line in test.lines.get(path, ()) if line in lines}
    chosen = _chosen(project, path, executed)
    if not chosen:
        return Mutated(noticed=0, run=0)
    seen = Observation(tests=tuple(tests), targets=tuple(tests), modules=tuple(modules))
    run = SearchRun()
    await search(chosen, seen, project, runner, run, seconds=_SECONDS)
    ended = [trial for trial in run.trials if trial.result in (*_NOTICED, "passed")]
    survivors = tuple(trial.mutation.title for trial in ended if trial.result == "passed")
    return Mutated(noticed=len(ended) - len(survivors), run=len(ended), survivors=survivors, detail=run.detail)


def _chosen(project: Project, path: str, executed: set[int]) -> list[Mutation]:
    """Faults in executed lines, of every kind in turn."""
    raw = project.read(path)
    source = parse(path, raw) if raw is not None else None
    if source is None or not executed:
        return []
    by_template: dict[str, list[Mutation]] = {}
    for scope in scopes(source):
        if scope.function is None:
            continue  # code that runs when the file is imported needs a fresh process for each copy
        for mutation in mutations(scope, Clues()):
            if executed.intersection(mutation.lines):
                by_template.setdefault(mutation.template, []).append(mutation)
    chosen: list[Mutation] = []
    for turn in range(_EACH):
        chosen += [found[turn] for found in by_template.values() if turn < len(found)]
    return chosen[:_MOST]
