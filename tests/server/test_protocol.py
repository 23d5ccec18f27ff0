"""Each defect of stock pygls 2.1.1, shown there and mended here. A test of stock that fails after an upgrade means
that the mend may go."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
import pytest_asyncio

from tests.server.conftest import Launch
from tests.server.wire import NO_ANSWER, PROBE, Wire, launch

pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///w/a.py"
RANGE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
ACTION = {"textDocument": {"uri": URI}, "range": RANGE, "context": {"diagnostics": []}}


async def started(probe: Launch, kind: str) -> Wire:
    wire = await probe(kind)
    await wire.initialize()
    return wire


async def quiet(wire: Wire) -> None:
    """Everything that was on its way has come: a request answered later than all that was sent before."""
    await wire.result("probe/pause")


# ---- cancelling a command


@pytest.mark.parametrize("kind", ["stock", "mended"])
async def test_cancelling_a_command_stops_it(probe: Launch, kind: str) -> None:
    wire = await started(probe, kind)
    wire.answer = lambda method, params: {"applied": True}
    request = wire.start("workspace/executeCommand", {"command": "probe.slow", "arguments": []})
    await wire.notification("window/logMessage", lambda params: params["message"] == "step 1")
    wire.notify("$/cancelRequest", {"id": request})
    assert (await wire.response(request))["error"]["code"] == -32800
    if kind == "stock":
        await wire.first(lambda message: message.get("method") == "workspace/applyEdit")  # it ran on, and edited
        return
    steps = len(wire.sent("window/logMessage"))
    for _ in range(24):  # longer than the command would have taken
        await quiet(wire)
    assert len(wire.sent("window/logMessage")) == steps
    assert wire.sent("workspace/applyEdit") == []
    assert len(wire.responses(request)) == 1


# ---- undecodable requests


def action(**changed: Any) -> dict[str, Any]:
    return {"method": "textDocument/codeAction", "params": {**ACTION, **changed}}


def range_from(line: Any) -> dict[str, Any]:
    return {"start": {"line": line, "character": 0}, "end": {"line": 0, "character": 0}}


UNDECODABLE: list[tuple[str, Any, int]] = [
    ("unknown enum value", action(context={"diagnostics": [], "triggerKind": 9}), -32602),
    ("missing field", {"method": "textDocument/codeAction", "params": {"textDocument": {"uri": URI}}}, -32602),
    ("number for a string", action(textDocument={"uri": 5}), -32602),
    ("boolean for a number", action(range=range_from(True)), -32602),
    ("string for a number", action(range=range_from("0")), -32602),
    ("negative position", action(range=range_from(-1)), -32602),
    ("list for an object", action(range=[1, 2]), -32602),
    ("null for an object", action(range=None), -32602),
    ("text for a list", action(context={"diagnostics": "text"}), -32602),
    ("params that are a list", {"method": "textDocument/codeAction", "params": [1, 2]}, -32602),
    ("params that are a string", {"method": "textDocument/codeAction", "params": "x"}, -32602),
    ("params that are a number", {"method": "textDocument/codeAction", "params": 5}, -32602),
    ("no params", {"method": "textDocument/codeAction"}, -32602),
    ("unknown command", {"method": "workspace/executeCommand", "params": {"command": "no.such"}}, -32602),
    ("unknown method", {"method": "no/such", "params": {}}, -32601),
    ("known method without a handler", {"method": "textDocument/rename", "params": 5}, -32601),
    ("unknown method of the protocol", {"method": "$/no/such", "params": {}}, -32601),
    ("no method", {}, -32600),
    ("method that is no string", {"method": 7}, -32600),
    ("other version of JSON-RPC", {"jsonrpc": "1.0", "method": "probe/echo"}, -32600),
]


@pytest.mark.parametrize(("what", "message", "code"), UNDECODABLE, ids=[case[0] for case in UNDECODABLE])
async def test_an_undecodable_request_gets_exactly_one_error(mended: Wire, what: str, message: Any, code: int) -> None:
    request = f"id of {what}"
    mended.send({"jsonrpc": "2.0", "id": request, **message})
    answer = await mended.response(request)
    assert answer["error"]["code"] == code
    assert set(answer["error"]) == {"code", "message"}
    await quiet(mended)
    assert len(mended.responses(request)) == 1
    assert mended.sent("window/showMessage") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"", -32700),
        (b"\xff\xfe{", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b"null", -32600),
        (b'"text"', -32600),
        (b"[1,2]", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"probe/echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"probe/echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"probe/echo"}', -32600),
        (b'{"jsonrpc":"2.0","id":[1],"method":"probe/echo"}', -32600),
        (b"{}", -32600),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_message_without_a_usable_id_is_answered_with_null(mended: Wire, body: bytes, code: int) -> None:
    mended.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    answer = await mended.response(None)
    assert answer["error"]["code"] == code
    assert "id" in answer
    await quiet(mended)
    assert len(mended.responses(None)) == 1


async def test_each_request_of_a_batch_is_refused_by_its_id(mended: Wire) -> None:
    batch = [{"jsonrpc": "2.0", "id": name, "method": "probe/echo"} for name in ("a", "b")]
    mended.send([*batch, {"jsonrpc": "2.0", "method": "probe/note"}])
    assert (await mended.response("a"))["error"]["code"] == -32600
    assert (await mended.response("b"))["error"]["code"] == -32600
    await quiet(mended)
    assert mended.responses(None) == []


async def test_stock_never_answers_an_undecodable_request(probe: Launch) -> None:
    wire = await started(probe, "stock")
    request = wire.start("textDocument/codeAction", {"textDocument": {"uri": URI}})
    await wire.notification("window/showMessage")  # a pop-up instead
    await quiet(wire)
    assert wire.responses(request) == []


async def test_thousands_of_undecodable_requests_stay_cheap(mended: Wire) -> None:
    """Memory, and the number of answers; what they cost in time is in the benchmarks."""
    bad = {**ACTION, "context": {"diagnostics": [{"range": RANGE, "message": 5}] * 20, "triggerKind": 9}}

    async def send(count: int) -> None:
        requests = [mended.start("textDocument/codeAction", bad) for _ in range(count)]
        assert (await mended.response(requests[-1]))["error"]["code"] == -32602
        assert all(len(mended.responses(request)) == 1 for request in requests[::97])

    await send(2500)  # what a burst of this size needs while it lasts
    before = await mended.result("assay/debug/stats")
    await send(2500)
    after = await mended.result("assay/debug/stats")
    assert after["residentBytes"] - before["residentBytes"] < 1 << 20
    assert after["pendingRequests"] == before["pendingRequests"] == 0


# ---- custom methods

NESTED = {"mcp": {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}}, "class": 1, "from-x": [2], "1": {}}


@pytest.mark.parametrize(
    "params", [NESTED, [NESTED], [], {}, "text", 5, None, {"result": {"jsonrpc": "2.0", "id": 1, "result": {}}}]
)
async def test_custom_methods_get_what_was_sent(mended: Wire, params: Any) -> None:
    assert await mended.result("probe/echo", params) == params


async def test_nested_messages_in_command_arguments_are_data(mended: Wire) -> None:
    answer = await mended.request("workspace/executeCommand", {"command": "no.such", "arguments": [NESTED]})
    assert answer["error"]["code"] == -32602


async def test_stock_never_answers_nested_messages_and_renames_keys(probe: Launch) -> None:
    wire = await started(probe, "stock")
    request = wire.start("probe/echo", NESTED)
    await quiet(wire)
    assert wire.responses(request) == []
    assert await wire.result("probe/echo", {"class": 1}) != {"class": 1}


# ---- what is kept


async def did_change(wire: Wire, count: int, version: int) -> None:
    change = {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}, "text": "b"}
    for step in range(count):
        document = {"uri": URI, "version": version + step}
        wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
    await quiet(wire)


def opened(text: str, uri: str = URI) -> dict[str, Any]:
    return {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": text}}


async def test_twenty_thousand_changes_leave_nothing(mended: Wire) -> None:
    mended.notify("textDocument/didOpen", opened("a\n"))
    await did_change(mended, 10_000, 2)  # what a burst needs while it lasts
    before = await mended.result("assay/debug/stats")
    await did_change(mended, 20_000, 10_002)
    after = await mended.result("assay/debug/stats")
    assert after["residentBytes"] - before["residentBytes"] < 1 << 20
    assert (after["tasks"], after["pendingRequests"]) == (before["tasks"], 0)
    assert (await mended.result("assay/debug/document", {"uri": URI}))["version"] == 30_001


async def test_stock_keeps_a_future_for_each_change(probe: Launch) -> None:
    wire = await started(probe, "stock")
    wire.notify("textDocument/didOpen", opened("a\n"))
    await did_change(wire, 200, 2)
    assert await wire.result("probe/futures") > 200


# ---- what errors tell


@pytest.mark.parametrize("method", ["probe/boom", "probe/boomLater", "probe/unsendable"])
async def test_a_failing_handler_tells_the_client_nothing_of_the_inside(mended: Wire, method: str) -> None:
    error = (await mended.request(method))["error"]
    assert error["code"] == -32603
    assert set(error) == {"code", "message"}
    assert error["message"] == f"{method} failed inside the server; its log has the details."
    await quiet(mended)
    assert mended.sent("window/showMessage") == []


async def test_a_failing_notification_is_logged_without_its_text(mended: Wire) -> None:
    mended.notify("probe/boomNote")
    await quiet(mended)
    assert mended.sent("window/showMessage") == []
    await mended.logged(b"probe/boomNote failed: RuntimeError")
    line = next(line for line in mended.stderr.splitlines() if b"probe/boomNote failed: RuntimeError" in line)
    assert b"boom_note" in line
    assert b"secret" not in line


async def test_stock_sends_tracebacks_with_paths(probe: Launch) -> None:
    wire = await started(probe, "stock")
    error = (await wire.request("probe/boom"))["error"]
    assert "probe_server.py" in json.dumps(error["data"])
    assert "secret" in error["message"]


# ---- the life cycle


async def test_requests_before_initialize_are_refused(probe: Launch) -> None:
    wire = await probe("mended")
    for method in ("textDocument/codeAction", "shutdown", "no/such", "assay/debug/stats"):
        assert (await wire.request(method, 5))["error"]["code"] == -32002
    wire.notify("textDocument/didOpen", opened("too early"))
    assert (await wire.request("initialize", {"capabilities": 5}))["error"]["code"] == -32602
    await wire.initialize()
    assert (await wire.result("assay/debug/stats"))["openDocuments"] == 0


async def test_a_second_initialize_is_refused_and_changes_nothing(mended: Wire) -> None:
    mended.notify("textDocument/didOpen", opened("text\n"))
    params = {"processId": None, "rootUri": None, "capabilities": {"general": {"positionEncodings": ["utf-8"]}}}
    assert (await mended.request("initialize", params))["error"]["code"] == -32600
    assert (await mended.result("assay/debug/document", {"uri": URI}))["text"] == "text\n"


async def test_stock_answers_a_second_initialize(probe: Launch) -> None:
    wire = await started(probe, "stock")
    assert "result" in await wire.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})


async def test_a_request_after_shutdown_is_refused_and_exit_returns_0(probe: Launch) -> None:
    wire = await started(probe, "mended")
    assert await wire.result("shutdown") is None
    for method in ("probe/echo", "shutdown", "initialize", "no/such"):
        assert (await wire.request(method))["error"]["code"] == -32600
    wire.notify("exit")
    assert await wire.ended() == 0


async def test_stock_never_answers_after_shutdown(probe: Launch) -> None:
    wire = await started(probe, "stock")
    await wire.result("shutdown")
    request = wire.start("probe/echo")
    wire.notify("exit")
    await wire.ended()
    assert wire.responses(request) == []


@pytest.mark.parametrize("initialized", [True, False])
async def test_exit_without_shutdown_returns_1(probe: Launch, initialized: bool) -> None:
    wire = await probe("mended")
    if initialized:
        await wire.initialize()
    wire.notify("exit")
    assert await wire.ended() == 1


async def test_shutdown_cancels_what_runs(probe: Launch) -> None:
    wire = await started(probe, "mended")
    hover = wire.start("textDocument/hover", {"textDocument": {"uri": URI}, "position": RANGE["start"]})
    shutdown = wire.start("shutdown")
    wire.notify("exit")
    assert (await wire.response(hover))["error"]["code"] == -32800
    assert (await wire.response(shutdown))["result"] is None
    assert await wire.ended() == 0


# ---- ids


async def test_a_request_with_the_id_of_a_running_one_is_refused(mended: Wire) -> None:
    mended.send({"jsonrpc": "2.0", "id": "same", "method": "probe/pause"})
    mended.send({"jsonrpc": "2.0", "id": "same", "method": "probe/pause"})
    await mended.first(lambda message: message.get("id") == "same" and "result" in message)
    await quiet(mended)
    answers = mended.responses("same")
    assert [answer.get("result") or answer["error"]["code"] for answer in answers] == [-32600, "paused"]
    mended.send({"jsonrpc": "2.0", "id": "same", "method": "probe/echo", "params": "again"})
    await mended.first(lambda message: message.get("id") == "same" and message.get("result") == "again")


async def test_strings_and_numbers_are_different_ids(mended: Wire) -> None:
    hover = {"textDocument": {"uri": URI}, "position": RANGE["start"]}
    mended.send({"jsonrpc": "2.0", "id": "91", "method": "textDocument/hover", "params": hover})
    mended.send({"jsonrpc": "2.0", "id": 91, "method": "textDocument/hover", "params": hover})
    mended.notify("$/cancelRequest", {"id": 91})
    assert (await mended.response(91))["error"]["code"] == -32800
    assert mended.responses("91") == []
    mended.notify("$/cancelRequest", {"id": "91"})
    assert (await mended.response("91"))["error"]["code"] == -32800


@pytest.mark.parametrize("bad", [{"id": 4711}, {"id": None}, {}, [], {"id": {"a": 1}}, None])
async def test_odd_cancellations_are_ignored(mended: Wire, bad: Any) -> None:
    mended.notify("$/cancelRequest", bad)
    await quiet(mended)
    assert mended.responses(None) == []


async def test_answers_nobody_waits_for_are_ignored(mended: Wire) -> None:
    hover = {"textDocument": {"uri": URI}, "position": RANGE["start"]}
    running = mended.start("textDocument/hover", hover)
    mended.send({"jsonrpc": "2.0", "id": "unknown", "result": 5})
    mended.send({"jsonrpc": "2.0", "id": running, "result": 5})  # not a request of the server's
    mended.send({"jsonrpc": "2.0", "id": "unknown", "error": {"code": 1, "message": "x"}})
    await quiet(mended)
    assert mended.responses(running) == []
    mended.notify("$/cancelRequest", {"id": running})
    assert (await mended.response(running))["error"]["code"] == -32800


async def test_a_request_to_the_client_that_gets_no_answer_ends(mended: Wire) -> None:
    mended.answer = lambda method, params: NO_ANSWER
    assert await mended.result("probe/ask") == "answer: None"
    late = await mended.first(lambda message: message.get("method") == "workspace/codeLens/refresh")
    mended.send({"jsonrpc": "2.0", "id": late["id"], "result": None})
    await quiet(mended)
    assert (await mended.result("assay/debug/stats"))["pendingRequests"] == 0
    assert mended.sent("window/showMessage") == []


# ---- stdout


@pytest.mark.parametrize(("method", "result"), [("probe/print", "printed"), ("probe/child", "ran")])
async def test_stdout_belongs_to_the_protocol(mended: Wire, method: str, result: str) -> None:
    assert await mended.result(method) == result
    await quiet(mended)
    assert mended.raw == b""
    assert b"a stray print" in mended.stderr or b"from the child" in mended.stderr


async def test_stock_lets_a_print_into_the_protocol(probe: Launch) -> None:
    wire = await started(probe, "stock")
    await wire.result("probe/print")
    assert wire.raw != b""


# ---- a client that does not read


async def test_what_a_client_leaves_unread_is_bounded(probe: Launch) -> None:
    """Notifications beyond 8 MiB are dropped; the answer comes all the same."""
    wire = await started(probe, "mended")
    stdout: Any = wire.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    stdout.pause_reading()
    flood = wire.start("probe/flood", {"count": 2000})  # 200 MB
    await wire.logged(b"flooded")
    resident = psutil.Process(wire.process.pid).memory_info().rss
    stdout.resume_reading()
    assert (await wire.response(flood))["result"] == "flooded"
    assert resident < 120 << 20
    assert len(wire.sent("probe/noise")) < 1000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_mended() -> AsyncIterator[Wire]:
    wire = await launch("mended", command=(sys.executable, "-P", PROBE))
    await wire.initialize()
    yield wire
    await wire.stop()


@pytest.fixture
def mended(one_mended: Wire) -> Wire:
    """Our server, shared by the tests that leave it as it was."""
    one_mended.received.clear()
    one_mended.answer = lambda method, params: None
    return one_mended
