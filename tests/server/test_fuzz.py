"""Every request gets exactly one response, whatever is sent, in whatever order, cancelled or not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.server.conftest import Launch

pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///w/test_a.py"
JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "text",
    [],
    [1],
    {},
    {"uri": URI},
    {"jsonrpc": "2.0"},
    "\ud800",
)
KNOWN = (
    "textDocument/codeAction",
    "codeAction/resolve",
    "textDocument/codeLens",
    "workspace/executeCommand",
    "assay/receipt",
    "assay/debug/document",
    "assay/debug/stats",
    "textDocument/hover",
    "workspace/symbol",
    "$/anything",
    "no/such/method",
)
COMMANDS = ("assay.fixProblem", "assay.makeTestPass", "assay.fixFunction", "assay.showReceipt", "assay.cancel", "none")
NOTES = ("textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "$/setTrace", "$/cancelRequest",
         "window/workDoneProgress/cancel", "workspace/didChangeConfiguration", "no/such/note")  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_every_request_gets_exactly_one_response(probe: Launch, assay: Launch, seed: int) -> None:
    choose = random.Random(seed)
    wire = await (probe("mended") if seed % 2 else assay("--debug", ASSAY_TRUST="untrusted"))
    await wire.initialize()
    requests: list[int | str] = []
    for number in range(400):
        kind = choose.random()
        if kind < 0.6:
            request: int | str = choose.choice([1000 + number, f"text {number}"])
            requests.append(request)
            wire.send({"jsonrpc": "2.0", "id": request, "method": choose.choice(KNOWN), "params": params(choose)})
        elif kind < 0.7 and requests:
            wire.notify("$/cancelRequest", {"id": choose.choice(requests)})
        elif kind < 0.75 and requests:
            wire.send({"jsonrpc": "2.0", "id": choose.choice([*requests, "strange"]), "result": choose.choice(JUNK)})
        else:
            wire.notify(choose.choice(NOTES), params(choose))
    # What is still running by now would run for ever; it is cancelled, and answered.
    for request in requests:
        wire.notify("$/cancelRequest", {"id": request})
    for request in requests:
        await wire.response(request)
    assert await wire.result("shutdown") is None
    wire.notify("exit")
    assert await wire.ended() == 0
    assert [request for request in requests if len(wire.responses(request)) != 1] == []
    assert wire.raw == b""
    assert b"Traceback" not in wire.stderr


def params(choose: random.Random) -> Any:
    at = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": choose.choice([0, 5, -1, 2**31])}}
    document = {"uri": choose.choice([URI, "", "untitled:x", "file:///w/\x00", 5]), "version": choose.choice(JUNK)}
    return choose.choice(
        [
            *JUNK,
            {"textDocument": document, "range": at, "context": {"diagnostics": [{"range": at, "message": "m"}]}},
            {"textDocument": document, "contentChanges": [{"range": at, "text": "x"}]},
            {"textDocument": {**document, "languageId": "python", "text": "def test_a(): pass\n", "version": 1}},
            {"command": choose.choice(COMMANDS), "arguments": [{"uri": URI, "line": 0, "message": "m", "test": "t"}]},
            {"command": choose.choice(COMMANDS), "arguments": choose.choice(JUNK)},
            {"title": "an action", "kind": choose.choice(JUNK)},
        ]
    )
