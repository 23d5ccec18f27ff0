"""`assay doctor`: a real check of each part, and what to do about each failure."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from assist.ports import Progress
from sandbox.mounts import python_mounts
from sandbox.ports import Limits, Runner, RunSpec, Status
from sandbox.receipt import Grade
from server.cli.answer import NOT_REACHED, REACHED, Answer
from server.cli.checks import Check, folder_check
from server.cli.console import run_command
from server.cli.doctor_index import check_index
from server.cli.doctor_models import check_models
from server.cli.opening import project_at
from server.configuration import Configuration, config_file, state_folder
from server.runtime import start_runner
from server.settings import Settings
from workspace.errors import WorkspaceError
from workspace.project import Project
from workspace.trust import Trust

_REACHES_OUT = """
import socket, sys
for family, address in ((socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET, ("127.0.0.1", int(sys.argv[1])))):
    with socket.socket(family, socket.SOCK_STREAM) as there:
        there.settimeout(2)
        try:
            there.connect(address)
        except OSError:
            continue
        sys.exit("reached %s" % (address,))
print("no way out", sys.version.split()[0])
"""
"""192.0.2.1 is TEST-NET-1 (RFC 5737): nobody's address. The other is a listener of this very process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    root: Path
    settings: Settings
    problems: tuple[str, ...]
    runner: Runner
    project: Project | None
    why_no_project: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", type=Path, default=Path(), help="a project; this folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def run(args: argparse.Namespace) -> int:
    return run_command(lambda progress: _examine(args.path, progress), as_json=args.json)


async def _examine(path: Path, progress: Progress) -> Answer:
    started = time.monotonic()
    patient = await _admit(path)
    checks: list[Check] = []
    try:
        parts: tuple[tuple[str, Callable[[Patient], Awaitable[Check]]], ...] = (
            ("settings", _settings),
            ("state folder", _state),
            ("git", _git),
            ("Python", _python),
            ("pytest", _pytest),
            ("sandbox", _sandbox),
            ("no network", _network),
        )
        for name, look in parts:
            progress(f"checking {name}")
            checks.append(await look(patient))
        progress("checking the index")
        checks += await check_index(patient.settings)
        progress("asking the models")
        checks += await check_models(patient.settings)
    finally:
        await patient.runner.close()
    broken = [check for check in checks if check.status == "failed"]
    reason = f"{len(broken)} of {len(checks)} parts do not work." if broken else "Everything works."
    return Answer(
        grade=(Grade.FAILED if broken else Grade.CHECKED).value,
        reason=reason,
        code=NOT_REACHED if broken else REACHED,
        seconds=time.monotonic() - started,
        more={"checks": [{"name": c.name, "status": c.status, "detail": c.detail, "advice": c.advice} for c in checks]},
        lines=[line for check in checks for line in _lines(check)],
    )


async def _admit(path: Path) -> Patient:
    root, settings, problems, project, why = _look(path)
    # Whether this machine can isolate is asked apart from whether this workspace is trusted.
    runner = await start_runner(dataclasses.replace(settings, trust=Trust.TRUSTED), os.environ)
    return Patient(root=root, settings=settings, problems=problems, runner=runner, project=project, why_no_project=why)


def _look(path: Path) -> tuple[Path, Settings, tuple[str, ...], Project | None, str]:
    root = path.resolve()
    settings, problems = Configuration(os.environ).settings(root)
    project, why = None, ""
    try:
        project = project_at(root, settings)
    except WorkspaceError as error:
        why = str(error)
    return root, settings, tuple(map(str, problems)), project, why


async def _settings(patient: Patient) -> Check:
    file = config_file(os.environ)
    detail = f"{file} is in force" if file.is_file() else f"defaults; {file} does not exist"
    if patient.problems:
        advice = "Correct these keys; the defaults are used until then."
        return Check(name="settings", status="warning", detail=" ".join(patient.problems), advice=advice)
    if patient.settings.trust is not Trust.TRUSTED:
        advice = "Set trust to trusted when you know this code; nothing of it is run until then."
        return Check(name="settings", status="warning", detail="this workspace is not trusted", advice=advice)
    return Check(name="settings", status="ok", detail=detail)


