"""Search-based repair: a `Proposer` that needs no model.

`localise` finds suspicious lines, `templates` makes small changes there, `rank` orders them, `execute` tries them
in bulk in one sandbox. What passes is proposed, most ordinary first; the loop verifies it apart from the search.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace

from assist.observation import Observation, ObservedTest
from assist.observe import observe
from assist.ports import Attempt, Progress
from assist.repair.execute import SearchRun, Trial, search
from assist.repair.localise import clues, in_loops, ochiai, with_definitions
from assist.repair.rank import PRIORS, Ranked, ordinariness, rank
from assist.repair.scope import Mutation, Scope, enclosing, scopes
from assist.repair.source import Source, apply, parse
from assist.repair.templates import mutations
from assist.task import Candidate, Task
from sandbox.ports import Runner
from workspace.edit import Edit, FileChange
from workspace.project import Project
from workspace.tests import is_test_path, is_test_support

_MOST = 4000  # mutations of one search; some hundreds are tried in a second or two
_FILES = 12  # suspicious files looked at
_SECONDS = 60.0  # for all of it, within whatever the loop leaves
_STEPS = 3  # changes that may be put together when one alone fixes only some of the tests
_AGREEMENT = 0.5  # how much more a change is worth that all others agree with
_OUTSIDE = 0.15  # suspicion of lines outside the function that somebody asked to fix


class SearchRepair:
    """See the module. `last` is the latest search, for whoever reports on it."""

    def __init__(self, runner: Runner, project: Project, *, seconds: float = _SECONDS) -> None:
        self._runner = runner
        self._project = project
        self._seconds = seconds
        self._earlier = 0
        self._searched: Observation | None = None
        self.last: SearchRun | None = None

    @property
    def name(self) -> str:
        return "repair"

    @property
    def tried(self) -> int:
        return self._earlier + (self.last.tried if self.last is not None else 0)

    async def propose(
        self,
        task: Task,
        observation: Observation,
        failed: Sequence[Attempt],  # noqa: ARG002 - a search learns nothing from them
        progress: Progress,
    ) -> AsyncGenerator[Candidate, None]:
        if observation is self._searched or not observation.targets:
            return  # everything that passed was proposed the first time
        self._searched = observation
        deadline = time.monotonic() + self._seconds
        at = _Progress(self._project, observation)
        while len(at.steps) < _STEPS and time.monotonic() < deadline:
            ranked, sources = _candidates(task, at.observation, at.project)
            trials = await self._search(at, ranked, sources, deadline - time.monotonic(), progress)
            run = self.last or SearchRun()
            best = best_first(trials, ranked, run.groups)
            for trial in best:
                said = disagreement(trial, best, run) if trial is best[0] else ""
                yield at.candidate(self._project, trial.mutation, plausible=at.is_whole, rivals=said)
            if best:
                return
            part = best_part(trials, at.observation.targets)
            if part is not None:
                progress(f"{part.mutation.title}: a part of it passes; going on from there")
                at = await self._after(at, part, progress)
            elif len(at.observation.targets) > 1:
                at = at.without_first()  # perhaps the others have another fault
            else:
                break
        if at.steps:
            yield at.candidate(self._project, None, plausible=False)

    async def _search(
        self,
        at: _Progress,
        ranked: Sequence[Ranked],
        sources: Mapping[str, Source],
        seconds: float,
        progress: Progress,
    ) -> list[Trial]:
        if not ranked:
            progress("no template fits the lines that the failing tests execute")
            return []

        def on_trial(run: SearchRun) -> None:
            if run.tried % 50 == 0:
                passed = sum(trial.result == "passed" for trial in run.trials)
                found = f", {passed} of them pass" if passed else ""
                progress(f"tried {run.tried} of {len(ranked)} small changes{found}")

        self._earlier, self.last = self.tried, SearchRun()
        progress(f"trying {len(ranked)} small changes to {_named(sources)} in the sandbox")
        started = time.monotonic()
        mutations = [each.mutation for each in ranked]
        run = self.last
        await search(mutations, at.observation, at.project, self._runner, run, seconds=seconds, on_trial=on_trial)
        rate = f" ({run.tried / run.trying:.0f} a second)" if run.trying else ""
        passed = sum(trial.result == "passed" for trial in run.trials)
        progress(
            f"tried {run.tried} small changes in {time.monotonic() - started:.1f} s{rate};"
            f" {passed or 'none'} made the tests pass" + (f"; {run.detail}" if run.detail else "")
        )
        return run.trials

    async def _after(self, at: _Progress, part: Trial, progress: Progress) -> _Progress:
        """Where the search stands with one more change made."""
        left = {test.id for test in at.observation.targets[part.fixed :]}
        project = _changed(at.project, part.mutation)
        near = [test.path for test in at.observation.targets]
        seen = await observe(project, self._runner, near=near, seconds=self._seconds / 2, progress=progress)
        targets = tuple(test for test in seen.tests if test.id in left and test.failed)
        return replace(
            at, project=project, observation=replace(seen, targets=targets), steps=(*at.steps, part.mutation)
        )


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a search for several changes has come."""

    project: Project
    """With the changes so far."""
    observation: Observation
    steps: tuple[Mutation, ...] = ()
    is_whole: bool = True
    """Whether all the tests that decide are still aimed at."""

    def without_first(self) -> _Progress:
        targets = self.observation.targets[1:]
        return replace(self, observation=replace(self.observation, targets=targets), is_whole=False)

    def candidate(self, original: Project, last: Mutation | None, *, plausible: bool, rivals: str = "") -> Candidate:
        steps = (*self.steps, last) if last is not None else self.steps
        after = _changed(self.project, last) if last is not None else self.project
        changes: list[FileChange] = []
        for path in sorted({step.path for step in steps}):
            changes.append(FileChange(path=path, before=original.read(path), after=after.read(path)))
        return Candidate(
            edit=Edit(changes=tuple(changes), title="; ".join(step.title for step in steps)),
            origin=f"repair:{'+'.join(step.template for step in steps)}",
            plausible=plausible,
            rivals=rivals,
        )


