"""The syntax filter's parsing in a process that can be killed: text made for it keeps a parser busy for seconds."""

from __future__ import annotations

import asyncio
from concurrent.futures.process import BrokenProcessPool

from assist.complete.filters.syntax import Question, is_worse
from retrieval.index.workers import Workers

_SECONDS = 0.1
"""For one suggestion, which takes 1 to 3 ms: what takes longer is shown unjudged."""
_PAUSE_SECONDS = 30.0
"""After a text on which it was killed."""
_IDLE_SECONDS = 120.0
"""Then the process goes; the next suggestion is shown unjudged while another one starts."""


class SyntaxJudge:
    """Owned by the event loop. Suggestions are shown unjudged while its process starts."""

    def __init__(self) -> None:
        self._workers = Workers(1, stay=True, niceness=0)
        self._starting: asyncio.Task[None] | None = None
        self.is_ready = False
        self._paused_until = 0.0
        self._idle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Have the process ready for those that follow."""
        if not self.is_ready and self._starting is None and asyncio.get_running_loop().time() >= self._paused_until:
            self._starting = asyncio.create_task(self._start(), name="start of the syntax filter")

    async def is_worse(self, asked: Question) -> bool:
        if not self.is_ready:
            self.start()
            return False
        try:
            return await self._workers.within(_SECONDS, is_worse, asked)
        except (TimeoutError, BrokenProcessPool):
            self.is_ready = False
            self._paused_until = asyncio.get_running_loop().time() + _PAUSE_SECONDS
            return False
        finally:
            self._rest()

    async def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        self._let_go()

    async def _start(self) -> None:
        try:
            # With a first parse, which loads a grammar and all that is imported.
            await self._workers.run(is_worse, Question(language="python", without="x", with_it="x"))
            self.is_ready = True
            self._rest()
        except BrokenProcessPool:
            self._paused_until = asyncio.get_running_loop().time() + _PAUSE_SECONDS
        finally:
            self._starting = None

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._let_go)

    def _let_go(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self.is_ready = False
        self._workers.close()
