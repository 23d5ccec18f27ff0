"""Run several phases in one sandbox under Assay's supervisor and read back what it authenticated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from sandbox.lend import lent_folder
from sandbox.ports import Limits, Mount, Runner, RunResult, RunSpec, Status
from workspace.python import Interpreter

Record = Mapping[str, Any]
"""One authenticated report: at least `phase` and `event`. The rest was measured beside hostile code."""

NOT_STARTED = 126
"""The exit code of a phase whose program could not be started."""

_INSIDE = Path(__file__).parent / "inside"
_CAPABILITIES = frozenset({"CAP_SETUID", "CAP_SETGID", "CAP_KILL"})
_OVERHEAD = 15.0  # seconds for the sandbox and the supervisor beside the phases' own limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One process inside, as an unprivileged user."""

    name: str
    argv: tuple[str, ...]
    cwd: str
    user: int
    seconds: float
    kind: Literal["worker", "plain"] = "plain"
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    replays: bool = False
    """Whether it is given the calls that earlier phases recorded."""
    guarded: tuple[str, ...] = ()
    """Absolute paths inside of files that the phase must leave as they are."""
    is_fresh: bool = False
    """Whether the worker is an interpreter of its own, that has never loaded a test library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    name: str
    status: int | None
    """Exit code, negative for a signal, None when it was stopped at its limit or never ended."""
    timed_out: bool
    seconds: float
    forged: int
    """Lines on the report pipe that did not authenticate."""
    replaced: tuple[str, ...]
    """Guarded files that were replaced or removed."""
    output: str
    """The end of its stdout and stderr."""
    records: tuple[Record, ...]

    @property
    def finished(self) -> bool:
        """Whether the worker came to its own end."""
        return any(record["event"] == "finished" for record in self.records)

    def of(self, event: str) -> list[Record]:
        return [record for record in self.records if record["event"] == event]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    run: RunResult
    phases: Mapping[str, PhaseResult]
    unprepared: str = ""
    """Why no worker could do anything, for people: a pytest that cannot be imported."""


async def run_job(
    runner: Runner,
    python: Interpreter,
    phases: Sequence[Phase],
    mounts: Sequence[Mount],
    folder: Path,
    *,
    limits: Limits,
    on_record: Callable[[Record], None] = lambda _: None,
) -> JobResult:
    """Run the phases one after the other. `folder` is made to be mounted; the caller removes it."""
    _write_job(phases, folder, lent_folder(python))
    reader = _Reader(on_record)
    spec = RunSpec(
        argv=(str(python.executable), "-I", "-S", "-B", "/assay/supervisor.py", "/assay/job.json"),
        mounts=(*mounts, Mount(source=folder, target="/assay")),
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        user=0,
        group=0,
        capabilities=_CAPABILITIES,
        limits=Limits(
            wall=sum(phase.seconds for phase in phases) + _OVERHEAD,
            memory=limits.memory,
            cpus=limits.cpus,
            processes=limits.processes,
            file_size=limits.file_size,
            tmp=limits.tmp,
            open_files=limits.open_files,
            output=64 << 20,
        ),
    )
    result = await runner.run(spec, on_stdout=reader.feed)
    return JobResult(run=result, phases=reader.results(phases, result), unprepared=reader.unprepared())


def _write_job(phases: Sequence[Phase], folder: Path, lent: str | None) -> None:
    shutil.copytree(_INSIDE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [folder, *folder.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    job = folder / "job.json"
    job.write_text(json.dumps({"lent": lent, "phases": [_phase_json(phase) for phase in phases]}))
    job.chmod(0o600)  # the supervisor's alone: it says what comes later


def _phase_json(phase: Phase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "kind": phase.kind,
        "argv": list(phase.argv),
        "cwd": phase.cwd,
        "user": phase.user,
        "timeout": phase.seconds,
        "env": dict(phase.env),
        "config": dict(phase.config),
        "replays": phase.replays,
        "fresh": phase.is_fresh,
        "guarded": list(phase.guarded),
    }


class _Reader:
    """Splits the supervisor's stdout into records as it comes."""

    def __init__(self, on_record: Callable[[Record], None]) -> None:
        self._rest = b""
        self._records: dict[str, list[Record]] = {}
        self._on_record = on_record

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            record = cast("dict[str, Any]", json.loads(line))
            self._records.setdefault(record.get("phase", ""), []).append(record)
            self._on_record(record)

    def unprepared(self) -> str:
        return next((record["message"] for record in self._records.get("", ()) if record["event"] == "unprepared"), "")

    def results(self, phases: Sequence[Phase], run: RunResult) -> dict[str, PhaseResult]:
        results: dict[str, PhaseResult] = {}
        for phase in phases:
            records = self._records.get(phase.name, [])
            if not records:
                continue  # the sandbox ended before it began
            exits = [record for record in records if record["event"] == "exit"]
            last: Record = exits[-1] if exits else {}
            results[phase.name] = PhaseResult(
                name=phase.name,
                status=last.get("status"),
                timed_out=bool(last.get("timed_out", run.status is Status.TIMEOUT)),
                seconds=float(last.get("seconds", 0.0)),
                forged=int(last.get("forged", 0)),
                replaced=tuple(last.get("replaced", ())),
                output=str(last.get("stdout", "")) + str(last.get("stderr", "")),
                records=tuple(record for record in records if record["event"] not in ("start", "exit")),
            )
        return results
