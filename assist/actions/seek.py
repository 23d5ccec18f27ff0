"""The loop behind every edit: have it written, judge it, and have it written again with what went wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from assist.actions.ask import Model, shown_edit, shown_to_model
from assist.actions.errors import ActionError
from assist.model.context import failure_text
from assist.task import Budget, Outcome
from inference.errors import InferenceError
from sandbox.errors import SandboxError
from sandbox.receipt import Grade, Receipt
from sandbox.store import new_receipt
from sandbox.verdict import Judgement
from workspace.edit import Edit, unified_diff

Write = Callable[[str], Awaitable[Edit]]
"""Writes an edit, given the earlier attempts in words for a model; empty the first time."""
Judge = Callable[[Edit], Awaitable[Receipt]]

_DIFF = 3000  # characters of an attempt that are shown again
_OUTPUT = 3000
_ATTEMPTS = 2
_GRADES = tuple(Grade)  # strongest first
_SOUND = frozenset({Grade.VERIFIED, Grade.CHECKED, Grade.UNVERIFIED})


@dataclass(slots=True)
class _Seek:
    write: Write
    judge: Judge
    attempts: list[tuple[Edit, Receipt]] = field(default_factory=list[tuple[Edit, Receipt]])
    ended: str = ""
    """Why there were no more attempts, as a sentence."""


async def seek(
    model: Model, write: Write, judge: Judge, *, budget: Budget, enough: Collection[Grade] = _SOUND
) -> Outcome:
    """The first edit whose grade is enough, else the best that is not `failed`, else why there is none.

    :raises ActionError: the model's first answer cannot be used.
    :raises InferenceError: it cannot answer at all.
    """
    started = time.monotonic()
    run = _Seek(write, judge)
    try:
        async with asyncio.timeout(budget.seconds):
            await _try(model, run, budget.tries, enough)
    except TimeoutError:
        run.ended = f"The {budget.seconds:.0f} s for this were up."
    except (ActionError, InferenceError) as error:
        if not run.attempts:
            raise
        run.ended = str(error)
    return _outcome(run, time.monotonic() - started)


def unrun(edit: Edit, why: str, *, model: str | None = None, context: tuple[str, ...] = ()) -> Receipt:
    """The receipt of an edit of which nothing was run."""
    return new_receipt(edit, "none", model, context, ())([], Judgement.of(Grade.UNVERIFIED, why))


async def _try(model: Model, run: _Seek, tries: int, enough: Collection[Grade]) -> None:
    tried: set[tuple[tuple[str, bytes | None], ...]] = set()
    for _ in range(max(1, tries)):
        edit = await run.write(_told(model, run.attempts))
        content = tuple((change.path, change.after) for change in edit.changes)
        if content in tried:
            run.ended = "The model gave the same edit again."
            return
        tried.add(content)
        model.progress(f"verifying: {edit.title or 'the edit'}")
        try:
            receipt = await run.judge(edit)
        except SandboxError as error:
            receipt = unrun(edit, str(error), model=model.name)
        run.attempts.append((edit, receipt))
        model.progress(f"{edit.title or 'the edit'}: {receipt.grade.value}. {receipt.reason}")
        if receipt.grade in enough:
            return


def _told(model: Model, attempts: list[tuple[Edit, Receipt]]) -> str:
    return "\n".join(
        model.part(
            "attempt",
            diff=unified_diff(shown_edit(edit))[:_DIFF],
            reason=receipt.reason,
            output=shown_to_model(failure_text(receipt))[-_OUTPUT:],
        )
        for edit, receipt in attempts[-_ATTEMPTS:]
    )


def _outcome(run: _Seek, seconds: float) -> Outcome:
    best = min(run.attempts, key=lambda attempt: _GRADES.index(attempt[1].grade), default=None)
    # `failed` comes before `unverified` in strength, yet is shown only as what was tried.
    offered = min(
        (attempt for attempt in run.attempts if attempt[1].grade in _SOUND),
        key=lambda attempt: _GRADES.index(attempt[1].grade),
        default=None,
    )
    shown = offered or best
    if shown is None:
        return Outcome(grade=Grade.FAILED.value, reason=run.ended or "Nothing was written.", seconds=round(seconds, 2))
    edit, receipt = shown
    reason = receipt.reason if offered else f"No edit was found that holds; the best try: {receipt.reason}"
    return Outcome(
        grade=receipt.grade.value,
        reason=f"{reason} {run.ended}".strip(),
        edit=edit if offered else None,
        receipt=receipt,
        candidates=len(run.attempts),
        seconds=round(seconds, 2),
    )
