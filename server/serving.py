"""Run one server object on one connection until it ends, whatever ends it."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from server.protocol import PARSE_ERROR, State
from server.transport import FramingError, Outbox, read_body

if TYPE_CHECKING:
    from server.app import AssayServer

_POLL_SECONDS = 2.0  # where the system cannot tell of a process's end by itself
_GRACE_SECONDS = 10.0  # for killing sandboxes once the connection is gone

_logger = logging.getLogger("assay.serving")


async def serve(server: AssayServer, inbox: asyncio.StreamReader, outbox: Outbox) -> int:
    """The exit code: 0 after `shutdown` and `exit`, or `shutdown` and the end of the stream; else 1.

    Ends when the stream ends, when the client's process dies, or when this task is cancelled. Work that runs then is
    cancelled and its sandboxes are killed before this returns.
    """
    protocol = server.protocol
    protocol.outbox = outbox
    reading = asyncio.create_task(_read(server, inbox, outbox))
    watching = asyncio.create_task(_until_client_dies(server))
    try:
        await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reading.cancel()
        watching.cancel()
        code = protocol.exit_code if protocol.state is State.EXITED else int(protocol.state is not State.SHUT_DOWN)
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await server.close()
        except TimeoutError:
            _logger.error("some work did not stop in time")
        await outbox.close()
    return code


async def _read(server: AssayServer, inbox: asyncio.StreamReader, outbox: Outbox) -> None:
    protocol = server.protocol
    try:
        while protocol.state is not State.EXITED:
            body = await read_body(inbox)
            if body is None:
                return
            protocol.receive(body)
            # A client that does not read gets no more work done: memory stays bounded by what it has left unread.
            await outbox.drain()
            await asyncio.sleep(0)  # the handlers just started get their turn, however much has arrived
    except FramingError as error:
        _logger.error("closing the connection: %s", error)
        protocol.refuse(None, PARSE_ERROR, f"The connection is closed: {error}.")
    except ConnectionError:
        _logger.warning("the client closed its side of the connection")


async def _until_client_dies(server: AssayServer) -> None:
    """Return when the process that `initialize` named is gone. A pipe that somebody else keeps open says nothing."""
    process = await server.client_process
    if process is None:
        await asyncio.Future[None]()
        return
    try:
        descriptor = os.pidfd_open(process)  # readable at the end of the process, even while it is a zombie
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):
        while _is_alive(process):  # noqa: ASYNC110 - there is nothing else to wait for
            await asyncio.sleep(_POLL_SECONDS)
    else:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    _logger.warning("the client's process %d is gone", process)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
