"""How a conversation begins and ends: frames, streams, processes, TCP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.server.conftest import Launch
from tests.server.desk import left_behind
from tests.server.shop import make_slow_shop
from tests.server.wire import ASSAY, WITHIN, Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = json.dumps({"jsonrpc": "2.0", "id": "framed", "method": "assay/debug/stats"}).encode()
LENGTH = b"%d" % len(BODY)


async def started(assay: Launch) -> Wire:
    wire = await assay("--debug")
    await wire.initialize()
    return wire


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: %b\r\n\r\n",
        b"content-length: %b\r\n\r\n",
        b"CONTENT-LENGTH:%b\r\n\r\n",
        b"Content-Length :\t %b \r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %b\r\n\r\n",
        b"Content-Length: %b\r\nContent-Type: application/vscode-jsonrpc; charset=utf8\r\nX-Other: 1\r\n\r\n",
        b"Content-Length: %b\n\n",
        b"\r\n\r\nContent-Length: %b\r\n\r\n",
    ],
)
async def test_headers_are_read_liberally(assay: Launch, header: bytes) -> None:
    wire = await started(assay)
    for _ in range(2):
        wire.send_bytes(header % LENGTH + BODY)
        assert "result" in await wire.response("framed")
        wire.received.clear()


async def test_stock_is_stuck_after_a_lower_case_header(probe: Launch) -> None:
    wire = await probe("stock")
    await wire.initialize()
    wire.send_bytes(b"content-length: %b\r\n\r\n" % LENGTH + BODY)
    after = wire.start("probe/echo", "still there?")
    wire.process.stdin.close()  # type: ignore[union-attr]
    await wire.ended()
    assert wire.responses(after) == []


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 99999999999\r\n\r\n",
        b"Content-Length: 999999999999999999999999999\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: five\r\n\r\n",
        b"Content-Length: \r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Type: text/plain\r\n\r\n",
        b"x" * 200_000,
        b"X: y\r\n" * 100,
    ],
    ids=lambda header: repr(header)[:40],
)
async def test_a_stream_that_cannot_be_followed_is_answered_and_closed(assay: Launch, header: bytes) -> None:
    wire = await started(assay)
    wire.send_bytes(header)
    answer = await wire.response(None)
    assert answer["error"]["code"] == -32700
    assert answer["error"]["message"].startswith("The connection is closed: ")
    assert await wire.ended() == 1


async def test_a_message_in_many_pieces_is_one(assay: Launch) -> None:
    wire = await started(assay)
    for byte in b"Content-Length: " + LENGTH + b"\r\n\r\n" + BODY:
        wire.send_bytes(bytes([byte]))
        await asyncio.sleep(0)
    assert "result" in await wire.response("framed")


async def test_a_large_document_comes_through(assay: Launch) -> None:
    wire = await started(assay)
    text = "x = '😀'\n" * 400_000
    document = {"uri": "file:///w/big.py", "languageId": "python", "version": 1, "text": text}
    wire.notify("textDocument/didOpen", {"textDocument": document})
    assert (await wire.result("assay/debug/document", {"uri": document["uri"]}))["text"] == text


@pytest.mark.parametrize(("shutdown", "code"), [(True, 0), (False, 1)])
async def test_the_end_of_stdin_ends_the_server(assay: Launch, shutdown: bool, code: int) -> None:
    wire = await started(assay)
    if shutdown:
        await wire.result("shutdown")
    wire.process.stdin.close()  # type: ignore[union-attr]
    assert await wire.ended() == code


async def test_a_stream_that_ends_in_a_message_ends_the_server(assay: Launch) -> None:
    wire = await started(assay)
    wire.send_bytes(b"Content-Length: 1000\r\n\r\n{")
    wire.process.stdin.close()  # type: ignore[union-attr]
    assert await wire.ended() == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_the_server(assay: Launch, how: signal.Signals) -> None:
    wire = await started(assay)
    wire.process.send_signal(how)
    assert await wire.ended() == 1
    assert b"Traceback" not in wire.stderr


async def test_the_server_ends_when_the_process_that_initialize_named_dies(assay: Launch) -> None:
    """Its stdin stays open in this process, as when an editor's child inherited the pipe."""
    editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    wire = await assay()
    await wire.initialize(processId=editor.pid)
    editor.kill()
    assert await wire.ended() == 1
    await editor.wait()


async def test_a_process_that_is_gone_already_ends_the_server(assay: Launch) -> None:
    editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await editor.wait()
    wire = await assay()
    await wire.initialize(processId=editor.pid)
    assert await wire.ended() == 1


