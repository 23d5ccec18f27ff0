"""Progress on stderr, and running a command so that Ctrl+C ends everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from assist.ports import Progress
from sandbox.receipt import Grade
from server.cli.answer import INTERRUPTED, Answer, Refusal, give, refused

T = TypeVar("T")


@contextlib.contextmanager
def telling() -> Generator[Progress]:
    """Progress as one changing line on a terminal, as plain lines when stderr is a file or a pipe."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        last = [""]

        def tell(text: str) -> None:
            if text != last[0]:
                last[0] = text
                print(text, file=sys.stderr, flush=True)

        yield tell
        return
    with console.status("") as status:
        yield lambda text: status.update(Text(text, overflow="ellipsis", no_wrap=True))


def run_command(work: Callable[[Progress], Coroutine[None, None, Answer]], *, as_json: bool) -> int:
    """Run to the answer and print it. Whatever ends it early, no process is left behind."""
    with telling() as progress:
        answer = asyncio.run(_interruptible(work, progress))
    return give(answer, as_json=as_json)


def run_to_lines(work: Callable[[Progress], Coroutine[None, None, list[str]]], *, as_json: bool) -> int:
    """Run to lines of text and print them; a refusal is said as every command says one."""
    with telling() as progress:
        found = asyncio.run(_interruptible(work, progress))
    if isinstance(found, Answer):
        return give(found, as_json=as_json)
    for line in found:
        print(line)
    return 0


async def _interruptible(work: Callable[[Progress], Coroutine[None, None, T]], progress: Progress) -> T | Answer:
    task = asyncio.ensure_future(work(progress))
    received: list[int] = []

    def stop(number: int) -> None:
        if not received:
            progress("stopping")
        received.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except Refusal as refusal:
        return refused(refusal)
    except asyncio.CancelledError:
        code = INTERRUPTED if not received or received[0] == signal.SIGINT else 128 + received[0]
        return Answer(grade=Grade.UNVERIFIED.value, reason="Stopped before there was a result.", code=code)
