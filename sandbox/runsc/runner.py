"""`RunscRunner`: each run in a gVisor sandbox of its own, made for it and removed after it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.ports import Isolation, RunResult, RunSpec, Status
from sandbox.runsc import bundle, home
from sandbox.runsc.bound import BundleError, bind, points_in_mounts
from sandbox.runsc.cgroup import Counters, Group
from sandbox.runsc.engine import ENVIRONMENT, Engine
from sandbox.runsc.memory import ADDRESS_SPACE, MemoryGauge
from sandbox.runsc.process import Cause, NotStarted, execute
from sandbox.runsc.verdict import Logs, judge

_KILL = 2.0
"""Seconds that `runsc kill` may take; it takes 0.05."""

OnStdout = Callable[[bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What is there for one run, on disk and in the kernel."""

    name: str
    folder: Path
    state: Path
    """Where runsc keeps its own record of the container."""
    group: Group | None
    gauge: MemoryGauge | None
    """Where there is no group."""

    def observed(self) -> tuple[Counters, Logs]:
        """What the run left to be read. Before `clear`."""
        if self.group:
            counters = self.group.counters()
        else:
            counters = Counters(peak_memory=self.gauge.peak if self.gauge else None)
        return counters, Logs.read(self.folder)

    def clear(self) -> None:
        """Leave nothing, however the run ended."""
        home.remove_state(self.state, self.name)
        if self.group:
            self.group.remove()
        home.remove_run(self.folder)


class RunscRunner:
    """Runs at most as many sandboxes at once as there are cores. For use on one event loop.

    The home is the runner's own from here on: `close` removes it.
    """

    def __init__(self, engine: Engine, own: home.Home) -> None:
        self.engine = engine
        self.home = own
        self._slots = asyncio.Semaphore(len(os.sched_getaffinity(0)))
        self._numbers = count(1)
        self._running: dict[asyncio.Task[RunResult], asyncio.Event] = {}
        self._closing: asyncio.Task[None] | None = None

    @property
    def isolation(self) -> Isolation:
        return Isolation(name="gvisor", detail=self.engine.described())

    async def run(self, spec: RunSpec, on_stdout: OnStdout | None = None) -> RunResult:
        if self._closing:
            return _nothing_run("The runner was closed.")
        # The work is a task of its own that no cancellation reaches: it is asked to stop, then waited for.
        stop = asyncio.Event()
        work = asyncio.create_task(self._run(spec, on_stdout, stop))
        self._running[work] = stop
        work.add_done_callback(lambda task: self._running.pop(task, None))
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            stop.set()
            await _outlast(work)
            raise
        return work.result()

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for stop in self._running.values():
            stop.set()
        while self._running:
            await asyncio.wait(set(self._running))
        await asyncio.to_thread(self.home.close)

    async def _run(self, spec: RunSpec, on_stdout: OnStdout | None, stop: asyncio.Event) -> RunResult:
        seen = False

        def pass_on(piece: bytes) -> None:
            nonlocal seen
            seen = True
            if on_stdout:
                on_stdout(piece)

        async with self._slots:
            result = await self._attempt(spec, pass_on, stop)
            if result.status is Status.INFRA and not seen and not stop.is_set():
                result = await self._attempt(spec, pass_on, stop)
        return result

    async def _attempt(self, spec: RunSpec, on_stdout: OnStdout, stop: asyncio.Event) -> RunResult:
        if stop.is_set():
            return _nothing_run("The run was stopped before it began.")
        name = f"{self.home.token}-{next(self._numbers)}"
        try:
            prepared = await asyncio.to_thread(self._prepare, name, spec)
        except (BundleError, OSError) as error:
            return _nothing_run(str(error))
        try:
            return await self._attempt_prepared(prepared, spec, on_stdout, stop)
        except NotStarted as error:
            return _nothing_run(str(error))
        finally:
            await asyncio.to_thread(prepared.clear)

    async def _attempt_prepared(
        self, prepared: _Prepared, spec: RunSpec, on_stdout: OnStdout, stop: asyncio.Event
    ) -> RunResult:
        enders: dict[Cause, Coroutine[Any, Any, object]] = {Cause.STOPPED: stop.wait()}
        if prepared.gauge:
            enders[Cause.MEMORY] = prepared.gauge.exceeded()
        ended = await execute(
            self.engine.run(root=self.home.runsc, bundle=prepared.folder, name=prepared.name),
            env=ENVIRONMENT,
            seconds=spec.limits.wall,
            output=spec.limits.output,
            enders=enders,
            ask=lambda: self._kill(prepared),
            on_stdout=on_stdout,
        )
        counters, logs = await asyncio.to_thread(prepared.observed)
        status, detail = judge(ended, counters, logs, spec.limits)
        by_itself = status in (Status.OK, Status.FAILED, Status.KILLED)
        return RunResult(
            status=status,
            exit_code=ended.code if by_itself else None,
            stdout=ended.stdout,
            stderr=ended.stderr,
            seconds=ended.seconds,
            truncated=ended.truncated,
            peak_memory=counters.peak_memory,
            detail=detail,
        )

    def _prepare(self, name: str, spec: RunSpec) -> _Prepared:
        """Raises BundleError or OSError, and then leaves nothing behind."""
        mounts = bind(spec)
        cgroups = self.engine.cgroups
        prepared = _Prepared(
            name=name,
            folder=self.home.folder / name,
            state=self.home.runsc,
            group=cgroups.make(name, spec.limits) if cgroups else None,
            gauge=None if cgroups else MemoryGauge(self.home.runsc, name, spec.limits.memory),
        )
        try:
            prepared.state.mkdir(parents=True, exist_ok=True)  # somebody may have tidied up the state folder
            prepared.folder.mkdir(mode=0o755)
            bundle.write(
                prepared.folder,
                spec,
                mounts,
                cgroup=prepared.group.path if prepared.group else None,
                address_space=None if prepared.group else ADDRESS_SPACE * spec.limits.memory,
            )
            points = points_in_mounts(mounts)
            home.note_points(prepared.folder, [point.path for point in points])
            for point in points:
                point.make()
        except OSError:
            prepared.clear()
            raise
        return prepared

    async def _kill(self, prepared: _Prepared) -> bool:
        """Ask runsc to end a container, which its `run` then cleans up; false when there is none yet."""
        argv = self.engine.kill(root=self.home.runsc, name=prepared.name)
        try:
            ended = await execute(argv, env=ENVIRONMENT, seconds=_KILL, output=4096, enders={})
        except NotStarted:
            return False
        return ended.code == 0


async def _outlast(work: asyncio.Task[RunResult]) -> None:
    """Wait until `work` is done, however often we are cancelled meanwhile."""
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({work})
    if not work.cancelled():
        work.exception()  # seen, so asyncio need not report it


def _nothing_run(detail: str) -> RunResult:
    return RunResult(status=Status.INFRA, exit_code=None, stdout=b"", stderr=b"", seconds=0.0, detail=detail)