async def _state(_: Patient) -> Check:
    return folder_check("state folder", state_folder(os.environ), "ASSAY_STATE", "receipts")


async def _git(_: Patient) -> Check:
    lost = "`assay verify` reads patches with it; install git (apt-get, dnf or brew install git)."
    git = shutil.which("git")
    if git is None:
        return Check(name="git", status="failed", detail="not found", advice=lost)
    code, said = await _say(git, "--version")
    if code != 0:
        return Check(name="git", status="failed", detail=said, advice=lost)
    return Check(name="git", status="ok", detail=said)


async def _python(patient: Patient) -> Check:
    if patient.project is None:
        advice = "Make an environment in the project (`python -m venv .venv`), or set `python` in the settings."
        return Check(name="Python", status="failed", detail=patient.why_no_project, advice=advice)
    python = patient.project.python
    version = ".".join(map(str, python.version))
    return Check(name="Python", status="ok", detail=f"{version} from {python.origin}: {python.executable}")


async def _pytest(patient: Patient) -> Check:
    if patient.project is None:
        return Check(name="pytest", status="failed", detail="no Python to look in", advice="See Python above.")
    python = patient.project.python
    if not python.has_pytest:
        lent = python.version >= (3, 11, 0)
        return Check(
            name="pytest",
            status="warning" if lent else "failed",
            detail="not in the project's environment" + ("; Assay lends its own" if lent else ""),
            advice=f"Install it there: {python.executable} -m pip install pytest",
        )
    code, said = await _say(str(python.executable), "-I", "-c", "import pytest; print('pytest', pytest.__version__)")
    if code != 0:
        advice = f"Install it again: {python.executable} -m pip install --force-reinstall pytest"
        return Check(name="pytest", status="failed", detail=said, advice=advice)
    return Check(name="pytest", status="ok", detail=said)


async def _sandbox(patient: Patient) -> Check:
    isolation = patient.runner.isolation
    if isolation.name == "none":
        advice = "Without it nothing is run, and every edit is unverified; `scripts/get-runsc` gets it without root."
        return Check(name="sandbox", status="failed", detail=isolation.detail, advice=advice)
    result = await patient.runner.run(RunSpec(argv=("/bin/sh", "-c", "echo it runs; id -u"), limits=Limits(wall=20.0)))
    if result.status is not Status.OK or result.stdout.split() != [b"it", b"runs", b"65534"]:
        detail = result.detail or f"said {result.stdout[:200]!r} and ended with {result.status.value}"
        return Check(name="sandbox", status="failed", detail=detail, advice="See docs/sandbox.md.")
    return Check(
        name="sandbox", status="ok", detail=f"{isolation.name}: {isolation.detail}; a run took {result.seconds:.2f} s"
    )


async def _network(patient: Patient) -> Check:
    """The project's own Python starts inside and reaches neither the world nor this machine."""
    if patient.runner.isolation.name == "none" or patient.project is None:
        missing = "no sandbox" if patient.project is not None else "no Python"
        return Check(name="no network", status="failed", detail=f"not checked: {missing}", advice="See above.")
    python = patient.project.python
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        spec = RunSpec(
            argv=(str(python.executable), "-I", "-c", _REACHES_OUT, str(port)),
            mounts=python_mounts(python, patient.project.root),
            limits=Limits(wall=30.0),
        )
        result = await patient.runner.run(spec)
    said = (result.stdout + result.stderr).decode("utf-8", "replace").strip()[-300:]
    if result.status is not Status.OK or "no way out" not in said:
        advice = "Do not run code that you do not trust here, and report this."
        return Check(name="no network", status="failed", detail=result.detail or said, advice=advice)
    return Check(name="no network", status="ok", detail="the project's Python runs inside and reaches nothing outside")


async def _say(*command: str) -> tuple[int, str]:
    """Exit code and output of a trusted tool of this machine."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        return 127, str(error)
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return 124, "it does not answer"
    return process.returncode or 0, output.decode("utf-8", "replace").strip()[-300:]


def _lines(check: Check) -> list[str]:
    mark = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}[check.status]
    lines = [f"{mark}  {check.name}: {check.detail}"]
    return [*lines, f"         {check.advice}"] if check.advice else lines