def _changed(project: Project, mutation: Mutation) -> Project:
    raw = project.read(mutation.path)
    assert raw is not None  # it was parsed
    return replace(project, overlay={**project.overlay, mutation.path: apply(raw, mutation.splices)})


def _candidates(task: Task, observation: Observation, project: Project) -> tuple[list[Ranked], dict[str, Source]]:
    """What to try, best first, and the files it is in."""
    suspicion = ochiai(observation.targets, observation.tests)
    by_worst = sorted(suspicion, key=lambda path: -max(suspicion[path].values()))
    sources: dict[str, Source] = {}
    for path in [path for path in by_worst if _may_change(project, path)][:_FILES]:
        raw = project.read(path)
        source = parse(path, raw) if raw is not None else None
        if source is not None:
            sources[path] = source
    suspicion = {path: with_definitions(source, suspicion[path]) for path, source in sources.items()}
    if observation.targets[0].outcome == "timeout":
        suspicion = {path: in_loops(source, suspicion[path]) for path, source in sources.items()}
    if task.kind != "make_test_pass" and task.path is not None and task.line is not None:
        suspicion = _focused(suspicion, sources, task.path, task.line + 1)
    seen = clues(observation.targets, project.read)
    made = (
        mutation
        for path, source in sources.items()
        for scope in scopes(source)
        if _is_suspicious(scope, suspicion[path])
        for mutation in mutations(scope, seen)
    )
    return rank(made, suspicion, sources)[:_MOST], sources


def _is_suspicious(scope: Scope, lines: Mapping[int, float]) -> bool:
    """Whether a failing test has to do with any line of it; most functions of a large file are out of the question."""
    node = scope.function
    return node is None or any(line in lines for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _may_change(project: Project, path: str) -> bool:
    return path.endswith(".py") and path in project.files and not is_test_path(path) and not is_test_support(path)


def best_first(
    trials: Sequence[Trial], ranked: Sequence[Ranked], groups: Mapping[int, int] | None = None
) -> list[Trial]:
    """What passed all targets: the smallest and most ordinary first, more so where several changes answer alike."""
    places = {id(each.mutation): place for place, each in enumerate(ranked)}
    sizes = Counter((groups or {}).values())

    def badness(trial: Trial) -> tuple[float, int]:
        mutation = trial.mutation
        plain = PRIORS[mutation.template] * mutation.weight * ordinariness(mutation)
        if groups and id(mutation) in groups:
            plain *= 1.0 + _AGREEMENT * (sizes[groups[id(mutation)]] - 1) / len(groups)
        return (-plain, places.get(id(mutation), 0))

    return sorted((trial for trial in trials if trial.result == "passed"), key=badness)


def disagreement(chosen: Trial, best: Sequence[Trial], run: SearchRun) -> str:
    """`2 of them differ on f(3): 4 here, 5 there`, or that they agree; empty when there is nothing to compare."""
    mine, known = id(chosen.mutation), run.groups
    others = [id(trial.mutation) for trial in best if trial is not chosen and id(trial.mutation) in known]
    if mine not in known or not others:
        return ""
    unlike = sum(known[other] != known[mine] for other in others)
    if not unlike:
        return "they answer alike on all inputs that were made up"
    for difference in run.differences:
        said = difference.answers
        if mine in said:
            there = next((text for other, text in said.items() if other != mine and text != said[mine]), None)
            if there is not None:
                return (
                    f"{unlike} of them differ on {difference.input}: {_plain(said[mine])} here, {_plain(there)} there"
                )
    return f"{unlike} of them answer otherwise on inputs that were made up"


def _plain(answer: str) -> str:
    """The returned value alone; what was recorded also has what became of the arguments."""
    text = answer.split(" list(")[0].split(" tuple(")[0]
    return text if len(text) <= 40 else text[:39] + "…"


def best_part(trials: Sequence[Trial], targets: Sequence[ObservedTest]) -> Trial | None:
    """What makes the most of the targets pass and breaks nothing; the first tried among equals.

    A test function that passes with some of its parameters only is no part: that is not a fault of its own.
    """
    names = [test.id.partition("[")[0] for test in targets]
    parts = [trial for trial in trials if trial.result == "partial"]
    whole = [trial for trial in parts if not set(names[: trial.fixed]) & set(names[trial.fixed :])]
    return max(whole, key=lambda trial: trial.fixed, default=None)


def _focused(
    suspicion: dict[str, dict[int, float]], sources: dict[str, Source], path: str, line: int
) -> dict[str, dict[int, float]]:
    inside, _ = enclosing(path, sources[path].raw if path in sources else b"", line)
    return {
        other: {
            number: value if other == path and number in inside else value * _OUTSIDE for number, value in lines.items()
        }
        for other, lines in suspicion.items()
    }


def _named(sources: Mapping[str, Source]) -> str:
    first = next(iter(sources))
    return first if len(sources) == 1 else f"{first} and {len(sources) - 1} more"
