"""The index host's own side: one owner for an index, a socket for its clients, and an end when the last one goes."""

from __future__ import annotations

import asyncio
import faulthandler
import hmac
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import cattrs

from retrieval.errors import IndexBusy, RetrievalError, StoreCorrupt, StoreError
from retrieval.host import wire
from retrieval.host.methods import METHODS
from retrieval.host.place import Place, forget, new_token, note_crashes, owned
from retrieval.host.wire import converter
from retrieval.index.index import Index
from retrieval.index.progress import Progress

log = logging.getLogger(__name__)

Open = Callable[[Place, AsyncExitStack], Awaitable[Index]]

_LINGER = 5.0
"""Seconds without a client after which the host goes; a window that is loaded again comes back sooner."""
_FIRST_CLIENT = 30.0
"""Seconds until the first client must have come."""
_QUIET = 30.0
"""Seconds without a question after which the store may be optimised."""
_PROGRESS_EVERY = 0.2
"""Seconds between two messages about progress."""
_RETRY = (1.0, 3.0, 10.0, 30.0)
"""Seconds between attempts at a store that cannot be reached; the last one again and again."""
_UNANSWERED = 256
"""Questions of one client at a time; more of them are answered with an error."""


async def serve(place: Place, open_index: Open) -> None:
    """Own the index until the last client is gone.

    :raises IndexBusy: when another process owns it.
    """
    async with AsyncExitStack() as stack:
        lock = owned(place)
        if lock is None:
            raise IndexBusy(f"Another process owns the index in {place.folder}")
        stack.callback(lock.close)
        if done := note_crashes(place):
            log.warning("%s", done)
        crash = stack.enter_context(place.crash.open("w"))
        faulthandler.enable(crash)  # says when native code ends the process; nothing else can
        stack.callback(faulthandler.disable)
        host = _Host(new_token(place))
        place.socket.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(host.client, place.socket, limit=wire.LARGEST)
        finally:
            os.umask(mask)
        stack.callback(place.socket.unlink, missing_ok=True)
        stack.callback(server.close)
        await _serve_until_unwanted(host, place, open_index)


async def _serve_until_unwanted(host: _Host, place: Place, open_index: Open) -> None:
    """Through damage, after which the index is built anew, and through times without a store."""
    unavailable = damaged = 0
    while True:
        try:
            async with AsyncExitStack() as stack:
                index = await open_index(place, stack)
                stack.push_async_callback(index.close)
                unavailable = damaged = 0
                await host.run(index)
                return
        except StoreCorrupt as error:
            damaged += 1
            if damaged > 1:
                raise
            log.warning("the index is damaged and is built anew: %s", error)
            forget(place)
        except StoreError as error:  # it cannot be reached, or the disk is full: both pass
            wait = _RETRY[min(unavailable, len(_RETRY) - 1)]
            unavailable += 1
            log.warning("no store, trying again in %g s: %s", wait, error)
            if await host.without_index(str(error), wait):
                return


class _Host:
    def __init__(self, token: str) -> None:
        self._token = token
        self._index: asyncio.Future[Index] = asyncio.get_running_loop().create_future()
        self._problem = ""
        self._clients: dict[str, asyncio.StreamWriter] = {}
        self._came = 0
        self._asked = 0.0
        self._changed = asyncio.Event()
        self._shown = asyncio.Event()

    async def without_index(self, problem: str, seconds: float) -> bool:
        """Answer with what is wrong for a while; whether nobody wants the index any more."""
        self._problem = problem
        waited_for, self._index = self._index, asyncio.get_running_loop().create_future()
        waited_for.set_exception(RetrievalError(problem))  # for those who asked while it was being opened
        waited_for.exception()
        for writer in self._clients.values():
            wire.write(writer, {"progress": converter.unstructure(Progress(phase="waiting", problem=problem))})
        try:
            async with asyncio.timeout(seconds):
                await self._until_unwanted()
        except TimeoutError:
            return False
        return True

    async def run(self, index: Index) -> None:
        """Serve this index until nobody wants it any more.

        :raises StoreCorrupt: it is damaged.
        """
        self._problem = ""
        self._index.set_result(index)
        stop = index.listen(lambda _: self._shown.set())
        jobs = [
            asyncio.create_task(index.failed()),
            asyncio.create_task(self._until_unwanted()),
            asyncio.create_task(self._show_progress(index)),
            asyncio.create_task(self._optimise_when_quiet(index)),
        ]
        try:
            await asyncio.wait(jobs[:2], return_when=asyncio.FIRST_COMPLETED)
            if jobs[0].done():
                jobs[0].result()
        finally:
            self._index = asyncio.get_running_loop().create_future()
            stop()
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        window = ""
        waiting: set[asyncio.Task[None]] = set()
        try:
            hello = await wire.read(reader)
            if hello is None or not hmac.compare_digest(str(hello.get("token", "")), self._token):
                return
            if hello.get("version") != wire.VERSION:
                wire.write(writer, {"error": "another version of Assay owns this index; restart the editor"})
                await writer.drain()
                return
            self._came += 1
            window = f"{self._came}"
            self._clients[window] = writer
            self._changed.set()
            wire.write(writer, {"hello": wire.VERSION, "pid": os.getpid(), "window": window})
            while (message := await wire.read(reader)) is not None:
                task = asyncio.create_task(self._answer(message, window, writer, len(waiting)))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
        except (ValueError, ConnectionError) as error:
            log.warning("a client was sent away: %s", error)
        finally:
            for task in waiting:
                task.cancel()
            if window:
                del self._clients[window]
                if self._index.done():  # else its buffers go with the old index
                    await self._index.result().overlays.close(window)
                self._changed.set()
            writer.close()

    async def _answer(self, message: wire.Message, window: str, writer: asyncio.StreamWriter, waiting: int) -> None:
        """One question, one answer."""
        answer: dict[str, Any] = {"id": message.get("id")}
        method = METHODS.get(str(message.get("method")))
        try:
            if method is None:
                raise RetrievalError(f"the index host knows no {message.get('method')}")
            if waiting > _UNANSWERED:
                raise RetrievalError("the index host is busy with this window's other questions")
            if self._problem:
                raise RetrievalError(self._problem)
            index = await asyncio.shield(self._index)
            self._asked = asyncio.get_running_loop().time()
            answer["result"] = await method(index, window, message.get("params") or {})
        except RetrievalError as error:
            answer["error"] = str(error)
        except (cattrs.BaseValidationError, KeyError, TypeError, ValueError):
            answer["error"] = f"{message.get('method')} was asked with parameters that it does not have"
        if not writer.is_closing():
            wire.write(writer, answer)

    async def _until_unwanted(self) -> None:
        patience = _FIRST_CLIENT if not self._came else _LINGER
        while True:
            if self._clients:
                await self._changed.wait()
                self._changed.clear()
                patience = _LINGER
                continue
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
                self._changed.clear()
            except TimeoutError:
                return

    async def _show_progress(self, index: Index) -> None:
        last: Progress | None = None
        while True:
            await self._shown.wait()
            self._shown.clear()
            if (now := index.progress) != last:
                last = now
                for writer in list(self._clients.values()):
                    if not writer.is_closing():
                        wire.write(writer, {"progress": converter.unstructure(now)})
            await asyncio.sleep(_PROGRESS_EVERY)

    async def _optimise_when_quiet(self, index: Index) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_QUIET / 3)
            if index.progress.is_dense_ready and loop.time() - self._asked > _QUIET:
                try:
                    await index.store.optimize()
                except StoreError as error:  # a disk that is nearly full: search goes on as it is
                    log.warning("the index was not optimised: %s", error)
