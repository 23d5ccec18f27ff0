"""`assay verify`: what a patch proves."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from assist.ports import Progress
from sandbox.errors import PatchRefused
from sandbox.patch import edit_from_patch
from sandbox.receipt import Grade
from sandbox.verify import verify
from server.cli.answer import NOT_REACHED, REACHED, Answer, Refusal
from server.cli.console import run_command
from server.cli.opening import add_common, opened

_MAX_PATCH = 32 << 20  # bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("--patch", metavar="FILE", required=True, help="a patch that git apply reads; - is stdin")
    parser.add_argument(
        "--scope",
        metavar="GLOB",
        action="append",
        default=[],
        help="tests, test data or configuration that the patch is meant to change; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    return run_command(lambda progress: _verify(args, progress), as_json=args.json)


async def _verify(args: argparse.Namespace, progress: Progress) -> Answer:
    started = time.monotonic()
    patch = _read(args.patch)
    async with opened(args.path, progress) as at:
        try:
            edit = edit_from_patch(patch, at.project)
        except PatchRefused as error:
            reason = f"{error}"[:1].upper() + f"{error}"[1:].rstrip(".") + "."
            raise Refusal(reason, grade=Grade.FAILED) from error
        receipt = await verify(
            edit,
            at.project,
            at.runner,
            scope=tuple(args.scope),
            seconds=at.settings.sandbox.seconds,
            progress=progress,
        )
        at.keep(receipt, progress)
    return Answer(
        grade=receipt.grade.value,
        reason=receipt.reason,
        code=REACHED if receipt.grade is Grade.VERIFIED else NOT_REACHED,
        receipt=receipt,
        diff=receipt.diff,
        seconds=time.monotonic() - started,
        candidates=1,
        lines=[f"{step.name}: {step.status}" + (f" ({step.detail})" if step.detail else "") for step in receipt.steps],
    )


def _read(name: str) -> bytes:
    """:raises Refusal: when it cannot be read, is empty or is too large."""
    try:
        if name == "-":
            patch = sys.stdin.buffer.read(_MAX_PATCH + 1)
        else:
            with Path(name).open("rb") as file:
                patch = file.read(_MAX_PATCH + 1)
    except OSError as error:
        raise Refusal(f"The patch {name} cannot be read: {error.strerror}.") from error
    if len(patch) > _MAX_PATCH:
        raise Refusal(f"The patch is larger than {_MAX_PATCH >> 20} MB.", grade=Grade.FAILED)
    if not patch.strip():
        raise Refusal("The patch is empty.", grade=Grade.FAILED)
    return patch
