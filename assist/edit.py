"""The loop: see what fails, get candidate edits, verify each in the sandbox, and choose by what that showed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from assist.observation import Observation
from assist.observe import observe
from assist.ports import Attempt, Progress, Proposer
from assist.target import Nothing, aim, where_to_look
from assist.task import Budget, Candidate, Outcome, Task
from sandbox.errors import SandboxError
from sandbox.ports import Runner
from sandbox.receipt import Grade, Receipt
from sandbox.verify import verify
from workspace.edit import Edit
from workspace.project import Project

_OBSERVING = 0.4  # of the time for a fix, at most, goes into running the tests as they are
_RUNNERS_UP = 8
_GRADES = tuple(Grade)  # strongest first

DEFAULT_BUDGET = Budget()


async def fix(
    task: Task,
    project: Project,
    runner: Runner,
    proposers: Sequence[Proposer],
    *,
    budget: Budget = DEFAULT_BUDGET,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Find an edit that does what the task asks and was seen to work; never raises for what code does.

    The project must have been opened with the task's unsaved buffers. Proposers are asked in order. An edit is
    offered when it is verified and fixes at least one of the tests that decide; when none of them can decide
    (a diagnostic that no failing test shows), when it is verified or checked. Cancelling kills the sandbox.
    """
    loop = _Loop(task, project, runner, proposers, budget, progress)
    if runner.isolation.name == "none":
        return loop.end(Grade.UNVERIFIED, runner.isolation.detail or "Nothing was run, since there is no sandbox here.")
    try:
        async with asyncio.timeout(budget.seconds):
            return await loop.run()
    except TimeoutError:
        return loop.chosen(f"The {budget.seconds:.0f} s for this were up.")
    except SandboxError as error:
        return loop.end(Grade.UNVERIFIED, f"{error}".rstrip(".") + ".")


