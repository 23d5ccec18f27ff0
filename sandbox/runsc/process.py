"""Start a child process, drain what it writes without keeping too much, and wait for how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

_PIECE = 1 << 16  # bytes: a pipe holds no more by default

_AFTER_END = 2.0
"""Seconds for a child that was asked to end, and for pipes that somebody else still holds."""


class NotStarted(OSError):
    """The child could not be started; nothing has run."""


class Cause(Enum):
    """Why the child ended."""

    EXIT = "exit"
    DEADLINE = "deadline"
    MEMORY = "memory"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    code: int
    """The exit code; negative for a signal."""
    cause: Cause
    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float


class _Kept:
    """The first `limit` bytes of a stream."""

    def __init__(self, limit: int, on_piece: Callable[[bytes], None] | None) -> None:
        self._left = limit
        self._on_piece = on_piece
        self._pieces: list[bytes] = []
        self.truncated = False

    async def drain(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(_PIECE):
            kept = piece[: self._left]
            self._left -= len(kept)
            self.truncated |= len(kept) < len(piece)
            if kept:
                self._pieces.append(kept)
                if self._on_piece:
                    self._on_piece(kept)

    def joined(self) -> bytes:
        return b"".join(self._pieces)


async def execute(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    seconds: float,
    output: int,
    enders: Mapping[Cause, Coroutine[Any, Any, object]],
    ask: Callable[[], Awaitable[bool]] | None = None,
    on_stdout: Callable[[bytes], None] | None = None,
) -> Ended:
    """Run a child to its end, with nothing on stdin, keeping at most `output` bytes of stdout and of stderr.

    After `seconds`, or when one of `enders` returns, the child is asked to end, and its process group killed
    when `ask` returns false or it does not end. What `on_stdout` raises is raised here, after that.
    Raises NotStarted.
    """
    begin = time.monotonic()
    waits = {asyncio.create_task(ender): cause for cause, ender in enders.items()}
    out, err = _Kept(output, on_stdout), _Kept(output, None)
    try:
        process = await _start(argv, env)
        exited = asyncio.create_task(process.wait())
        assert process.stdout is not None
        assert process.stderr is not None
        drains = [asyncio.create_task(out.drain(process.stdout)), asyncio.create_task(err.drain(process.stderr))]
        try:
            cause = await _first(exited, waits, drains, begin + seconds)
            if cause is not Cause.EXIT and ask and await ask():
                await asyncio.wait({exited}, timeout=_AFTER_END)
        finally:
            _kill_group(process.pid, exited)
            await asyncio.wait({exited})
            await asyncio.wait(drains, timeout=_AFTER_END)
            for drain in drains:
                drain.cancel()
    finally:
        for wait in waits:
            wait.cancel()
    for drain in drains:
        if drain.done() and not drain.cancelled():
            drain.result()
    return Ended(
        code=exited.result(),
        cause=cause,
        stdout=out.joined(),
        stderr=err.joined(),
        truncated=out.truncated or err.truncated,
        seconds=time.monotonic() - begin,
    )


async def _start(argv: Sequence[str], env: Mapping[str, str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise NotStarted(error.errno, error.strerror, argv[0]) from error


async def _first(
    exited: asyncio.Task[int],
    waits: Mapping[asyncio.Task[object], Cause],
    drains: Sequence[asyncio.Task[None]],
    deadline: float,
) -> Cause:
    """What comes first. A drain that fails counts as a stop."""
    pending: set[asyncio.Task[Any]] = {exited, *waits, *drains}
    while True:
        left = max(0.0, deadline - time.monotonic())
        done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if exited in done:
            return Cause.EXIT
        if not done:
            return Cause.DEADLINE
        for task in done:
            if cause := waits.get(task):
                return cause
            if task.exception():
                return Cause.STOPPED


def _kill_group(pid: int, exited: asyncio.Task[int]) -> None:
    # Before the child has been waited for, the group's id cannot belong to anybody else.
    if not exited.done():
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
