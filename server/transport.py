"""Frames and streams: read messages with liberal headers and strict limits, write without waiting."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import stat
import threading
from typing import Protocol

MAX_BODY = 256 << 20
"""Bytes of one message. A 50 MB file, escaped, stays below it; a header that claims more is a mistake or an attack."""
MAX_UNREAD = 8 << 20
"""Bytes waiting for a client that does not read, above which notifications to it are dropped."""

_ENOUGH_UNREAD = 1 << 20  # bytes; above, nothing more is read from that client until it has caught up
_MAX_HEADER_LINE = 8 << 10
_MAX_HEADERS = 32
_CHUNK = 64 << 10
_CONTENT_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*([0-9]{1,18})", re.IGNORECASE)

_logger = logging.getLogger("assay.transport")


class FramingError(Exception):
    """The stream cannot be followed any further; the message says why."""


async def read_body(reader: asyncio.StreamReader) -> bytes | None:
    """The next message's body, or None at the end of the stream.

    Header names are read in any case, other headers and blank lines before the first one are passed over, and
    lines may end with \\n alone.

    :raises FramingError: no usable Content-Length. What follows could be anything, so the stream must be closed.
    """
    length: int | None = None
    headers = 0
    while True:
        try:
            line = await reader.readline()
        except ValueError as error:
            raise FramingError("a header line is too long") from error
        if not line.endswith(b"\n"):
            return None  # the end, perhaps in the middle of a header
        if len(line) > _MAX_HEADER_LINE:
            raise FramingError("a header line is too long")
        line = line.strip()
        if line:
            headers += 1
            if headers > _MAX_HEADERS:
                raise FramingError("too many header lines")
            if line[:14].lower() == b"content-length":
                length = _length(line, length)
        elif length is not None:
            break
        elif headers:
            raise FramingError("a message without Content-Length")
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        _logger.warning("the client went in the middle of a message")
        return None


def _length(line: bytes, seen: int | None) -> int:
    match = _CONTENT_LENGTH.fullmatch(line)
    if match is None:
        raise FramingError("a Content-Length that is not a number")
    length = int(match[1])
    if seen is not None and seen != length:
        raise FramingError("two different Content-Length headers")
    if length > MAX_BODY:
        raise FramingError(f"a message of {length} bytes is more than the {MAX_BODY} allowed")
    return length


def frame(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Outbox(Protocol):
    """Where messages go. `write` never waits."""

    def write(self, data: bytes) -> None: ...

    def unread(self) -> int:
        """Bytes the client has not taken yet."""
        ...

    async def drain(self) -> None:
        """Return when little is unread.

        :raises ConnectionError: the client is gone.
        """
        ...

    async def close(self) -> None:
        """Write out what is left, for at most two seconds, and close."""
        ...


class StreamOutbox:
    """A pipe or a socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=_ENOUGH_UNREAD)

    def write(self, data: bytes) -> None:
        # asyncio complains about each write after the other side has closed.
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    def unread(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    async def drain(self) -> None:
        await self._writer.drain()

    async def close(self) -> None:
        transport = self._writer.transport
        transport.set_write_buffer_limits(high=0)
        try:
            async with asyncio.timeout(2.0):
                await self._writer.drain()
        except (TimeoutError, ConnectionError):
            transport.abort()
        self._writer.close()


class FileOutbox:
    """A regular file or a terminal, which take what is written at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def unread(self) -> int:
        return 0

    async def drain(self) -> None:
        pass

    async def close(self) -> None:
        os.close(self._descriptor)


async def open_outbox(descriptor: int) -> Outbox:
    """An outbox on a file descriptor, which it owns from now on."""
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return FileOutbox(descriptor)
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(descriptor, "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    return StreamOutbox(asyncio.StreamWriter(transport, protocol, None, loop))


def open_inbox(descriptor: int) -> asyncio.StreamReader:
    """A reader on any file descriptor: pipe, socket, terminal or file.

    A daemon thread reads, because event loops refuse some of these; it is asleep in `read` nearly always, and does
    not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_CHUNK, loop=loop)
    gate = _Gate(reader)

    def read() -> None:
        while True:
            gate.wait()
            try:
                chunk = os.read(descriptor, _CHUNK)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(gate.feed, chunk)
            except RuntimeError:  # the loop is closed
                return
            if not chunk:
                return

    threading.Thread(target=read, name="assay-stdin", daemon=True).start()
    return reader


class _Gate(asyncio.ReadTransport):
    """Lets the reading thread read one chunk at a time, and none while the StreamReader has enough."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__()
        self._reader = reader
        self._paused = False
        self._go = threading.Event()
        self._go.set()
        reader.set_transport(self)

    def wait(self) -> None:
        """For the thread: return when the next chunk is wanted."""
        self._go.wait()
        self._go.clear()

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            self._reader.feed_eof()
            return
        self._reader.feed_data(chunk)  # may pause
        if not self._paused:
            self._go.set()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._go.set()