@dataclass(slots=True)
class _Loop:
    task: Task
    project: Project
    runner: Runner
    proposers: Sequence[Proposer]
    budget: Budget
    progress: Progress
    started: float = field(default_factory=time.monotonic)
    observation: Observation = field(default_factory=lambda: Observation(tests=()))
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    place: str = ""
    """What a problem is in, for people."""
    verifying: Candidate | None = None
    """What is being verified now."""

    async def run(self) -> Outcome:
        spot = where_to_look(self.task, self.project)
        self.place = spot.name
        all_of_them = spot.test in (None, ".")
        self.progress("running the tests as they are" if all_of_them else f"running {spot.test} as it is")
        seen = await observe(
            self.project,
            self.runner,
            test=spot.test,
            near=spot.near,
            seconds=self.budget.seconds * _OBSERVING,
        )
        aimed = aim(self.task, spot, seen)
        if isinstance(aimed, Nothing):
            return self.end(Grade(aimed.grade), aimed.reason)
        self.observation = aimed
        if aimed.targets:
            count = len(aimed.targets)
            self.progress(f"{aimed.targets[0].id} fails" + (f", and {count - 1} more" if count > 1 else ""))
        while True:
            before = len(self.attempts)
            for proposer in self.proposers:
                outcome = await self._ask(proposer)
                if outcome is not None:
                    return outcome
            if len(self.attempts) == before:
                return self.chosen("")
            if len(self.attempts) >= self.budget.tries:
                return self.chosen(f"The {self.budget.tries} tries that it may take were used up.")

    async def _ask(self, proposer: Proposer) -> Outcome | None:
        """Verify what a proposer offers until one does what was asked; None when none does."""
        tried = {_content(attempt.candidate.edit) for attempt in self.attempts}
        offers = proposer.propose(self.task, self.observation, tuple(self.attempts), self.progress)
        async with aclosing(offers):
            async for candidate in offers:
                if len(self.attempts) >= self.budget.tries:
                    return None
                if _content(candidate.edit) in tried:
                    continue
                tried.add(_content(candidate.edit))
                attempt = await self._verify(candidate)
                self.attempts.append(attempt)
                if self._solves(attempt.receipt):
                    others = [other async for other in offers if other.plausible] if candidate.plausible else []
                    return self.success(attempt, others)
        return None

    async def _verify(self, candidate: Candidate) -> Attempt:
        title = candidate.edit.title or "the edit"
        self.verifying = candidate
        self.progress(f"verifying: {title}")
        left = max(1.0, self.budget.seconds - (time.monotonic() - self.started))
        receipt = await verify(
            candidate.edit,
            self.project,
            self.runner,
            seconds=left,
            progress=lambda text: self.progress(f"verifying: {title}: {text}"),
            model=candidate.origin.removeprefix("model:") if candidate.origin.startswith("model:") else None,
            context=candidate.context,
        )
        self.verifying = None
        self.progress(f"{title}: {receipt.grade.value}. {receipt.reason}")
        return Attempt(candidate=candidate, receipt=receipt)

    def _solves(self, receipt: Receipt) -> bool:
        return receipt.grade is Grade.VERIFIED and not self.still_failing(receipt)

    def still_failing(self, receipt: Receipt) -> tuple[str, ...]:
        """The tests that decide and did not pass with the edit."""
        passed = {test.id for test in receipt.tests if test.after == "passed"}
        return tuple(
            target.id
            for target in self.observation.targets
            # A file that could not be collected has no test of its own name once it can be.
            if target.id not in passed and not any(test.startswith(f"{target.id}::") for test in passed)
        )

    def success(self, attempt: Attempt, others: Sequence[Candidate]) -> Outcome:
        compared = f"; {attempt.candidate.rivals}" if attempt.candidate.rivals else ""
        same = "" if not others else f" {_count(others)} the same tests{compared}: look before you choose."
        if len(self.observation.targets) == 1 and attempt.candidate.plausible:
            same += " Only one test decided: that shows little." if not self._has_company() else ""
        return self.end(
            attempt.receipt.grade,
            attempt.receipt.reason + same,
            attempt=attempt,
            runners_up=tuple(others[:_RUNNERS_UP]),
        )

    def _has_company(self) -> bool:
        """Whether tests that pass already ran the files of the failing one."""
        mine = set(self.observation.targets[0].lines)
        return any(mine & set(test.lines) for test in self.observation.tests if test.outcome == "passed")

    def chosen(self, ending: str) -> Outcome:
        """The best of what was verified, when it may be offered; else what was tried."""
        best = min(self.attempts, key=self._badness, default=None)
        if best is not None and self._may_offer(best):
            left = self.still_failing(best.receipt)
            rest = f" Still failing: {', '.join(left[:3])}{' and more' if len(left) > 3 else ''}." if left else ""
            return self.end(best.receipt.grade, f"{best.receipt.reason}{rest} {ending}".strip(), attempt=best)
        reason = self._nothing_found(best) + (f" {ending}" if ending else "")
        grade = best.receipt.grade if best is not None else Grade.FAILED
        return self.end(Grade.FAILED if grade in (Grade.VERIFIED, Grade.CHECKED) else grade, reason, tried=best)

    def _badness(self, attempt: Attempt) -> tuple[int, int, int]:
        left = len(self.still_failing(attempt.receipt))
        return _GRADES.index(attempt.receipt.grade), left, _size(attempt.candidate.edit)

    def _may_offer(self, attempt: Attempt) -> bool:
        if not self.observation.targets:
            return attempt.receipt.grade in (Grade.VERIFIED, Grade.CHECKED)
        fixes_some = len(self.still_failing(attempt.receipt)) < len(self.observation.targets)
        return attempt.receipt.grade is Grade.VERIFIED and fixes_some

    def _nothing_found(self, best: Attempt | None) -> str:
        tests = self.observation.targets
        if not tests and best is None:
            return f"No test that runs {self.place} fails, so nothing shows what is wrong; write one that does."
        what = f"makes {tests[0].id} pass" if tests else f"mends {self.place}"
        if best is not None:
            return (
                f"No edit that {what} was verified; the best try, {best.candidate.edit.title!r}: {best.receipt.reason}"
            )
        tried = sum(proposer.tried for proposer in self.proposers)
        if self.verifying is not None:
            return f"No edit that {what} was verified in time; {self.verifying.edit.title!r} was being verified."
        if tried:
            return f"None of the {tried} changes that were tried {what}."
        if not self.proposers:
            return "There is nothing that could propose an edit."
        failure = tests[0].failure if tests else None
        said = f"{failure.raised}: {failure.message}".partition("\n")[0][:200] if failure and failure.raised else ""
        return f"No edit that {what} was proposed" + (f"; it fails with {said.rstrip('.')}." if said else ".")

    def end(
        self,
        grade: Grade,
        reason: str,
        *,
        attempt: Attempt | None = None,
        tried: Attempt | None = None,
        runners_up: tuple[Candidate, ...] = (),
    ) -> Outcome:
        shown = attempt or tried
        return Outcome(
            grade=grade.value,
            reason=reason,
            edit=attempt.candidate.edit if attempt else None,
            receipt=shown.receipt if shown else None,
            candidates=sum(proposer.tried for proposer in self.proposers) or len(self.attempts),
            seconds=round(time.monotonic() - self.started, 2),
            runners_up=runners_up,
            still_failing=self.still_failing(attempt.receipt) if attempt else (),
        )


def _content(edit: Edit) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((change.path, change.after) for change in edit.changes)


def _size(edit: Edit) -> int:
    """Bytes in the changed files that differ, roughly: what the common start and end leave."""
    total = 0
    for change in edit.changes:
        before, after = change.before or b"", change.after or b""
        front = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
        back = next((at for at, (a, b) in enumerate(zip(before[::-1], after[::-1], strict=False)) if a != b), 0)
        total += max(len(before), len(after)) - front - back
    return total


def _count(others: Sequence[Candidate]) -> str:
    return "1 other change passes" if len(others) == 1 else f"{len(others)} other changes pass"
