"""`assay eval repair`: how well the search without a model does, beside a plain mutation search.

On small programs with one fault, and with `--real` on faults that public repositories had. Everything runs in the
sandbox.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from evals.repair.measure import Answer, Measured, measure_fault, measure_program
from evals.repair.programs import load_programs
from evals.repair.real import Fault, load_faults, load_places, located
from evals.repair.report import programs_report, real_report
from evals.suites import cache_folder
from sandbox.errors import SandboxError
from sandbox.find import find_runner
from sandbox.ports import Runner

_SECONDS = 60.0


def main(argv: Sequence[str]) -> int:
    """Run the evaluation; the exit status is 1 when fewer than half of the programs are repaired."""
    arguments = _parser().parse_args(argv)
    if arguments.real:
        measured, left_out = asyncio.run(_real(arguments))
        lines = real_report(measured, left_out, _about(argv))
        enough = True
    else:
        measured = asyncio.run(_programs(arguments))
        lines = programs_report(measured, _about(argv))
        enough = 2 * sum(each.ours.plausible for each in measured) >= len(measured)
    _write(lines, arguments.output)
    return 0 if enough else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay eval repair", description=__doc__)
    parser.add_argument("names", nargs="*", help="names (or their beginnings) of programs or faults; all when none")
    parser.add_argument("--real", action="store_true", help="faults of public repositories, cloned when this runs")
    parser.add_argument("--half", choices=("reported", "tuning"), default="reported", help="of the repositories")
    parser.add_argument("--repositories", type=Path, metavar="FOLDER", help="mirrors: OWNER+NAME/repo or OWNER/NAME")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="has pytest and what tests import")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="for each search")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="results as JSON lines; what it has is not run again")
    parser.add_argument("--output", type=Path, help="the report; its other part stays")
    return parser


async def _programs(arguments: argparse.Namespace) -> list[Measured]:
    kept = _Kept(arguments.keep)
    async with _runner() as runner:
        for program in load_programs():
            if not _is_chosen(program.name, arguments.names) or program.name in kept.names:
                continue
            with tempfile.TemporaryDirectory(prefix="assay-eval-") as folder:
                root = Path(folder) / "project"
                measured = await measure_program(program, root, runner, arguments.python, seconds=arguments.seconds)
            kept.add(measured)
            _tell(measured)
    return kept.measured


async def _real(arguments: argparse.Namespace) -> tuple[list[Measured], list[str]]:
    halves = {place.repository: place.half for place in load_places()}
    kept, left_out = _Kept(arguments.keep), list[str]()
    async with _runner() as runner:
        for fault in _mixed(load_faults()):
            chosen = _is_chosen(fault.id, arguments.names) and halves.get(fault.repository) == arguments.half
            if not chosen or fault.id in kept.names:
                continue
            folder = located(fault.repository, arguments.repositories, cache_folder())
            try:
                with tempfile.TemporaryDirectory(prefix="assay-eval-") as work:
                    measured = await measure_fault(
                        fault, folder, Path(work), runner, arguments.python, seconds=arguments.seconds
                    )
            except (SandboxError, subprocess.CalledProcessError) as error:
                measured = f"{fault.id}: {error}"
            if isinstance(measured, str):
                left_out.append(measured)
                print(measured, file=sys.stderr, flush=True)
            else:
                kept.add(measured)
                _tell(measured)
    return kept.measured, left_out


def _mixed(faults: Sequence[Fault]) -> list[Fault]:
    """The first of each repository, then the second of each: a run that is cut short has seen many."""
    turns: dict[str, int] = {}
    placed: list[tuple[int, Fault]] = []
    for fault in faults:
        turns[fault.repository] = turns.get(fault.repository, 0) + 1
        placed.append((turns[fault.repository], fault))
    return [fault for _, fault in sorted(placed, key=lambda each: each[0])]


class _Kept:
    """Results so far, in a file when there is one: a long run can be cut and gone on with."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.measured = path, list[Measured]()
        if path is not None and path.is_file():
            for line in path.read_text().splitlines():
                found = json.loads(line)
                ours, plain = Answer(**found.pop("ours")), Answer(**found.pop("plain"))
                self.measured.append(Measured(**found, ours=ours, plain=plain))

    @property
    def names(self) -> set[str]:
        return {each.name for each in self.measured}

    def add(self, measured: Measured) -> None:
        self.measured.append(measured)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(asdict(measured)) + "\n")


@asynccontextmanager
async def _runner() -> AsyncGenerator[Runner, None]:
    with tempfile.TemporaryDirectory(prefix="assay-eval-state-") as state:
        runner = await find_runner(state_dir=Path(state))
        if runner.isolation.name == "none":
            raise SystemExit(runner.isolation.detail)
        try:
            yield runner
        finally:
            await runner.close()


def _is_chosen(name: str, names: Sequence[str]) -> bool:
    return not names or any(name.startswith(each) for each in names)


def _tell(measured: Measured) -> None:
    ours = measured.ours
    said = f"{ours.title} (held out: {ours.survives}, equal: {ours.equal})" if ours.plausible else ours.ending
    plain = f"{measured.plain.title} ({measured.plain.survives})" if measured.plain.plausible else "none"
    print(
        f"{measured.kind:16} {measured.name:24} {ours.seconds:5.1f} s {ours.tried:5} tried"
        f" {'FOUND' if ours.plausible else 'none '} {said} | plain: {plain}",
        file=sys.stderr,
        flush=True,
    )


def _about(argv: Sequence[str]) -> dict[str, str]:
    root = Path(__file__).parent
    revision = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], stdout=subprocess.PIPE, text=True, check=False
    )
    shown = [Path(word).name if Path(word).is_absolute() else word for word in argv]
    return {
        "commit": revision.stdout.strip() or "unknown",
        "command": f"`{shlex.join(['assay', 'eval', 'repair', *shown])}`",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def _write(lines: Sequence[str], output: Path | None) -> None:
    """Only the part that was measured is replaced: the other stays."""
    if output is None:
        print("\n".join(lines))
        return
    parts = {lines[0]: "\n".join(lines).rstrip("\n")}
    if output.is_file():
        for part in output.read_text().split("\n## ")[1:]:
            parts.setdefault("## " + part.partition("\n")[0], f"## {part}".rstrip("\n"))
    order = sorted(parts, key=lambda title: "public" in title)
    output.write_text("\n\n".join(["# Repair without a model: what was measured", *(parts[at] for at in order)]) + "\n")
