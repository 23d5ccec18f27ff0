"""Ask an index host, starting one when there is none and again when it has died."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.chunk import Definition
from retrieval.errors import HostUnavailable, RetrievalError
from retrieval.host import wire
from retrieval.host.place import Place
from retrieval.host.wire import converter
from retrieval.index.progress import Progress
from retrieval.question import Answer, Question

log = logging.getLogger(__name__)

_START_SECONDS = 20.0
"""Until a host that was started must answer; on a loaded machine Python alone takes seconds."""
_RETRY = 0.02
_MOMENT = 0.2
OWNED_BY_ANOTHER = 3
"""The exit code of a host that found another one at its place."""
_RESTARTS = 4
"""Within a minute; then the index stays away until it is asked for again."""
_BACK_OFF = (0.0, 0.2, 1.0, 3.0)
"""Seconds before each restart."""
_LOG_BYTES = 1 << 20
_REAP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a host. Secrets travel on its standard input, never in arguments or the environment."""

    command: Sequence[str]
    config: bytes


class IndexClient:
    """One window's connection to the index of its workspace."""

    def __init__(self, place: Place, launch: Launch, on_progress: Callable[[Progress], None] | None = None) -> None:
        self._place, self._launch = place, launch
        self._on_progress = on_progress
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0
        self._buffers: dict[str, str] = {}
        self._started: list[float] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._reaping: asyncio.Task[None] | None = None
        self.progress = Progress()
        self.pid = 0
        """Of the host; 0 while there is none."""

    async def search(self, question: Question) -> Answer:
        """:raises RetrievalError: when there is no answer, with what can be done."""
        params: dict[str, Any] = converter.unstructure(question)
        del params["window"]
        return converter.structure(await self.call("search", params), Answer)

    async def show_buffer(self, path: str, text: str) -> None:
        """This window has unsaved text; sent again to a host that was started anew."""
        self._buffers[path] = text
        await self.call("showBuffer", {"path": path, "text": text})

    async def hide_buffer(self, path: str) -> None:
        self._buffers.pop(path, None)
        await self.call("hideBuffer", {"path": path})

    async def changed(self, paths: Sequence[str]) -> None:
        await self.call("changed", {"paths": list(paths)})

    async def settled(self, *, dense: bool = False) -> Progress:
        """Waits until every known change is searchable, by words or by vectors, too."""
        return converter.structure(await self.call("settled", {"dense": dense}), Progress)

    async def definitions(self, names: Sequence[str]) -> list[tuple[str, Definition]]:
        found = await self.call("definitions", {"names": list(names)})
        return [(path, converter.structure(one, Definition)) for path, one in found]

    async def beginning(self, prefix: str) -> list[tuple[str, Definition]]:
        """Definitions whose simple name begins with a text, for whoever is typing one."""
        found = await self.call("beginning", {"prefix": prefix})
        return [(path, converter.structure(one, Definition)) for path, one in found]

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """One question to the host; once more to a new host when the old one dies over it.

        :raises HostUnavailable: when no host can be had.
        :raises RetrievalError: what the host answered.
        """
        if self._process is not None:
            self._process.poll()  # one that went because another window's host was there is ours to reap
        for attempt in (1, 2):
            writer = await self._connected()
            self._asked += 1
            number, answer = self._asked, asyncio.get_running_loop().create_future()
            self._answers[number] = answer
            try:
                wire.write(writer, {"id": number, "method": method, "params": params or {}})
                return await answer
            except (HostUnavailable, ConnectionError):
                if attempt == 2:
                    raise
            finally:
                self._answers.pop(number, None)
        raise HostUnavailable("the index host died twice over one question")

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._process is not None:
            self._process.poll()

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is not None and not self._writer.is_closing():
                return self._writer
            reader, writer = await self._connect()
            self._writer = writer
            self._reading = asyncio.create_task(self._read(reader, writer))
            for number, (path, text) in enumerate(self._buffers.items()):
                wire.write(writer, {"id": -1 - number, "method": "showBuffer", "params": {"path": path, "text": text}})
            return writer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        until = time.monotonic() + _START_SECONDS
        process: subprocess.Popen[bytes] | None = None
        while True:
            if (found := await self._try_to_connect()) is not None:
                return found
            if process is not None and process.poll() == OWNED_BY_ANOTHER:
                self._started.pop()  # no failure: another window's host has the index and will answer in a moment
                await asyncio.sleep(_MOMENT)
            if process is None or process.poll() is not None:
                process = await self._start()
            if time.monotonic() > until:
                raise HostUnavailable(
                    f"The index host did not answer within {_START_SECONDS:g} s; {self._place.log} says more"
                )
            await asyncio.sleep(_RETRY)

    async def _try_to_connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            token = self._place.token.read_text()
            reader, writer = await asyncio.open_unix_connection(self._place.socket, limit=wire.LARGEST)
        except (OSError, ValueError):
            return None
        wire.write(writer, {"token": token, "version": wire.VERSION})
        try:
            hello = await wire.read(reader)
        except ValueError:
            hello = None
        if hello is None or "error" in hello:
            writer.close()
            if hello is not None:
                raise HostUnavailable(str(hello["error"]))
            return None
        self.pid = int(hello["pid"])
        return reader, writer

    async def _start(self) -> subprocess.Popen[bytes]:
        now = time.monotonic()
        self._started = [at for at in self._started if now - at < 60]
        if len(self._started) >= _RESTARTS:
            raise HostUnavailable(
                f"The index host ended {_RESTARTS} times within a minute; {self._place.log} says why. "
                "`assay index PATH --rebuild` starts the index anew"
            )
        await asyncio.sleep(_BACK_OFF[len(self._started)])
        self._started.append(time.monotonic())
        if self._process is not None:
            self._process.poll()
        self._process = await asyncio.to_thread(self._spawn)
        return self._process

    def _spawn(self) -> subprocess.Popen[bytes]:
        flags = "ab" if _size(self._place.log) < _LOG_BYTES else "wb"
        with self._place.log.open(flags) as output:
            process = subprocess.Popen(
                self._launch.command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self._place.folder,
                env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
                start_new_session=True,  # an interrupt at one window's terminal is not for the others' index
            )
        assert process.stdin is not None
        try:
            process.stdin.write(self._launch.config)
            process.stdin.close()
        except BrokenPipeError:
            pass
        return process

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (message := await wire.read(reader)) is not None:
                if "progress" in message:
                    self.progress = converter.structure(message["progress"], Progress)
                    if self._on_progress is not None:
                        self._on_progress(self.progress)
                elif (answer := self._answers.get(message.get("id", 0))) is not None and not answer.done():
                    if "error" in message:
                        answer.set_exception(RetrievalError(message["error"]))
                    else:
                        answer.set_result(message.get("result"))
            if self._process is not None:  # not when it is we who go
                self._reaping = asyncio.create_task(asyncio.to_thread(_reap, self._process))
        except ValueError as error:
            log.warning("the index host sent something else than messages: %s", error)
        finally:
            self.pid = 0
            writer.close()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(HostUnavailable("the index host went away"))


_ENVIRONMENT = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "XDG_RUNTIME_DIR",
     "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "HTTPS_PROXY"}
)  # fmt: skip


def _reap(process: subprocess.Popen[bytes]) -> None:
    """A host that ended is our child: without this its entry would stay as long as the editor does."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_SECONDS)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
