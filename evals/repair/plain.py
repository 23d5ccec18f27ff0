"""The baseline: a plain mutation search. The classic operators on suspicious lines, in order, the first that passes.

The operators are those that mutation testing has by custom (relational, arithmetic and logical operator
replacement, negated conditions, constants plus or minus one, deleted statements), without ingredients, priors or
anything learnt from how the test fails.
"""

from __future__ import annotations

from assist.observation import Observation
from assist.repair.execute import SearchRun, search
from assist.repair.localise import ochiai
from assist.repair.scope import Clues, Mutation, scopes
from assist.repair.source import parse
from assist.repair.templates import flow, operators, values
from sandbox.ports import Runner
from workspace.project import Project
from workspace.tests import is_test_path, is_test_support

_TEMPLATES = (
    operators.comparison,
    operators.arithmetic,
    operators.condition,
    operators.negation,
    operators.sign,
    flow.removal,
)
_FILES = 12  # as the search that is compared has it
_MOST = 4000


async def plain_search(
    observation: Observation, project: Project, runner: Runner, *, seconds: float
) -> tuple[Mutation | None, SearchRun]:
    """The first mutation that makes the failing tests pass and breaks none, and what was tried."""
    run = SearchRun()
    tried = mutations_of(observation, project)
    if tried:
        await search(tried, observation, project, runner, run, seconds=seconds)
    places = {id(mutation): place for place, mutation in enumerate(tried)}
    passed = [trial.mutation for trial in run.trials if trial.result == "passed"]
    return min(passed, key=lambda mutation: places[id(mutation)], default=None), run


def mutations_of(observation: Observation, project: Project) -> list[Mutation]:
    suspicion = ochiai(observation.targets, observation.tests)
    worst = sorted(suspicion, key=lambda path: -max(suspicion[path].values()))
    may_change = [
        path
        for path in worst
        if path.endswith(".py") and path in project.files and not is_test_path(path) and not is_test_support(path)
    ]
    found: list[tuple[float, str, int, Mutation]] = []
    for path in may_change[:_FILES]:
        source = parse(path, project.read(path) or b"")
        for scope in scopes(source) if source is not None else ():
            made = [mutation for template in _TEMPLATES for mutation in template(scope, Clues())]
            made += [mutation for mutation in values.constant(scope, Clues()) if _is_step(mutation)]
            for mutation in made:
                score = max((suspicion[path].get(line, 0.0) for line in mutation.lines), default=0.0)
                if score > 0:
                    found.append((-score, path, mutation.lines.start, mutation))
    found.sort(key=lambda each: each[:3])
    return [mutation for *_, mutation in found[:_MOST]]


def _is_step(mutation: Mutation) -> bool:
    """Whether a changed constant is a number one off, or the other truth value."""
    text = mutation.splices[0].text
    return text.lstrip("-").isdigit() or text in ("True", "False")
