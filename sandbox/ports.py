"""The `Runner` port: run one command in isolation, under limits, and say honestly how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

UNPRIVILEGED = 65534
"""`nobody`: the user id of untrusted code inside the sandbox."""


class Status(Enum):
    """How a run ended, as seen from outside it."""

    OK = "ok"  # exit code 0
    FAILED = "failed"  # another exit code, the program's own doing
    TIMEOUT = "timeout"  # the wall clock limit was reached
    OOM = "oom"  # the memory limit was reached
    PIDS = "pids"  # the process limit was reached and took the sandbox down
    KILLED = "killed"  # a signal from inside
    INFRA = "infra"  # the sandbox itself failed; says nothing about the code
    REFUSED = "refused"  # nothing was run: no isolation, or the workspace is not trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder or file of the host shown inside. Writes to a writable mount stay in memory and are lost."""

    source: Path
    target: str
    """Absolute path inside; parents are created."""
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    wall: float = 60.0
    """Seconds."""
    memory: int = 2 << 30
    """Bytes, the sandbox's own overhead and files written in memory included."""
    cpus: float = 2.0
    processes: int = 128
    file_size: int = 64 << 20
    """Bytes of one file."""
    tmp: int = 256 << 20
    """Bytes of /tmp."""
    open_files: int = 1024
    output: int = 8 << 20
    """Bytes of stdout and of stderr kept each; what is beyond is drained and dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    argv: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """The whole environment: nothing is inherited from this process."""
    user: int = UNPRIVILEGED
    group: int = UNPRIVILEGED
    capabilities: frozenset[str] = frozenset()
    """Linux capabilities of the first process, e.g. CAP_SETUID. Only for Assay's own supervisor, which starts
    untrusted code as another user without any; empty for everything else."""
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    status: Status
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    truncated: bool = False
    """Whether output was dropped at the limit."""
    peak_memory: int | None = None
    """Bytes, where the system accounts for it."""
    detail: str = ""
    """One sentence for people when the status is not OK or FAILED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What code runs under. `name` is "gvisor" or "none"; the rest is for receipts and `assay doctor`."""

    name: str
    detail: str = ""
    """For example "runsc 0.0~20240729, systrap, root, cgroup limits"."""


class Runner(Protocol):
    """Implementations: `RunscRunner`, `RefusingRunner`. Contract: tests/sandbox/test_runner_contract.py."""

    @property
    def isolation(self) -> Isolation: ...

    async def run(self, spec: RunSpec, on_stdout: Callable[[bytes], None] | None = None) -> RunResult:
        """Run to the end. Cancelling the task kills everything inside before the cancellation goes on.

        `on_stdout` is called on the event loop with each piece of stdout as it comes.
        Never raises for what the program does; see `Status`.
        """
        ...

    async def close(self) -> None:
        """Kill what still runs and remove what was made for it."""
        ...
