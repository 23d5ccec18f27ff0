"""`python -m evals.repair.mine`: find fixes of one function in the history of public repositories.

A fix is a commit that says so, changes one function of one file that is no test, together with tests of which some
fail without that change and pass with it. Both are seen in the sandbox before it counts.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals import repositories
from evals.repair.functions import Change, change_of
from evals.repair.real import Fault, Place, blob, check_out, load_faults, load_places, located, write_faults
from evals.suites import cache_folder
from sandbox.errors import SandboxError
from sandbox.find import find_runner
from sandbox.ports import Runner
from sandbox.testrun import run_tests
from workspace.project import open_project
from workspace.tests import is_test_path

_SAYS_SO = re.compile(
    r"\b(fix|bug|issue|crash|wrong|incorrect|correct|regress|handle|should|error|fail|prevent)|#\d+", re.IGNORECASE
)
_NOT_CODE = ("docs/", "doc/", "examples/", "benchmarks/", "setup.py")
_LARGEST = 14  # lines changed in the function
_SECONDS = 60.0  # for the tests of one commit
_IDS = 12  # failing tests kept of one fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A commit that looks like a fix of one function; nothing was run yet."""

    commit: str
    path: str
    change: Change
    tests: tuple[str, ...]


def fixes(folder: Path, head: str, *, most: int) -> Iterator[Fix]:
    """Commits that say that they fix something, changed one function, and changed tests."""
    for commit in repositories.commits(folder, head, most=most):
        if not _SAYS_SO.search(commit.subject + "\n" + commit.body):
            continue
        python = [path for path in commit.paths if path.endswith(".py") and not path.startswith(_NOT_CODE)]
        tests = tuple(path for path in python if is_test_path(path))
        code = [path for path in python if not is_test_path(path)]
        if len(code) != 1 or not tests:
            continue
        try:
            change = change_of(blob(folder, f"{commit.hash}^", code[0]), blob(folder, commit.hash, code[0]))
        except subprocess.CalledProcessError:
            continue  # the file is new, or gone
        if change is not None and 0 < change.lines <= _LARGEST:
            yield Fix(commit=commit.hash, path=code[0], change=change, tests=tests)


async def confirmed(place: Place, fix: Fix, folder: Path, python: Path, runner: Runner) -> Fault | None:
    """The fix as a fault to be found, when tests fail without it and pass with it."""
    work = Path(tempfile.mkdtemp(prefix="assay-mine-"))
    try:
        root = work / "tree"
        check_out(folder, fix.commit, root)
        selection = [path for path in fix.tests if (root / path).is_file()]
        if not selection:
            return None
        before = blob(folder, f"{fix.commit}^", fix.path)
        good = open_project(root, python=python, env={"PATH": "/usr/bin:/bin"})
        bad = open_project(root, python=python, env={"PATH": "/usr/bin:/bin"}, overlay={fix.path: before})
        after = await run_tests(good, runner, selection=selection, seconds=_SECONDS)
        passing = {case.id for case in after.outcomes if case.outcome == "passed"}
        if not passing:
            return None
        without = await run_tests(bad, runner, selection=selection, seconds=_SECONDS)
        failing = [case.id for case in without.failing if case.id in passing]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if not failing:
        return None
    return Fault(
        repository=place.repository,
        commit=fix.commit,
        path=fix.path,
        function=fix.change.function,
        kind=fix.change.kind,
        failing=tuple(failing[:_IDS]),
    )


async def mine(place: Place, folder: Path, python: Path, runner: Runner, *, wanted: int, looked: int) -> list[Fault]:
    found: list[Fault] = []
    for count, fix in enumerate(fixes(folder, place.head, most=6000)):
        if count >= looked or len(found) >= wanted:
            break
        try:
            fault = await confirmed(place, fix, folder, python, runner)
        except SandboxError as error:
            _say(f"{place.repository} {fix.commit[:8]}: {error}")
            continue
        if fault is not None:
            found.append(fault)
    _say(f"{place.repository}: {len(found)} fixes")
    return found


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m evals.repair.mine", description=__doc__)
    parser.add_argument("names", nargs="*", help="repositories as OWNER/NAME; all of repositories.toml when none")
    parser.add_argument("--repositories", type=Path, help="a folder of mirrors, OWNER+NAME/repo")
    parser.add_argument("--python", type=Path, required=True, help="an interpreter that has what their tests import")
    parser.add_argument("--wanted", type=int, default=6, help="fixes from one repository")
    parser.add_argument("--looked", type=int, default=30, help="commits of one repository whose tests are run")
    arguments = parser.parse_args(argv)
    asyncio.run(_main(arguments))
    return 0


async def _main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="assay-mine-") as state:
        runner = await find_runner(state_dir=Path(state))
        try:
            for place in load_places():
                if arguments.names and place.repository not in arguments.names:
                    continue
                folder = located(place.repository, arguments.repositories, cache_folder())
                found = await mine(
                    place, folder, arguments.python, runner, wanted=arguments.wanted, looked=arguments.looked
                )
                kept = [fault for fault in load_faults() if fault.repository != place.repository]
                write_faults(sorted([*kept, *found], key=lambda fault: (fault.repository.lower(), fault.commit)))
        finally:
            await runner.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
