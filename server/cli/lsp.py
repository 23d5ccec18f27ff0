"""`assay lsp`: the language server, over stdio or TCP."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import sys
from typing import Any

from server.log import start_logging

_logger = logging.getLogger("assay.lsp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stdio", action="store_true", help="talk over stdin and stdout (the default)")
    parser.add_argument("--tcp", metavar="HOST:PORT", help="listen there instead; each client gets a server of its own")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let --tcp listen on an address that other machines reach; there is no authentication",
    )
    parser.add_argument("--debug", action="store_true", help="answer assay/debug/document and assay/debug/stats")


def run(args: argparse.Namespace) -> int:
    address: tuple[str, int] | None = None
    if args.tcp is not None:
        try:
            address = _address(args.tcp, allow_remote=args.allow_remote)
        except ValueError as error:
            print(f"assay lsp: {error}", file=sys.stderr)
            return 2
    log = start_logging(os.environ.get("ASSAY_LOG_LEVEL", "warning"))
    try:
        with asyncio.Runner() as runner:
            if address is not None:
                code = runner.run(_serve_tcp(*address, debug=args.debug))
            else:
                code = runner.run(_serve_stdio(debug=args.debug))
            # All work has been stopped. What may be left is a thread that walks a slow disk, for which leaving the
            # context would wait; a server without a client must not stay for that.
            log.close()
            os._exit(code)
    finally:
        log.close()


async def _serve_stdio(*, debug: bool) -> int:
    from server.stdio import claim_stdio

    # Before anything else is imported, so that nothing can have written to the protocol's stream.
    inbox, outbox = claim_stdio()

    from server.app import build
    from server.serving import serve
    from server.transport import open_inbox, open_outbox

    conversation = asyncio.create_task(serve(build(debug=debug), open_inbox(inbox), await open_outbox(outbox)))
    _stop_at_signals(conversation)
    try:
        return await conversation
    except asyncio.CancelledError:
        return 1


async def _serve_tcp(host: str, port: int, *, debug: bool) -> int:
    from server.app import build
    from server.serving import serve
    from server.transport import StreamOutbox

    conversations: set[asyncio.Task[int]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A server object per client: pygls shares one, and a second client would take over the first one's answers.
        conversation = asyncio.create_task(serve(build(debug=debug), reader, StreamOutbox(writer)))
        conversations.add(conversation)
        conversation.add_done_callback(conversations.discard)

    try:
        listener = await asyncio.start_server(connected, host, port)
    except OSError as error:
        print(f"assay lsp: cannot listen on {host}:{port}: {error.strerror}", file=sys.stderr)
        return 1
    async with listener:
        where = " and ".join("{}:{}".format(*socket.getsockname()[:2]) for socket in listener.sockets)
        print(f"assay lsp: listening on {where}", file=sys.stderr, flush=True)
        listening = asyncio.ensure_future(listener.serve_forever())
        _stop_at_signals(listening)
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    for conversation in conversations:
        conversation.cancel()
    await asyncio.gather(*conversations, return_exceptions=True)
    return 0


def _stop_at_signals(task: asyncio.Future[Any]) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        with contextlib.suppress(AttributeError, NotImplementedError):
            loop.add_signal_handler(getattr(signal, name), task.cancel)


def _address(text: str, *, allow_remote: bool) -> tuple[str, int]:
    """:raises ValueError: not HOST:PORT, or not this machine alone; the message is for the user."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--tcp wants HOST:PORT, such as 127.0.0.1:9257, and got {text!r}")
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local and not allow_remote:
        raise ValueError(
            f"{host} can be reached from other machines, and whoever connects can run code in the sandbox; "
            "use 127.0.0.1, or add --allow-remote if that is wanted"
        )
    return host, int(port)
