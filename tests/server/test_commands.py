"""Commands when things do not go well: cancelling, vanishing, being busy, nothing to run, nothing found."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.server.desk import Start, left_behind, processes_of
from tests.server.shop import BROKEN, FAULTY, make_shop, make_slow_shop
from tests.server.wire import WITHIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = "tests/test_slow.py::test_slow"


# ---- cancelling and vanishing


@pytest.mark.parametrize("how", ["request", "progress", "command"])
async def test_cancelling_stops_the_sandbox(desk: Start, tmp_path: Path, how: str) -> None:
    it = await desk(make_slow_shop(tmp_path / "shop"))
    tests = it.open("tests/test_slow.py")
    request = it.start("assay.runTest", uri=tests, test=SLOW)
    token = await it.progress(lambda message: message == "reading the workspace")
    while not left_behind(os.environ["ASSAY_STATE"]):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)
    if how == "request":
        it.wire.notify("$/cancelRequest", {"id": request})
        assert (await it.wire.response(request))["error"]["code"] == -32800
    else:
        if how == "progress":
            it.wire.notify("window/workDoneProgress/cancel", {"token": token})
        else:
            assert await it.run("assay.cancel") == {"cancelled": 1}
        assert (await it.wire.response(request))["result"]["status"] == "cancelled"
    assert processes_of(it.wire) == []
    assert left_behind(os.environ["ASSAY_STATE"]) == []
    ends = [params["value"]["message"] for params in it.wire.sent("$/progress") if params["value"]["kind"] == "end"]
    assert ends == ["stopped"]
    assert it.applied == []
    assert (await it.wire.result("assay/debug/stats"))["pendingRequests"] == 0


@pytest.mark.parametrize("how", ["kill the pipe", "kill the server"])
async def test_a_client_that_vanishes_mid_fix_leaves_no_process(desk: Start, tmp_path: Path, how: str) -> None:
    it = await desk(make_slow_shop(tmp_path / "shop"))
    tests = it.open("tests/test_slow.py")
    it.start("assay.makeTestPass", uri=tests, test=SLOW)
    while not left_behind(os.environ["ASSAY_STATE"]):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)
    if how == "kill the pipe":
        it.wire.process.stdin.close()
    else:
        it.wire.process.kill()
    await it.wire.ended()
    if how == "kill the server":  # it could do nothing; its sandboxes end by themselves, or with the next start
        again = await desk(it.root)
        await again.wire.notification("assay/status")
    async with asyncio.timeout(WITHIN):
        while left_behind(os.environ["ASSAY_STATE"]):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)


# ---- busy


async def test_one_command_runs_and_a_few_wait(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_slow_shop(tmp_path / "shop"))
    tests = it.open("tests/test_slow.py")
    requests = [it.start("assay.runTest", uri=tests, test=SLOW) for _ in range(5)]
    refused = (await it.wire.response(requests[-1]))["result"]
    assert refused["reason"].startswith("Assay is busy here with “Assay: run test_slow” and 3 more;")
    await it.progress(lambda message: message == "waiting for another command")
    assert await it.run("assay.cancel", uri=tests) == {"cancelled": 4}
    for request in requests[:-1]:
        assert (await it.wire.response(request))["result"]["status"] == "cancelled"


# ---- nothing to run


async def test_an_untrusted_workspace_runs_nothing(desk: Start, tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop")
    it = await desk(root, ASSAY_TRUST="untrusted")
    tests = it.open("tests/test_shop.py")
    result = await it.run("assay.makeTestPass", uri=tests, test=BROKEN)
    assert (result["grade"], result["applied"]) == ("unverified", False)
    assert result["reason"] == "This workspace is not trusted, so nothing in it is run."
    ran = await it.run("assay.runTest", uri=tests)
    assert (ran["status"], ran["tests"]) == ("refused", [])
    assert it.said() == [f"Assay: {result['reason']}"] * 2
    status = await it.wire.notification("assay/status", lambda params: params["state"] == "warning")
    assert status["sandbox"]["available"] is False


async def test_without_a_sandbox_nothing_is_run_and_the_reason_is_said(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"), ASSAY_SANDBOX_RUNSC=str(tmp_path / "no-such-runsc"))
    tests = it.open("tests/test_shop.py")
    result = await it.run("assay.makeTestPass", uri=tests, test=BROKEN)
    assert (result["grade"], result["applied"], result["receipt"]) == ("unverified", False, None)
    assert "no-such-runsc" in result["reason"]


async def test_a_workspace_without_an_interpreter_is_said(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"), ASSAY_PYTHON=str(tmp_path / "no-such-python"))
    tests = it.open("tests/test_shop.py")
    result = await it.run("assay.makeTestPass", uri=tests, test=BROKEN)
    assert result["grade"] == "failed"
    assert "no-such-python" in result["reason"]
    assert it.said() == [f"Assay: {result['reason']}"]


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("assay.makeTestPass", {"test": "tests/test_shop.py::test_small"}, "already passes"),
        ("assay.makeTestPass", {"test": "tests/test_shop.py::test_none"}, "No test"),
        ("assay.fixFunction", {"line": 8, "name": "label"}, "Nothing to fix"),
    ],
)
async def test_nothing_to_do_is_said(
    desk: Start, tmp_path: Path, command: str, arguments: dict[str, Any], says: str
) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    name = "shop.py" if command == "assay.fixFunction" else "tests/test_shop.py"
    result = await it.run(command, uri=it.open(name), **arguments)
    assert result["applied"] is False
    assert says in result["reason"]
    assert it.said() == [f"Assay: {result['reason']}"]


async def test_a_file_with_a_syntax_error_still_gets_actions_and_a_clear_answer(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    source = it.open("shop.py", FAULTY.replace("def label(size):", "def label(size:"))
    at = {"line": 4, "character": 6}
    params = {"textDocument": {"uri": source}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    [action] = await it.wire.result("textDocument/codeAction", params)
    assert action["title"] == "Fix fits"
    command = action["command"]
    result = await it.run(command["command"], **command["arguments"][0])
    assert result["applied"] is False
    assert result["reason"]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("assay.makeTestPass", []),
        ("assay.makeTestPass", [{"uri": "file:///w/a.py"}]),
        ("assay.makeTestPass", [{"uri": 5, "test": "x"}]),
        ("assay.makeTestPass", ["file:///w/a.py"]),
        ("assay.makeTestPass", [{}, {}]),
        ("assay.fixProblem", [{"uri": "file:///w/a.py", "line": -1, "message": "x"}]),
        ("assay.fixProblem", [{"uri": "file:///w/a.py", "line": "1", "message": "x"}]),
        ("assay.fixFunction", [{"uri": "file:///w/a.py", "line": True}]),
        ("assay.runTest", [{}]),
        ("assay.showReceipt", [{"id": 5}]),
        ("assay.showReceipt", [{"id": "../../etc/passwd"}]),
        ("assay.showReceipt", []),
    ],
)
async def test_bad_arguments_are_the_callers_mistake(
    desk: Start, tmp_path: Path, command: str, arguments: list[Any]
) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    answer = await it.wire.request("workspace/executeCommand", {"command": command, "arguments": arguments})
    assert answer["error"]["code"] == -32602
    assert it.said() == []


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///no/such/folder/a.py", "git:/x/a.py?b", ""])
async def test_documents_that_are_no_files_get_no_actions_and_a_clear_answer(
    desk: Start, tmp_path: Path, uri: str
) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    document = {"uri": uri, "languageId": "python", "version": 1, "text": FAULTY}
    it.wire.notify("textDocument/didOpen", {"textDocument": document})
    at = {"line": 4, "character": 6}
    params = {"textDocument": {"uri": uri}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    assert await it.wire.result("textDocument/codeAction", params) == []
    assert await it.wire.result("textDocument/codeLens", {"textDocument": {"uri": uri}}) == []
    result = await it.run("assay.fixFunction", uri=uri, line=4)
    assert "save the document first" in result["reason"]


# ---- receipts


async def test_receipts_that_do_not_exist_are_said(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    for params, says in (
        ({}, "There is no receipt yet"),
        (None, "There is no receipt yet"),
        ({"id": "nope"}, "There is no receipt 'nope'"),
        ({"id": "../x"}, "There is no receipt '../x'"),
        ({"id": 5}, "is a text"),
        ([], "wants {id}"),
    ):
        error = (await it.wire.request("assay/receipt", params))["error"]
        assert error["code"] == -32602
        assert says in error["message"]


# ---- privacy


async def test_no_source_text_is_logged(desk: Start, tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop")
    secret = "text_that_must_not_be_logged"
    it = await desk(root, ASSAY_LOG_LEVEL="debug")
    tests = it.open("tests/test_shop.py", (root / "tests/test_shop.py").read_text() + f"\n# {secret}\n")
    await it.run("assay.runTest", uri=tests, test=BROKEN)
    it.wire.notify("textDocument/didChange", {"textDocument": {"uri": tests}, "contentChanges": [{"text": secret}]})
    await it.wire.request("textDocument/codeAction", {"textDocument": secret, "range": secret, "context": secret})
    it.change("tests/test_shop.py", f"def {secret}(:\n", 1)
    await it.wire.result("textDocument/codeLens", {"textDocument": {"uri": tests}})
    await it.wire.result("shutdown")
    it.wire.notify("exit")
    await it.wire.ended()
    assert b"WARNING" in it.wire.stderr
    assert secret.encode() not in it.wire.stderr
    assert b"size < limit" not in it.wire.stderr
