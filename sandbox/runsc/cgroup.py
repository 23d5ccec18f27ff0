"""Limits on memory, CPU and processes, and what was used, by control groups of version 1 or 2.

The group of a run is made and limited here, before runsc starts: runsc joins a group that exists and leaves
its settings alone, so that its counters can still be read after the container is gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.ports import Limits

ROOT = Path("/sys/fs/cgroup")
"""Where every distribution mounts the hierarchies, and the only place where runsc looks."""

PARENT = "assay"
"""All groups are below this one."""

_PERIOD = 100_000  # microseconds: the kernel's default CPU period

_THREADS_PER_PROCESS = 8
# Host threads, not guest processes, are counted, and running out of them kills the sentry instead of failing
# a fork. The guest's own limit (RLIMIT_NPROC) must be met first; measured: 8 times holds, 4 times does not.

_SENTRY_THREADS = 64  # what an empty sandbox needs: about 30 on two cores

_STARTING = 60.0  # seconds: a group older than this and still empty is not one that is about to be used

_V1 = ("memory", "pids", "cpu", "cpuacct")
_V2 = ("memory", "pids", "cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    peak_memory: int | None = None
    """Bytes."""
    out_of_memory: int = 0
    """Processes killed for memory."""
    out_of_processes: int = 0
    """Forks refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroups:
    """The hierarchies of this machine, found to be writable."""

    version: int
    root: Path = ROOT

    def make(self, name: str, limits: Limits) -> Group:
        """A group with these limits. Raises OSError when the kernel refuses."""
        group = Group(cgroups=self, name=name)
        try:
            for folder in group.folders():
                folder.mkdir(parents=True, exist_ok=True)
            for file, value in self._settings(group, limits):
                file.write_text(value)
        except OSError:
            group.remove()
            raise
        return group

    def named(self, prefix: str) -> list[Group]:
        """The groups whose name begins with `prefix`."""
        found = {path.name for path in self.root.glob(f"{self._any_controller()}{PARENT}/{prefix}*")}
        return [Group(cgroups=self, name=name) for name in sorted(found)]

    def sweep(self) -> None:
        """Remove old groups in which nothing runs: their owners' folders may be gone, and with them the names."""
        for folder in self.everywhere("*"):
            with suppress(OSError):  # the kernel refuses while a process is in it
                if time.time() - folder.stat().st_mtime > _STARTING:
                    folder.rmdir()

    def everywhere(self, name: str) -> list[Path]:
        """Every folder of a group, those that runsc made in other hierarchies included."""
        return list(self.root.glob(f"{self._any_controller()}{PARENT}/{name}/"))

    def _any_controller(self) -> str:
        return "*/" if self.version == 1 else ""

    def _settings(self, group: Group, limits: Limits) -> Iterator[tuple[Path, str]]:
        memory = str(limits.memory)
        threads = str(limits.processes * _THREADS_PER_PROCESS + _SENTRY_THREADS)
        quota = str(int(limits.cpus * _PERIOD))
        if self.version == 2:
            yield group.file("memory", "memory.max"), memory
            yield group.file("memory", "memory.swap.max"), "0"
            yield group.file("memory", "memory.oom.group"), "1"
            yield group.file("pids", "pids.max"), threads
            yield group.file("cpu", "cpu.max"), f"{quota} {_PERIOD}"
            return
        yield group.file("memory", "memory.limit_in_bytes"), memory
        swap = group.file("memory", "memory.memsw.limit_in_bytes")
        if swap.exists():  # absent where the kernel does not account for swap
            yield swap, memory
        yield group.file("pids", "pids.max"), threads
        yield group.file("cpu", "cpu.cfs_period_us"), str(_PERIOD)
        yield group.file("cpu", "cpu.cfs_quota_us"), quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The control group of one run."""

    cgroups: Cgroups
    name: str

    @property
    def path(self) -> str:
        """As runsc wants it: from the root of each hierarchy."""
        return f"/{PARENT}/{self.name}"

    def folders(self) -> list[Path]:
        if self.cgroups.version == 2:
            return [self.cgroups.root / PARENT / self.name]
        return [self.cgroups.root / controller / PARENT / self.name for controller in _V1]

    def file(self, controller: str, name: str) -> Path:
        if self.cgroups.version == 2:
            return self.cgroups.root / PARENT / self.name / name
        return self.cgroups.root / controller / PARENT / self.name / name

    def counters(self) -> Counters:
        if self.cgroups.version == 2:
            peak, kills = "memory.peak", "memory.events"
        else:
            peak, kills = "memory.max_usage_in_bytes", "memory.oom_control"
        return Counters(
            peak_memory=_number(self.file("memory", peak)),
            out_of_memory=_field(self.file("memory", kills), "oom_kill"),
            out_of_processes=_field(self.file("pids", "pids.events"), "max"),
        )

    def kill(self) -> None:
        """Kill every process in the group. For what is left when runsc's own ways did not end it."""
        for folder in self.folders():
            with suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self, *, within: float = 2.0) -> bool:
        """Remove the group, killing what is in it. Blocks up to `within` seconds; whether it is gone."""
        deadline = time.monotonic() + within
        while True:
            left = [path for path in self.cgroups.everywhere(self.name) if not _removed(path)]
            if not left or time.monotonic() > deadline:
                return not left
            self.kill()
            time.sleep(0.005)  # a killed process leaves its group only when it is gone


def find_cgroups(root: Path = ROOT) -> Cgroups | None:
    """The hierarchies where this user may make limited groups, or None. Leaves nothing behind but PARENT."""
    version = 2 if (root / "cgroup.controllers").exists() else 1
    cgroups = Cgroups(version=version, root=root)
    if version == 1 and not all((root / name / "cgroup.procs").exists() for name in _V1):
        return None
    try:
        if version == 2:
            _enable(root)
            _enable(root / PARENT)
        cgroups.make(f"try-{os.getpid()}", Limits()).remove()
    except OSError:
        return None
    return cgroups


def _enable(folder: Path) -> None:
    """Let the groups below `folder` limit memory, processes and CPU (version 2)."""
    folder.mkdir(exist_ok=True)
    control = folder / "cgroup.subtree_control"
    missing = set(_V2) - set(control.read_text().split())
    if missing:
        control.write_text(" ".join(f"+{name}" for name in sorted(missing)))


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _field(file: Path, name: str) -> int:
    """A count in a file of `name count` lines; 0 when it is not there."""
    try:
        lines = file.read_text().split("\n")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
