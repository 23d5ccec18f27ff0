"""`python -P -m inference.tritonserver.supervise FOLDER`: keep the server of a `Place` alive until told to stop.

A model whose process died is loaded anew; a server that is dead, or whose models do not answer, is started anew on the
same port, with growing pauses. The supervisor writes how things are into the place's state, and into the server's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from inference.tritonserver.errors import NoAnswer, ServerFailed
from inference.tritonserver.install import Installation, installed
from inference.tritonserver.launch import TritonServer, kill_left, launch
from inference.tritonserver.place import Place, Plan, State
from inference.tritonserver.probes import answered, probe, repair

ALREADY = 3
"""The exit code of a supervisor that is not needed, as there is one."""

_LONGEST_WORK = 600.0  # seconds that a silent model may compute: long prompts on a processor take minutes
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before a start
_STEADY = 120.0  # seconds of service after which the pauses start small again
_LARGEST_LOG = 8 << 20  # bytes; there is one older file of as many


class Supervisor:
    def __init__(self, place: Place, plan: Plan, installation: Installation) -> None:
        self._place = place
        self._plan = plan
        self._installation = installation
        self._state = State(phase="starting", supervisor=os.getpid(), models=plan.models, model_dir=plan.model_dir)

    async def run(self) -> int:
        """Until cancelled; ends by itself only when the first start fails."""
        pause = _FIRST_PAUSE
        try:
            while True:
                began = time.monotonic()
                problem = await self._serve()
                if not self._state.restarts and not self._state.started:
                    self._tell("failed", problem=problem)
                    return 1
                pause = _FIRST_PAUSE if time.monotonic() - began > _STEADY else pause
                self._say(f"{problem} Starting anew in {pause:g} s.")
                self._tell("restarting", problem=problem, restarts=self._state.restarts + 1)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        except asyncio.CancelledError:
            self._say("Told to stop.")
            self._tell("stopped")
            raise

    async def _serve(self) -> str:
        """One server's life; why it ended."""
        plan = self._plan
        env = {"ASSAY_EMBEDDER_DIR": plan.embedder_dir, "ASSAY_CODE_MODEL_DIR": plan.model_dir}
        server = launch(
            self._installation,
            self._place.repository,
            plan.models,
            log=self._place.log,
            grpc_port=plan.grpc_port,
            env=env,
        )
        ports = {"http": server.http, "grpc": server.grpc, "metrics": server.metrics}
        self._tell(self._state.phase, server=server.pid, region_prefix=server.region_prefix, **ports)
        hard = True
        try:
            await server.wait_until_answering(plan.start_seconds)
            for model in plan.models:
                await self._prove(server, model)
            self._tell("running", started=time.time())
            self._say(f"Serving {', '.join(plan.models)} at grpc://127.0.0.1:{server.grpc}.")
            while True:
                await asyncio.sleep(plan.watch_seconds)
                self._rotate()
                await self._look(server)
        except ServerFailed as error:
            return str(error)
        except asyncio.CancelledError:
            hard = False
            raise
        finally:
            await asyncio.shield(server.stop(hard=hard))

    async def _look(self, server: TritonServer) -> None:
        """:raises ServerFailed: when only another start can help."""
        if not server.is_alive():
            raise ServerFailed("Triton ended by itself.")
        for model in self._plan.models:
            try:
                await self._prove(server, model)
            except NoAnswer:
                raise  # a stuck one cannot be unloaded
            except ServerFailed as error:
                if not server.is_alive():
                    raise ServerFailed("Triton ended by itself.") from error
                self._say(f"{model} does not answer: {error} Loading it anew.")
                await repair(server.http, model, seconds=self._plan.start_seconds)
                await self._prove(server, model)
                self._tell(self._state.phase, repairs=self._state.repairs + 1, problem=str(error))
                self._say(f"{model} answers again.")

    async def _prove(self, server: TritonServer, model: str) -> None:
        """One of several tries, so that a busy machine is not taken for a broken one.

        :raises ServerFailed: none of them.
        """
        deadline = time.monotonic() + _LONGEST_WORK
        while True:
            before, worked, began = await answered(server.http, model), _worked(server.pid), time.monotonic()
            try:
                return await self._one_of(server, model)
            except ServerFailed:
                has_answered = await answered(server.http, model) > before
                computes = _worked(server.pid) - worked > (time.monotonic() - began) / 4
                if not server.is_alive() or time.monotonic() > deadline or not (has_answered or computes):
                    raise

    async def _one_of(self, server: TritonServer, model: str) -> None:
        *tries, last = self._plan.probe_seconds
        for seconds in tries:
            with contextlib.suppress(ServerFailed):
                return await probe(server.http, server.grpc, model, seconds=seconds)
        return await probe(server.http, server.grpc, model, seconds=last)

    def _tell(self, phase: str, **changes: object) -> None:
        self._state = replace(self._state, phase=phase, **changes)  # type: ignore[arg-type]
        self._state.write(self._place.state)

    def _say(self, text: str) -> None:
        with self._place.log.open("a") as log:
            log.write(f"assay {time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def _rotate(self) -> None:
        """The server writes at the file's end, wherever that is: what was copied is cut off under it."""
        with contextlib.suppress(OSError):
            if self._place.log.stat().st_size > _LARGEST_LOG:
                shutil.copyfile(self._place.log, self._place.log.with_suffix(".log.1"))
                os.truncate(self._place.log, 0)


def _worked(group: int) -> float:
    """Seconds of processor time that the processes of a group have taken (proc_pid_stat(5))."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = stat.read_text().rpartition(")")[2].split()
            if int(words[2]) == group:
                ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def _run(place: Place, plan: Plan, installation: Installation) -> int:
    task = asyncio.ensure_future(Supervisor(place, plan, installation).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 0


def main() -> int:
    place = Place(folder=Path(sys.argv[1]))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal that started it may go
    with place.supervising() as is_needed:
        if not is_needed:
            return ALREADY
        if before := State.read(place.state):
            kill_left(before.server, before.region_prefix)
        State(phase="starting", supervisor=os.getpid()).write(place.state)
        plan = Plan.read(place.plan)
        installation = installed(Path(plan.installation)) if plan else None
        if plan is None or installation is None:
            problem = "Triton is not installed as it should be; run assay triton up."
            State(phase="failed", supervisor=os.getpid(), problem=problem).write(place.state)
            return 1
        return asyncio.run(_run(place, plan, installation))


if __name__ == "__main__":
    sys.exit(main())