async def test_a_killed_client_leaves_no_server(assay: Launch) -> None:
    """The real thing: a client process that started the server over pipes and is killed."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLIENT, str(ASSAY), stdout=asyncio.subprocess.PIPE
    )
    assert client.stdout is not None
    server = psutil.Process(int(await asyncio.wait_for(client.stdout.readline(), WITHIN)))
    client.kill()
    await client.wait()
    await asyncio.to_thread(psutil.wait_procs, [server], WITHIN)
    assert not server.is_running()


_CLIENT = """
import json, os, subprocess, sys, time
server = subprocess.Popen([sys.argv[1], "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
params = {"processId": os.getpid(), "rootUri": None, "capabilities": {}}
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
server.stdin.write(b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
server.stdin.flush()
server.stdout.readline()
print(server.pid, flush=True)
time.sleep(600)
"""


async def test_stdin_and_stdout_may_be_files(assay: Launch, tmp_path: Any) -> None:
    start = {"processId": None, "rootUri": None, "capabilities": {}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": start},
        {"jsonrpc": "2.0", "id": 2, "method": "shutdown"},
        {"jsonrpc": "2.0", "method": "exit"},
    ]
    bodies = [json.dumps(message).encode() for message in messages]
    source, sink = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies))
    with source.open("rb") as stdin, sink.open("wb") as stdout:
        process = await asyncio.create_subprocess_exec(str(ASSAY), "lsp", stdin=stdin, stdout=stdout)
        assert await asyncio.wait_for(process.wait(), WITHIN) == 0
    assert sink.read_bytes().count(b"Content-Length") == 2


# ---- TCP


class Tcp:
    """One connection to a listening server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WITHIN)
        self.stream = self.socket.makefile("rwb")

    def request(self, request: int, method: str, params: Any = None) -> dict[str, Any]:
        self.send({"jsonrpc": "2.0", "id": request, "method": method, "params": params})
        while True:
            length = 0
            while (line := self.stream.readline()).strip():
                length = int(line.partition(b":")[2]) if line.startswith(b"Content-Length") else length
            assert line, "the server closed the connection"
            message = json.loads(self.stream.read(length))
            if message.get("id") == request and "method" not in message:
                return message

    def send(self, message: Any) -> None:
        body = json.dumps(message).encode()
        self.stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.stream.flush()


async def listening(assay: Launch, *arguments: str) -> tuple[Wire, int]:
    wire = await assay("--tcp", "127.0.0.1:0", "--debug", *arguments)
    await wire.logged(b"listening on 127.0.0.1:")
    return wire, int(wire.stderr.split(b"listening on 127.0.0.1:")[1].split()[0])


async def test_each_tcp_client_has_a_server_of_its_own(assay: Launch) -> None:
    wire, port = await listening(assay)
    uri = "file:///w/a.py"

    def talk() -> None:
        first, second = Tcp(port), Tcp(port)
        params = {"processId": None, "rootUri": None, "capabilities": {}}
        for name, client in (("first", first), ("second", second)):
            assert "result" in client.request(1, "initialize", params)
            document = {"uri": uri, "languageId": "python", "version": 1, "text": name}
            client.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}})
        assert first.request(2, "assay/debug/document", {"uri": uri})["result"]["text"] == "first"
        assert second.request(2, "assay/debug/document", {"uri": uri})["result"]["text"] == "second"
        assert first.request(3, "shutdown")["result"] is None
        first.send({"jsonrpc": "2.0", "method": "exit"})
        assert first.stream.read() == b""
        assert second.request(3, "assay/debug/document", {"uri": uri})["result"]["text"] == "second"

    await asyncio.to_thread(talk)
    wire.process.send_signal(signal.SIGTERM)
    assert await wire.ended() == 0


async def test_the_end_of_a_listening_server_ends_what_its_clients_run(assay: Launch, tmp_path: Path) -> None:
    wire, port = await listening(assay)
    root = make_slow_shop(tmp_path / "shop")
    state = os.environ["ASSAY_STATE"]

    def talk() -> Tcp:
        client = Tcp(port)
        client.request(1, "initialize", {"processId": None, "rootUri": root.as_uri(), "capabilities": {}})
        client.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        arguments = [{"uri": (root / "tests" / "test_slow.py").as_uri(), "test": "tests/test_slow.py"}]
        params = {"command": "assay.runTest", "arguments": arguments}
        client.send({"jsonrpc": "2.0", "id": 2, "method": "workspace/executeCommand", "params": params})
        return client

    client = await asyncio.to_thread(talk)
    while not left_behind(state):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)
    wire.process.send_signal(signal.SIGTERM)
    assert await wire.ended() == 0
    assert left_behind(state) == []
    client.socket.close()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("0.0.0.0:0", b"--allow-remote"),
        ("192.0.2.1:4000", b"--allow-remote"),
        ("somewhere", b"wants HOST:PORT"),
        ("127.0.0.1:99999", b"wants HOST:PORT"),
    ],
)
async def test_tcp_addresses_are_checked(assay: Launch, address: str, says: bytes) -> None:
    wire = await assay("--tcp", address)
    assert await wire.ended() == 2
    assert says in wire.stderr


async def test_a_port_in_use_is_said(assay: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wire = await assay("--tcp", f"127.0.0.1:{taken.getsockname()[1]}")
        assert await wire.ended() == 1
    assert b"cannot listen on" in wire.stderr


async def test_descriptors_of_the_protocol_are_not_inherited() -> None:
    """`claim_stdio` in a child, so that this process keeps its own streams."""
    code = (
        "from server.stdio import claim_stdio; import os, subprocess, sys\n"
        "claimed = claim_stdio()\n"
        "assert not any(os.get_inheritable(each) for each in claimed)\n"
        "print('stray'); sys.stdout.flush(); os.write(1, b'raw'); subprocess.run(['echo', 'child'])\n"
        "assert sys.stdin.read() == ''\n"
        "os.write(claimed[1], b'protocol')"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", code, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, stderr = await process.communicate(b"not for children")
    assert (stdout, stderr.split()) == (b"protocol", [b"stray", b"rawchild"]), stderr
    assert process.returncode == 0
    assert os.get_inheritable(1)
