"""How a run ended, told from what can be seen outside the sandbox: nothing here believes the guest."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from sandbox.ports import Limits, Status
from sandbox.runsc.cgroup import Counters
from sandbox.runsc.process import Cause, Ended

_OWN_FAILURE = 128
"""runsc's exit code for its own errors. A guest may exit with it too, so runsc's log decides."""

_CRASHED = 2
"""Go's exit code after a panic, the sentry's included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """What runsc wrote for itself, out of the guest's reach."""

    started: bool = True
    """Whether runsc itself got to run, and not only what starts it."""
    errors: tuple[str, ...] = ()
    panic: str = ""

    @classmethod
    def read(cls, folder: Path) -> Logs:
        return cls(
            started=(folder / "log").exists(), errors=_messages(folder / "log"), panic=_text(folder / "panic", 4096)
        )


def judge(ended: Ended, counters: Counters, logs: Logs, limits: Limits) -> tuple[Status, str]:
    """The status, and one sentence for people where it is not OK or FAILED."""
    memory = f"It needed more than the {limits.memory >> 20} MiB of memory it was given."
    if ended.cause is Cause.MEMORY:
        return Status.OOM, memory
    if ended.cause is Cause.DEADLINE:
        return Status.TIMEOUT, f"It was ended after {limits.wall:g} s."
    if ended.cause is Cause.STOPPED:
        return Status.INFRA, "The run was stopped from outside."
    if not logs.started:
        return Status.INFRA, f"runsc did not start: {_last_line(ended.stderr) or f'exit code {ended.code}'}"
    if ended.code == 0:
        return Status.OK, ""
    if counters.out_of_memory:
        return Status.OOM, memory
    if ended.code == _CRASHED and logs.panic:
        if counters.out_of_processes:
            return Status.PIDS, f"It started far more than the {limits.processes} processes it was given."
        first = logs.panic.partition("\n")[0]
        return Status.INFRA, f"gVisor itself crashed: {first}"
    if ended.code == _OWN_FAILURE and logs.errors:
        return Status.INFRA, f"runsc failed: {_inner(logs.errors[0])}"
    if ended.code < 0:
        return Status.INFRA, f"Something outside the sandbox ended runsc with {_signal(-ended.code)}."
    if name := _signal(ended.code - 128):
        return Status.KILLED, f"It was ended by {name}."
    return Status.FAILED, ""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _last_line(text: bytes) -> str:
    return text.decode(errors="replace").strip().rpartition("\n")[2][-500:]


def _inner(message: str) -> str:
    """The end of a chain of Go errors, where the cause is."""
    return message.removeprefix("running container: ").strip()[:500]


def _messages(log: Path) -> tuple[str, ...]:
    """The messages of runsc's JSON log; its lines are not always separated."""
    text, found, decoder = _text(log, 1 << 16), list[str](), json.JSONDecoder()
    while text := text.lstrip():
        try:
            entry, end = decoder.raw_decode(text)
        except ValueError:
            break
        found.append(str(entry.get("msg", "")))
        text = text[end:]
    return tuple(found)


def _text(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""
