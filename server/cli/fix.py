"""`assay fix`: find an edit that makes a test pass, or a problem go away, and show what that was seen to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from assist.edit import fix
from assist.ports import Progress
from assist.task import Budget, Outcome, Task
from sandbox.receipt import Grade
from server.cli.answer import NOT_REACHED, REACHED, Answer, Refusal, refused
from server.cli.answer import give as give_answer
from server.cli.apply import Stale, write_edit
from server.cli.console import run_command
from server.cli.opening import add_common, opened, refuse_option
from workspace.edit import unified_diff
from workspace.errors import OutsideWorkspace
from workspace.project import Project
from workspace.root import relative_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("--test", metavar="ID", help="a pytest node id, a file or a folder that should pass")
    parser.add_argument("--file", metavar="F", help="the file with the problem, with --line")
    parser.add_argument("--line", metavar="N", type=int, help="its line, from 1; any line of the function will do")
    parser.add_argument("--message", default="", help="what is wrong there, for a model; with --file and --line")
    parser.add_argument("--apply", action="store_true", help="write the edit when it is verified")


def run(args: argparse.Namespace) -> int:
    if (args.test is None) == (args.file is None) or (args.file is None) != (args.line is None):
        wrong = Refusal("Say what to fix: either --test ID, or --file F and --line N.")
        return give_answer(refused(wrong), as_json=args.json)
    if args.line is not None and args.line < 1:
        return give_answer(refused(Refusal("--line counts from 1.")), as_json=args.json)
    return run_command(lambda progress: _fix(args, progress), as_json=args.json)


async def _fix(args: argparse.Namespace, progress: Progress) -> Answer:
    async with opened(args.path, progress) as at:
        task = _task(args, at.project)
        budget = Budget(seconds=at.settings.budget.seconds, tries=at.settings.budget.tries)
        outcome = await fix(task, at.project, at.runner, at.proposers(), budget=budget, progress=progress)
        at.keep(outcome.receipt, progress)
        applied, reason = False, outcome.reason
        reached = outcome.grade == Grade.VERIFIED and outcome.edit is not None and not outcome.still_failing
        if args.apply and outcome.edit is not None and outcome.grade == Grade.VERIFIED:
            try:
                write_edit(outcome.edit, at.project.root)
                applied = True
            except (Stale, OSError) as error:
                reached, reason = False, f"{reason} It was not applied: {error}"
        return _answer(outcome, reason, applied=applied, code=REACHED if reached else NOT_REACHED)


def _task(args: argparse.Namespace, project: Project) -> Task:
    if args.test is not None:
        refuse_option(args.test)
        return Task(kind="make_test_pass", root=project.root, test=_within(args.test, project))
    path = _within(args.file, project)
    content = project.read(path)
    if content is None:
        raise Refusal(f"There is no file {path} in {project.root}.")
    if path not in project.files:
        raise Refusal(f"{path} is left out of the sandbox (too large, ignored or no text), so it cannot be fixed here.")
    lines = content.count(b"\n") + 1
    if args.line > lines:
        raise Refusal(f"{path} has {lines} lines, so there is no line {args.line}.")
    kind = "fix_problem" if args.message else "fix_function"
    return Task(kind=kind, root=project.root, path=path, line=args.line - 1, message=args.message)


def _within(name: str, project: Project) -> str:
    """A node id, file or folder relative to the root, however it was written."""
    path, separator, rest = name.partition("::")
    if path in (".", "./", ""):
        return "."
    try:
        inside = relative_path(project.root, path)
    except OutsideWorkspace as error:
        raise Refusal(str(error)) from error
    if not (project.root / inside).exists() and (given := Path(path).resolve()).is_relative_to(project.root):
        inside = given.relative_to(project.root).as_posix()
    return inside + separator + rest


def _answer(outcome: Outcome, reason: str, *, applied: bool, code: int) -> Answer:
    lines: list[str] = []
    if outcome.runners_up:
        lines.append(f"{len(outcome.runners_up)} other changes pass the same tests:")
        lines += [f"  {candidate.edit.title}" for candidate in outcome.runners_up]
    if applied:
        lines.append("Applied.")
    return Answer(
        grade=outcome.grade,
        reason=reason,
        code=code,
        receipt=outcome.receipt,
        diff=unified_diff(outcome.edit) if outcome.edit is not None else "",
        seconds=outcome.seconds,
        candidates=outcome.candidates,
        more={
            "title": outcome.edit.title if outcome.edit is not None else "",
            "applied": applied,
            "still_failing": list(outcome.still_failing),
            "runners_up": [
                {"title": candidate.edit.title, "origin": candidate.origin, "diff": unified_diff(candidate.edit)}
                for candidate in outcome.runners_up
            ],
        },
        lines=lines,
    )
