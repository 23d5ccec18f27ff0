"""A page for Prometheus: `GET /metrics` over HTTP/1.1, one answer for each connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from ipaddress import ip_address

from inference.errors import InferenceError

_SECONDS = 5.0
"""For one request, so that nobody keeps a connection."""

_MOST_CONNECTIONS = 16
_MOST_BYTES = 16 * 1024  # of a request


class Exporter:
    """Answers until it is closed. There is no TLS and no password: put it behind a proxy, or on loopback."""

    def __init__(self, server: asyncio.Server) -> None:
        """Use `serve`."""
        self._server = server

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


async def serve(exposition: Callable[[], bytes], *, port: int, content_type: str, host: str = "127.0.0.1") -> Exporter:
    """:param port: 0 for any that is free.
    :raises InferenceError: when the address cannot be had.
    """
    open_now = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            async with asyncio.timeout(_SECONDS):
                if open_now > _MOST_CONNECTIONS:
                    writer.write(_response("503 Service Unavailable", b"busy\n"))
                else:
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(_answer(head, exposition, content_type, is_local=_is_local(host)))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or never said what they want
        finally:
            open_now -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    try:
        return Exporter(await asyncio.start_server(answer, host, port, limit=_MOST_BYTES))
    except OSError as error:
        reason = error.strerror or "it cannot be used"
        raise InferenceError(f"Metrics cannot be served at {host}:{port}: {reason}; choose another port.") from error


def _answer(head: bytes, exposition: Callable[[], bytes], content_type: str, *, is_local: bool) -> bytes:
    first, *rest = head.decode("latin-1").split("\r\n")
    method, _, target = first.partition(" ")
    headers = dict(each.lower().split(":", 1) for each in rest if ":" in each)
    if is_local and not _is_local(_hostname(headers.get("host", ""))):
        # A web page that has its own name point here (DNS rebinding) sends that name.
        return _response("403 Forbidden", b"ask for 127.0.0.1 or localhost\n")
    if method not in ("GET", "HEAD"):
        return _response("405 Method Not Allowed", b"GET /metrics\n")
    if target.split(" ")[0].split("?")[0] != "/metrics":
        return _response("404 Not Found", b"GET /metrics\n")
    response = _response("200 OK", exposition(), content_type)
    return response if method == "GET" else response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def _response(status: str, body: bytes, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _hostname(host: str) -> str:
    host = host.strip()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_local(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
