"""Find a runner that works here, by running something in it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sandbox.errors import SandboxUnavailable
from sandbox.ports import Limits, Runner, RunSpec, Status
from sandbox.refusing import RefusingRunner
from sandbox.runsc.cgroup import find_cgroups
from sandbox.runsc.engine import ENVIRONMENT, Engine
from sandbox.runsc.home import Home, reap
from sandbox.runsc.process import NotStarted, execute
from sandbox.runsc.runner import RunscRunner

_PROBE_SECONDS = 10.0
"""A start takes about 0.2 s; a platform that does not work here may hang for ever."""

_WHAT_TO_DO = "run scripts/get-runsc, or see docs/sandbox.md for this system"

_PROBE = """\
read -r version < /proc/version && echo "kernel $version"
[ -e /etc/shadow ] && echo shadow
while read -r name rest; do case "$name" in *:) echo "device $name";; esac; done < /proc/net/dev
echo done
"""
"""What must be so in a sandbox: another kernel, none of the host's files, no network but its own."""


async def find_runner(*, runsc: Path | None = None, state_dir: Path, trusted: bool = True) -> Runner:
    """A RunscRunner that was seen to work, or else a RefusingRunner that says why there is none.

    `runsc` is the binary that somebody asked for; without it the usual places are searched. What dead servers
    left in `state_dir` is reaped on the way.
    """
    if not trusted:
        return RefusingRunner("This workspace is not trusted, so nothing in it is run.")
    try:
        return await _working(runsc, state_dir)
    except SandboxUnavailable as error:
        return RefusingRunner(str(error))


def places() -> Iterator[Path]:
    """Where runsc is looked for when nobody says where it is."""
    yield Path(__file__).resolve().parent.parent / ".tools/runsc/runsc"
    yield Path("~/.local/share/assay/runsc").expanduser()
    if found := shutil.which("runsc"):
        yield Path(found)


async def _working(runsc: Path | None, state_dir: Path) -> RunscRunner:
    binary = runsc or next((path for path in places() if os.access(path, os.X_OK)), None)
    if binary is None:
        raise SandboxUnavailable(f"gVisor's runsc was not found: {_WHAT_TO_DO}.")
    try:
        engine = await _describe(binary)
    except NotStarted as error:
        raise SandboxUnavailable(f"{binary} cannot be started ({error.strerror}): {_WHAT_TO_DO}.") from error
    if engine.rootless and engine.unshare is None:
        raise SandboxUnavailable("Without root the sandbox needs `unshare`; the package util-linux has it.")
    try:
        await asyncio.to_thread(reap, state_dir, engine.cgroups)
        own = await asyncio.to_thread(Home.open, state_dir)
    except OSError as error:
        raise SandboxUnavailable(f"The sandbox needs to write in {state_dir}, and cannot: {error}.") from error
    tried: list[str] = []
    for candidate in _candidates(engine):
        runner = RunscRunner(candidate, own)
        problem = await _problem(runner)
        if problem is None:
            return runner
        tried.append(f"{candidate.described()}: {problem}")
    await asyncio.to_thread(own.close)
    raise SandboxUnavailable(f"{binary} does not work here; see docs/sandbox.md. {' '.join(tried)}")


def _candidates(engine: Engine) -> Iterator[Engine]:
    """Every way worth trying, the best first."""
    ways = [engine] if engine.rootless else [engine, replace(engine, rootless=True, cgroups=None)]
    for way in ways:
        for platform in ("systrap", "ptrace"):
            yield replace(way, platform=platform)


async def _describe(binary: Path) -> Engine:
    version, flags = await asyncio.gather(_output(binary, "--version"), _output(binary, "flags"))
    found = re.search(r"version (?:release-)?(\S+)", version)
    is_root = os.geteuid() == 0
    return Engine(
        binary=binary,
        version=found[1] if found else "of an unknown version",
        platform="systrap",
        rootless=not is_root,
        flags=frozenset(re.findall(r"^\s+-([\w-]+)", flags, re.MULTILINE)),
        setpriv=_program("setpriv"),
        unshare=_program("unshare"),
        cgroups=await asyncio.to_thread(find_cgroups) if is_root else None,
    )


async def _problem(runner: RunscRunner) -> str | None:
    """Why this runner may not be used, or None after a run that showed it to isolate."""
    limits = Limits(wall=_PROBE_SECONDS, memory=256 << 20)
    result = await runner.run(RunSpec(argv=("/bin/sh", "-c", _PROBE), limits=limits))
    if result.status is not Status.OK:
        said = result.stderr.decode(errors="replace").strip()
        return result.detail or f"The probe failed with {result.exit_code}: {said[-300:]}"
    seen = result.stdout.decode(errors="replace").split("\n")
    kernel = await asyncio.to_thread(Path("/proc/version").read_text)
    if "done" not in seen or f"kernel {kernel.strip()}" in seen:
        return "The probe ran on the host's kernel."
    if "shadow" in seen:
        return "The probe saw the host's files."
    if [line for line in seen if line.startswith("device")] not in ([], ["device lo:"]):
        return "The probe saw a network."
    return None


async def _output(binary: Path, argument: str) -> str:
    argv = [str(binary), argument]
    ended = await execute(argv, env=ENVIRONMENT, seconds=_PROBE_SECONDS, output=1 << 20, enders={})
    return (ended.stdout + ended.stderr).decode(errors="replace")


def _program(name: str) -> Path | None:
    found = shutil.which(name, path=ENVIRONMENT["PATH"])
    return Path(found) if found else None
