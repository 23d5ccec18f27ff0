"""From an action that ends in an edit to its outcome: what it is about, who writes it, and how it is judged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from assist.actions.ask import Model
from assist.actions.document import write_document
from assist.actions.errors import NotAllowed
from assist.actions.focus import Focus, Spot, definition_at, selection_at
from assist.actions.judges import Bench, judge_edit
from assist.actions.kinds import EditKind, impossible
from assist.actions.rewrite import accept_all, instruction_of, write_edit
from assist.actions.seek import Judge, Write, seek
from assist.actions.suite import suite_for
from assist.actions.types import judge_types, only_types
from assist.actions.write_tests import Subject, judge_tests, write_tests
from assist.task import Budget, Outcome
from sandbox.receipt import Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    outcome: Outcome
    focus: Focus
    context: tuple[str, ...]
    """Paths that were shown to the model."""


async def perform(
    kind: EditKind, model: Model, root: Path, spot: Spot, bench: Bench, *, instruction: str = "", budget: Budget
) -> Performed:
    """Never raises for what the edit does.

    :param root: of the workspace, resolved.
    :param instruction: for rewrite: what is to be done.
    :raises ActionError: there is nothing to do it on, or no answer of the model could be used.
    :raises InferenceError: the model cannot answer.
    """
    if why := impossible(kind, spot.path):
        raise NotAllowed(f"{spot.path} {why}.")
    wanted = instruction_of(instruction) if kind == "rewrite" else ""
    focus = await asyncio.to_thread(_focus, kind, spot)
    if kind == "tests":
        return await _tests(model, spot, focus, bench, budget)
    write: Write
    if kind == "document":
        write = partial(write_document, model, spot, focus)
    else:
        told = wanted or model.part(f"action_{kind}")
        write = cast(
            "Write",
            partial(write_edit, model, root, spot, focus, told, check=only_types if kind == "types" else accept_all),
        )
    judging = judge_types if kind == "types" else judge_edit
    context = (spot.path,)
    judge: Judge = partial(judging, bench=bench, model=model.name, context=context)
    outcome = await seek(model, write, judge, budget=budget)
    return Performed(outcome=outcome, focus=focus, context=context)


def _focus(kind: EditKind, spot: Spot) -> Focus:
    if kind in ("document", "tests"):
        return definition_at(spot)
    if kind == "rewrite" or spot.last > spot.first:
        return selection_at(spot)
    return definition_at(spot)


async def _tests(model: Model, spot: Spot, focus: Focus, bench: Bench, budget: Budget) -> Performed:
    project = bench.project
    if project is None:
        raise NotAllowed(f"No tests can be written for {spot.path}: its project cannot be opened.")
    test_path = await asyncio.to_thread(suite_for, project, spot.path)
    context = (spot.path, test_path) if project.read(test_path) is not None else (spot.path,)
    tested = Subject(path=spot.path, lines=range(focus.first + 1, focus.last + 2), test_path=test_path)
    write: Write = partial(write_tests, model, project, spot, focus, test_path)
    judge: Judge = partial(judge_tests, bench=bench, tested=tested, model=model.name, context=context)
    # What proves nothing is offered in the end, but only after another try; without a sandbox none would help.
    enough = (Grade.VERIFIED, Grade.UNVERIFIED) if bench.why_not else (Grade.VERIFIED,)
    outcome = await seek(model, write, judge, budget=budget, enough=enough)
    return Performed(outcome=outcome, focus=focus, context=context)
