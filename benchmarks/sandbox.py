"""What the sandbox costs against the bare command, and what a whole verification costs against the tests.

`python -P -m benchmarks.sandbox [ROUNDS]`; writes benchmarks/reports/sandbox.md.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Times, heading, in_turn, write
from sandbox.find import find_runner
from sandbox.mounts import python_mounts
from sandbox.ports import Runner, RunSpec
from sandbox.testrun import run_tests
from sandbox.verify import verify
from workspace.edit import Edit, FileChange
from workspace.project import Project, open_project

_EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "roombook"
_LOOP = "total = 0\nfor i in range(5_000_000): total += i"


async def main(rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    try:
        root = shutil.copytree(_EXAMPLE, folder / "roombook")
        project = open_project(root, python=Path(sys.executable))
        runner = await find_runner(state_dir=folder / "state")
        try:
            times = await in_turn(_ways(project, runner), rounds)
        finally:
            await runner.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        write("sandbox", heading("What the sandbox costs", "python -P -m benchmarks.sandbox") + _table(times, runner))
    )


def _ways(project: Project, runner: Runner):
    python = str(project.python.executable)
    mounts = python_mounts(project.python, project.root)

    async def bare(*argv: str) -> None:
        process = await asyncio.create_subprocess_exec(
            python, *argv, cwd=project.root, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await process.wait()

    async def inside(*argv: str) -> None:
        result = await runner.run(RunSpec(argv=(python, *argv), mounts=mounts))
        assert result.exit_code == 0, result

    async def tests() -> None:
        run = await run_tests(project, runner)
        assert run.outcomes, run.detail

    async def judged() -> None:
        receipt = await verify(_fix(project), project, runner)
        assert receipt.grade.value == "verified", receipt.reason

    return {
        "start, bare": lambda: bare("-c", "pass"),
        "start, sandbox": lambda: inside("-c", "pass"),
        "loop, bare": lambda: bare("-c", _LOOP),
        "loop, sandbox": lambda: inside("-c", _LOOP),
        "tests, bare": lambda: bare("-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        "tests, sandbox": tests,
        "verify": judged,
    }


def _fix(project: Project) -> Edit:
    path = "roombook/calendar.py"
    before = project.read(path)
    assert before is not None
    after = before.replace(b"taken.start - cursor > length", b"taken.start - cursor >= length")
    assert after != before
    return Edit(changes=(FileChange(path=path, before=before, after=after),), title="compare with >=")


def _table(times: dict[str, Times], runner: Runner) -> str:
    rows = [
        ("`python -c pass`", "start, bare", "start, sandbox"),
        ("a loop of 5 million additions", "loop, bare", "loop, sandbox"),
        ("24 tests of examples/roombook, copies and reports included", "tests, bare", "tests, sandbox"),
        ("a whole verification of its fix", "tests, bare", "verify"),
    ]
    lines = [
        f"Isolation: {runner.isolation.detail}. Median milliseconds of {len(times['verify'].rounds)} rounds in turn",
        "(smallest to largest); the ratio is the median of the rounds' ratios.",
        "",
        "| what | bare | sandbox | ratio |",
        "|---|---|---|---|",
    ]
    lines += [f"| {what} | {times[a]} | {times[b]} | {times[b].against(times[a]):.2f} |" for what, a, b in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
