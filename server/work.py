"""Commands that take a while: one at a time per workspace, with progress, cancellable from either side."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.errors import Busy

if TYPE_CHECKING:
    from server.app import AssayServer

T = TypeVar("T")

Report = Callable[[str], None]

_WAITING = 3  # commands that may wait for the running one; with more, nobody remembers what they asked for
_CREATE_SECONDS = 5.0  # for the editor to accept a progress bar


@dataclass(slots=True)
class Work:
    title: str
    root: Path
    token: str | int
    task: asyncio.Task[Any]


@dataclass(slots=True)
class Workplace:
    """What runs and what waits."""

    active: dict[str | int, Work] = field(default_factory=dict[str | int, Work])
    """By progress token."""
    _turns: dict[Path, asyncio.Lock] = field(default_factory=dict[Path, asyncio.Lock])

    def check(self, root: Path) -> None:
        """:raises Busy: one runs and as many as may wait."""
        here = [work for work in self.active.values() if work.root == root]
        if len(here) > _WAITING:
            raise Busy(
                f"Assay is busy here with “{here[0].title}” and {_WAITING} more; try again when they are done, "
                "or cancel them."
            )

    def is_waiting(self, root: Path) -> bool:
        """Whether a command that starts now has to wait."""
        return self._turn(root).locked()

    @contextlib.asynccontextmanager
    async def turn(self, root: Path) -> AsyncGenerator[None]:
        async with self._turn(root):
            yield

    def cancel(self, *, token: str | int | None = None, root: Path | None = None) -> int:
        """Cancel one command, those of a workspace, or all; how many."""
        chosen = [
            work
            for work in self.active.values()
            if (token is None or work.token == token) and (root is None or work.root == root)
        ]
        for work in chosen:
            work.task.cancel()
        return len(chosen)

    def _turn(self, root: Path) -> asyncio.Lock:
        return self._turns.setdefault(root, asyncio.Lock())


async def work_on(
    ls: AssayServer,
    title: str,
    root: Path,
    token: str | int | None,
    body: Callable[[Report], Coroutine[Any, Any, T]],
    *,
    takes_turn: bool = True,
) -> T | None:
    """Run a command's body when it is its turn; None when the user cancelled it.

    Cancelling the request cancels the body and waits until it has cleaned up.

    :param takes_turn: whether it waits for the command that runs; what only asks a model need not.
    :raises Busy: too many are waiting.
    """
    place = ls.session.work
    place.check(root)
    if (along := ls.session.known_along) is not None:
        along.stop()  # what nobody asked for makes room for what somebody did
    created = token is None
    name: str | int = f"assay-{uuid.uuid4().hex[:12]}" if token is None else token
    task = asyncio.create_task(_with_progress(ls, title, root, name, created, body, takes_turn))
    place.active[name] = Work(title, root, name, task)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    finally:
        place.active.pop(name, None)
    return None if task.cancelled() else task.result()


async def _with_progress(
    ls: AssayServer,
    title: str,
    root: Path,
    token: str | int,
    created: bool,
    body: Callable[[Report], Coroutine[Any, Any, T]],
    takes_turn: bool,
) -> T:
    shown = not created or await _create(ls, token)
    report: Report = _reporter(ls, token) if shown else _silent
    if shown:
        _progress(ls, token, lsp.WorkDoneProgressBegin(title=title, cancellable=True))
    ending = "stopped"
    try:
        if takes_turn:
            if ls.session.work.is_waiting(root):
                report("waiting for another command")
            async with ls.session.work.turn(root):
                result = await body(report)
        else:
            result = await body(report)
        ending = "done"
        return result
    finally:
        if shown:
            _progress(ls, token, lsp.WorkDoneProgressEnd(message=ending))


async def _create(ls: AssayServer, token: str | int) -> bool:
    """Ask the editor for a progress bar; whether it has one for us."""
    if not ls.session.client.progress:
        return False
    try:
        params = lsp.WorkDoneProgressCreateParams(token=token)
        await ls.protocol.ask(lsp.WINDOW_WORK_DONE_PROGRESS_CREATE, params, within=_CREATE_SECONDS)
    except JsonRpcException:
        return False
    return True


def _reporter(ls: AssayServer, token: str | int) -> Report:
    def report(message: str) -> None:
        _progress(ls, token, lsp.WorkDoneProgressReport(message=message, cancellable=True))

    return report


def _silent(_: str) -> None:
    pass


def _progress(
    ls: AssayServer,
    token: str | int,
    value: lsp.WorkDoneProgressBegin | lsp.WorkDoneProgressReport | lsp.WorkDoneProgressEnd,
) -> None:
    ls.protocol.notify(lsp.PROGRESS, lsp.ProgressParams(token=token, value=value))
