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
            return _answer(await _exchange(port, request))
    except TimeoutError as error:
        raise NoAnswer(f"The server did not answer {path} within {seconds:g} s.") from error
    except (OSError, ValueError) as error:
        raise ServerFailed(f"The server does not answer {path}; see its log.") from error


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        found = bytearray()
        while part := await reader.read(65_536):
            found += part
            if len(found) > _MOST:
                raise ValueError("too long")
        return bytes(found)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _answer(raw: bytes) -> Answer:
    """:raises ValueError: when it is not whole, or no HTTP (RFC 9112)."""
    head, end, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if not end or len(words) < 2 or not words[0].startswith("HTTP/1."):
        raise ValueError("no HTTP")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = _joined(body)
    elif len(body) < int(fields.get("content-length", "0")):
        raise ValueError("broken off")
    return Answer(status=int(words[1]), body=body)


def _joined(body: bytes) -> bytes:
    """The chunks' content (RFC 9112, section 7.1)."""
    found = bytearray()
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return bytes(found)
        at = end + 2 + size + 2
        if at > len(body):
            raise ValueError("broken off")
        found += body[end + 2 : at - 2]
