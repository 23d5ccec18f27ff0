"""Documents over the wire: in the encoding that was negotiated, and never silently other than the editor's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import Launch
from tests.server.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

URI = "file:///w/a%20b.py"
TEXT = "x = '😀é'  # 한\x0c\u2028\r\ny = 1\rz\n"


def at(line: int, character: int, end: int | None = None) -> dict[str, Any]:
    end = character if end is None else end
    return {"start": {"line": line, "character": character}, "end": {"line": line, "character": end}}


def opened(wire: Wire, text: str = TEXT, version: int = 1, uri: str = URI) -> None:
    item = {"uri": uri, "languageId": "python", "version": version, "text": text}
    wire.notify("textDocument/didOpen", {"textDocument": item})


def changed(wire: Wire, version: int, *changes: Any, uri: str = URI) -> None:
    document = {"uri": uri, "version": version}
    wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})


async def seen(wire: Wire, uri: str = URI) -> dict[str, Any]:
    return await wire.result("assay/debug/document", {"uri": uri})


def reports(wire: Wire) -> list[str]:
    return [params["message"] for params in wire.sent("window/logMessage")]


@pytest.mark.parametrize(
    ("offered", "chosen", "quote"),
    [
        (None, "utf-16", 8),
        (["utf-8", "utf-16"], "utf-8", 11),
        (["utf-32"], "utf-32", 7),
        (["utf-7", "utf-16"], "utf-16", 8),
    ],
)
async def test_positions_are_in_the_units_that_were_negotiated(
    assay: Launch, offered: list[str] | None, chosen: str, quote: int
) -> None:
    wire = await assay("--debug")
    general = {"positionEncodings": offered} if offered else {}
    result = await wire.initialize(capabilities={"general": general})
    assert result["capabilities"]["positionEncoding"] == chosen
    opened(wire)
    changed(wire, 2, {"range": at(0, quote, quote + 1), "text": '"'}, {"range": at(2, 1), "text": "😀"})
    assert (await seen(wire))["text"] == TEXT.replace("é'", 'é"').replace("z", "z😀")


async def test_a_change_of_a_document_that_is_not_open_is_reported(assay: Launch) -> None:
    wire = await assay("--debug")
    await wire.initialize()
    changed(wire, 2, {"text": "x"})
    assert (await wire.request("assay/debug/document", {"uri": URI}))["error"]["code"] == -32602
    assert reports(wire) == [
        "Assay: a b.py is out of sync, because it changed without being open. Close it and open it again."
    ]


@pytest.mark.parametrize("bad", [{"range": at(0, -1), "text": "x"}, {"text": 5}, {"range": at(0, 0)}, 7])
async def test_a_change_that_cannot_be_read_is_reported_and_the_document_not_used(assay: Launch, bad: Any) -> None:
    wire = await assay("--debug", ASSAY_TRUST="untrusted")
    await wire.initialize()
    opened(wire, "def f():\n    pass\n")
    changed(wire, 2, bad)
    assert (await seen(wire))["inSync"] is False
    assert reports(wire)[0].startswith("Assay: a b.py is out of sync, because it sent a change that cannot be read.")
    params = {"textDocument": {"uri": URI}, "range": at(0, 0), "context": {"diagnostics": []}}
    assert await wire.result("textDocument/codeAction", params) == []
    command = {"command": "assay.fixFunction", "arguments": [{"uri": URI, "line": 0}]}
    result = await wire.result("workspace/executeCommand", command)
    assert result["applied"] is False
    changed(wire, 3, {"text": "whole\n"})
    assert await seen(wire) == {"text": "whole\n", "version": 3, "languageId": "python", "inSync": True}


async def test_a_version_that_does_not_grow_is_reported_and_the_change_applied(assay: Launch) -> None:
    wire = await assay("--debug")
    await wire.initialize()
    opened(wire, "a", version=5)
    changed(wire, 4, {"range": at(0, 1), "text": "b"})
    assert await seen(wire) == {"text": "ab", "version": 4, "languageId": "python", "inSync": True}
    assert reports(wire) == ["Assay: the version of a b.py went from 5 to 4."]


async def test_opening_again_takes_the_newer_text_and_closing_forgets(assay: Launch) -> None:
    wire = await assay("--debug")
    await wire.initialize()
    opened(wire, "one")
    opened(wire, "two", version=2)
    assert (await seen(wire))["text"] == "two"
    # Escaped otherwise, and the same document.
    assert (await seen(wire, "file:///w/a b.py"))["text"] == "two"
    wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert (await wire.result("assay/debug/stats"))["openDocuments"] == 0


async def test_changes_of_one_message_apply_one_after_the_other(assay: Launch) -> None:
    wire = await assay("--debug")
    await wire.initialize()
    opened(wire, "")
    changed(
        wire, 2, {"range": at(0, 0), "text": "a\r"}, {"range": at(1, 0), "text": "\n"}, {"range": at(1, 0), "text": "b"}
    )
    assert (await seen(wire))["text"] == "a\r\nb"


async def test_debug_methods_exist_with_debug_only(assay: Launch) -> None:
    wire = await assay()
    await wire.initialize()
    for method in ("assay/debug/document", "assay/debug/stats"):
        assert (await wire.request(method, {"uri": URI}))["error"]["code"] == -32601


# ---- what an editor is given


async def test_an_editor_without_code_action_literals_gets_commands(assay: Launch, tmp_path: Path) -> None:
    wire = await assay()
    await wire.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "test_a.py").as_uri()
    opened(wire, "def test_a():\n    assert False\n", uri=uri)
    params = {"textDocument": {"uri": uri}, "range": at(1, 0), "context": {"diagnostics": []}}
    assert await wire.result("textDocument/codeAction", params) == [
        {
            "title": "Make test_a pass",
            "command": "assay.makeTestPass",
            "arguments": [{"uri": uri, "version": 1, "test": "test_a.py::test_a"}],
        }
    ]


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (None, ["quickfix", "refactor.rewrite"]),
        (["quickfix"], ["quickfix"]),
        (["refactor"], ["refactor.rewrite"]),
        (["refactor.rewrite"], ["refactor.rewrite"]),
        (["refactor.extract"], []),
        (["source"], []),
        ([""], ["quickfix", "refactor.rewrite"]),
    ],
)
async def test_only_the_kinds_asked_for(
    assay: Launch, tmp_path: Path, only: list[str] | None, kinds: list[str]
) -> None:
    wire = await assay()
    literal = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor"]}}}
    await wire.initialize(rootUri=tmp_path.as_uri(), capabilities={"textDocument": {"codeAction": literal}})
    uri = (tmp_path / "a.py").as_uri()
    opened(wire, "def f():\n    return 1\n", uri=uri)
    context: dict[str, Any] = {"diagnostics": [{"range": at(1, 0), "message": "m"}]}
    if only is not None:
        context["only"] = only
    params = {"textDocument": {"uri": uri}, "range": at(1, 0), "context": context}
    assert [action["kind"] for action in await wire.result("textDocument/codeAction", params)] == kinds


async def test_resolving_gives_back_what_was_sent(assay: Launch) -> None:
    wire = await assay()
    await wire.initialize()
    action = {"title": "of somebody else", "kind": "quickfix", "data": {"any": ["thing"]}}
    assert await wire.result("codeAction/resolve", action) == action


async def test_folders_come_and_go(assay: Launch, tmp_path: Path) -> None:
    """A test's id is relative to its own root."""
    wire = await assay()
    (tmp_path / "one" / "deep").mkdir(parents=True)
    await wire.initialize(workspaceFolders=[{"uri": tmp_path.as_uri(), "name": "all"}])
    uri = (tmp_path / "one" / "deep" / "test_a.py").as_uri()
    opened(wire, "def test_a():\n    pass\n", uri=uri)
    params = {"textDocument": {"uri": uri}, "range": at(1, 0), "context": {"diagnostics": []}}

    async def test_id() -> str:
        [action] = await wire.result("textDocument/codeAction", params)
        return action["arguments"][0]["test"]

    async def folders(*, added: list[Path], removed: list[Path]) -> None:
        event = {name: [{"uri": path.as_uri(), "name": path.name} for path in paths]
                 for name, paths in (("added", added), ("removed", removed))}  # fmt: skip
        wire.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        changed(wire, 9, {"text": f"def test_a():\n    pass\n{'#' * len(added)}"}, uri=uri)

    assert await test_id() == "one/deep/test_a.py::test_a"
    await folders(added=[tmp_path / "one"], removed=[])
    assert await test_id() == "deep/test_a.py::test_a"
    await folders(added=[], removed=[tmp_path / "one"])
    assert await test_id() == "one/deep/test_a.py::test_a"
