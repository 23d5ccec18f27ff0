"""The parts behind the commands, made from the settings: runner, project, proposers, receipts.

Also for the command line: nothing here knows the protocol.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from server.configuration import state_folder
from server.models import Models
from server.settings import Settings
from workspace.trust import Trust

if TYPE_CHECKING:
    from assist.ports import Proposer
    from sandbox.ports import Isolation, Runner, RunResult, RunSpec
    from sandbox.store import ReceiptStore
    from workspace.project import Project


async def start_runner(settings: Settings, env: Mapping[str, str]) -> Runner:
    """A runner within the settings' limits; one that refuses, with the reason, when there is no sandbox."""
    from sandbox.find import find_runner

    runner = await find_runner(
        runsc=chosen_path(settings.sandbox.runsc),
        state_dir=state_folder(env),
        trusted=settings.trust is Trust.TRUSTED,
    )
    return LimitedRunner(runner, memory=settings.sandbox.memory_mb << 20, processes=settings.sandbox.processes)


def chosen_path(setting: str) -> Path | None:
    """The path a person has set, or None when they left it to us."""
    return Path(setting).expanduser() if setting else None


def make_proposers(models: Models, runner: Runner, project: Project) -> list[Proposer]:
    """The model first, where one is configured: it reads; then the search, which needs none.

    :raises InferenceError: the model's settings cannot be used.
    """
    from assist.repair import SearchRepair

    proposers: list[Proposer] = []
    if (generator := models.chat()) is not None:
        from assist.model import ModelProposer

        proposers.append(ModelProposer(generator, project, models.prompts))
    proposers.append(SearchRepair(runner, project))
    return proposers


def open_receipts(env: Mapping[str, str]) -> ReceiptStore:
    from sandbox.store import ReceiptStore

    return ReceiptStore(receipts_folder(env))


def receipts_folder(env: Mapping[str, str]) -> Path:
    return state_folder(env) / "receipts"


class LimitedRunner:
    """A runner that allows no run more than the settings do."""

    def __init__(self, runner: Runner, *, memory: int, processes: int) -> None:
        """:param memory: bytes."""
        self._runner = runner
        self._memory = memory
        self._processes = processes

    @property
    def isolation(self) -> Isolation:
        return self._runner.isolation

    async def run(self, spec: RunSpec, on_stdout: Callable[[bytes], None] | None = None) -> RunResult:
        limits = dataclasses.replace(
            spec.limits,
            memory=min(spec.limits.memory, self._memory),
            processes=min(spec.limits.processes, self._processes),
        )
        return await self._runner.run(dataclasses.replace(spec, limits=limits), on_stdout)

    async def close(self) -> None:
        await self._runner.close()


class KeptModels:
    """The models for the settings in force, kept between requests: connections, what was learned, caches."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._made: dict[object, Models] = {}
        self._starting: set[asyncio.Task[None]] = set()

    def get(self, settings: Settings) -> Models:
        # Older ones may still be working for a request; all are closed at the end.
        key = (settings.models, settings.cache, settings.routing, settings.observe, settings.prompts)
        if key not in self._made:
            models = self._made[key] = Models(settings, self._env)
            task = asyncio.get_running_loop().create_task(models.start())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        return self._made[key]

    async def close(self) -> None:
        made, self._made = list(self._made.values()), {}
        if self._starting:
            await asyncio.wait(self._starting)
        for models in made:
            await models.close()


class Runners:
    """The runner for the settings in force, found once and shared."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._found: dict[object, asyncio.Task[Runner]] = {}

    async def get(self, settings: Settings) -> Runner:
        # An older one may still be working for a command; all are closed at the end.
        key = (settings.trust, settings.sandbox)
        task = self._found.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._found[key] = asyncio.create_task(start_runner(settings, self._env))
        return await asyncio.shield(task)  # a command that is cancelled does not take the search away from others

    async def close(self) -> None:
        tasks = list(self._found.values())
        self._found.clear()
        for task in tasks:
            if not task.done():
                task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and task.exception() is None:
                await task.result().close()
