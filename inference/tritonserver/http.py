"""The few requests that the server's own supervisor makes, over HTTP on loopback and with the standard library.

What the models say is not trusted: an answer has a largest size, and a request ends in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from inference.tritonserver.errors import NoAnswer, ServerFailed

_MOST = 1 << 20  # bytes of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes


async def ask(port: int, path: str, body: Mapping[str, object] | None = None, *, seconds: float) -> Answer:
    """GET, or POST of JSON when there is a body.

    :raises NoAnswer: when there is no whole answer in time.
    :raises ServerFailed: when nothing listens, or it breaks off.
    """
    payload = b"" if body is None else json.dumps(body).encode()
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    request = f"{head}Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload
    try:
        async with asyncio.timeout(seconds):
            return await _exchange(port, request)
    except TimeoutError as error:
        raise NoAnswer(f"The server did not answer {path} within {seconds:g} s.") from error
    except (OSError, ValueError) as error:
        raise ServerFailed(f"The server does not answer {path}; see its log.") from error


async def _exchange(port: int, request: bytes) -> Answer:
    """:raises ValueError: when the answer is not whole, too long, or no HTTP (RFC 9112)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        head = (await _until(reader, b"\r\n\r\n")).decode("latin-1").split("\r\n")
        words = head[0].split(" ")
        if len(words) < 2 or not words[0].startswith("HTTP/1."):
            raise ValueError("no HTTP")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        # By its length, not until the connection ends: the server leaves it open after some requests.
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(_size(fields.get("content-length", "0"), 10))
        return Answer(status=int(words[1]), body=body)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ValueError("broken off") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """The chunks' content (RFC 9112, section 7.1)."""
    found = bytearray()
    while size := _size((await _until(reader, b"\r\n")).split(b";")[0].decode("latin-1"), 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
        if len(found) > _MOST:
            raise ValueError("too long")
    return bytes(found)


async def _until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    return (await reader.readuntil(end))[: -len(end)]


def _size(text: str, base: int) -> int:
    found = int(text, base)
    if not 0 <= found <= _MOST:
        raise ValueError("too long")
    return found
