"""`assay run`: a project's tests in the sandbox. It judges no edit, so the most it says is `checked`."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from assist.ports import Progress
from sandbox.errors import SandboxError
from sandbox.ports import Status
from sandbox.receipt import Grade
from sandbox.testrun import TestRun, run_tests
from server.cli.answer import NOT_REACHED, REACHED, Answer, Refusal
from server.cli.console import run_command
from server.cli.opening import add_common, opened, refuse_option

_SHOWN = 20  # failing tests listed for people; JSON has them all
_OUTPUT = 4000  # characters of pytest's own words, when there are no outcomes to speak for themselves


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("--test", metavar="ID", action="append", default=[], help="a node id, a file or a folder")


def run(args: argparse.Namespace) -> int:
    return run_command(lambda progress: _run(args, progress), as_json=args.json)


async def _run(args: argparse.Namespace, progress: Progress) -> Answer:
    started = time.monotonic()
    for name in args.test:
        refuse_option(name)
    async with opened(args.path, progress) as at:
        if at.runner.isolation.name == "none":
            raise Refusal(at.runner.isolation.detail, code=NOT_REACHED)
        chosen = tuple(args.test) or at.settings.tests.selection
        try:
            found = await run_tests(
                at.project,
                at.runner,
                selection=chosen,
                seconds=at.settings.sandbox.seconds,
                progress=progress,
            )
        except SandboxError as error:
            raise Refusal(f"{error}".rstrip(".") + ".", code=NOT_REACHED) from error
    return _answer(found, time.monotonic() - started)


def _answer(found: TestRun, seconds: float) -> Answer:
    counts = Counter(case.outcome for case in found.outcomes)
    passed = counts["passed"] + counts["xfailed"]
    reached = found.status is Status.OK and not found.failing and passed > 0
    if found.status in (Status.INFRA, Status.REFUSED):
        grade = Grade.UNVERIFIED
    else:
        grade = Grade.CHECKED if reached else Grade.FAILED
    return Answer(
        grade=grade.value,
        reason=_reason(found, counts),
        code=REACHED if reached else NOT_REACHED,
        seconds=seconds,
        more={
            "tests": [
                {
                    "id": case.id,
                    "outcome": case.outcome,
                    "seconds": case.seconds,
                    "path": case.path,
                    "line": None if case.line is None else case.line + 1,
                    "message": case.message,
                }
                for case in found.outcomes
            ],
            "counts": dict(sorted(counts.items())),
            "status": found.status.value,
        },
        lines=_failures(found),
    )


def _reason(found: TestRun, counts: Counter[str]) -> str:
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    if detail := " ".join(found.detail.split()):
        return f"{detail[:1].upper()}{detail[1:].rstrip('.')}." + (f" {said.capitalize()}." if said else "")
    return f"{said.capitalize()}." if said else "No tests were found."


def _failures(found: TestRun) -> list[str]:
    lines: list[str] = []
    for case in found.failing[:_SHOWN]:
        where = "" if case.line is None else f" ({case.path}:{case.line + 1})"
        lines += [f"{case.outcome} {case.id}{where}", *(f"    {line}" for line in case.message.split("\n")), ""]
    if len(found.failing) > _SHOWN:
        lines.append(f"and {len(found.failing) - _SHOWN} more")
    if not found.outcomes and found.log.strip():
        lines.append(found.log.strip()[-_OUTPUT:])
    return lines
