"""assay/nextEdit over the wire: four editors, files that are open and not, races, policy, models true and false."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.server.completions import at, explained, open_text, sit_down
from tests.server.conftest import Launch
from tests.server.desk import Desk
from tests.server.wire import capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEXT = "assay/nextEdit"
SHOP = "def total(xs):\n    return sum(xs)\n\n\nprint('😀', total([1]))\n"
RENAMED = SHOP.replace("def total", "def │add_up")


def type_line(desk: Desk, uri: str, line: int, text: str, version: int) -> None:
    """Replace a line as an editor does, by its range."""
    where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 1000}}
    changes = [{"range": where, "text": text.replace("│", "")}]
    params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}
    desk.wire.notify("textDocument/didChange", params)


async def ask(desk: Desk, uri: str, text: str, version: int | None = None) -> list[dict[str, Any]]:
    document: dict[str, Any] = {"uri": uri} if version is None else {"uri": uri, "version": version}
    return (await desk.wire.result(NEXT, {"textDocument": document, "position": at(text)}))["edits"]


def applied(text: str, edits: list[dict[str, Any]], encoding: str) -> str:
    """As an editor would."""
    code, unit = ("utf-16-le", 2) if encoding == "utf-16" else ("utf-8", 1)
    lines: list[bytes] = [line.encode(code) for line in text.split("\n")]
    for edit in reversed(edits):
        start, end = edit["range"]["start"], edit["range"]["end"]
        assert start["line"] == end["line"]
        line = lines[int(start["line"])]
        new = str(edit["text"]).encode(code)
        lines[int(start["line"])] = line[: start["character"] * unit] + new + line[end["character"] * unit :]
    return "\n".join(line.decode(code) for line in lines)


@pytest.mark.parametrize("editor", ["code-server", "Neovim-0.12", "Neovim-0.7", "helix-25"])
async def test_a_renamed_function_is_followed_in_every_editor(assay: Launch, tmp_path: Path, editor: str) -> None:
    (tmp_path / "ws").mkdir()
    desk = Desk(await assay(), tmp_path / "ws")
    folders = [{"uri": desk.root.as_uri(), "name": "ws"}]
    answer = await desk.wire.initialize(capabilities=capabilities(editor), workspaceFolders=folders)
    encoding = answer["capabilities"]["positionEncoding"]
    uri = open_text(desk, SHOP, name="shop.py")
    other = open_text(desk, "from shop import total\n\ntotal([2])\n", name="till.py")
    type_line(desk, uri, 0, "def add_up(xs):", 2)
    edits = await ask(desk, uri, RENAMED, 2)
    here = [edit for edit in edits if edit["textDocument"] == {"uri": uri, "version": 2}]
    there = [edit for edit in edits if edit["textDocument"] == {"uri": other, "version": 1}]
    now = RENAMED.replace("│", "")
    assert applied(now, here, encoding) == now.replace("total(", "add_up(")
    assert applied("from shop import total\n\ntotal([2])\n", there, encoding) == (
        "from shop import add_up\n\nadd_up([2])\n"
    )
    assert edits[0] == here[0]
    told = await explained(desk, "nextEdit")
    assert (told["reason"], told["cause"], told["origin"]) == (None, "rename", "rule")
    assert [(each["path"], each["line"]) for each in told["places"]] == [("shop.py", 4), ("till.py", 0), ("till.py", 2)]


async def test_what_was_taken_leads_to_the_next(assay: Launch, tmp_path: Path) -> None:
    """Parameters in another order: nothing in a call says whether it was done, so it is remembered."""
    desk = await sit_down(assay, tmp_path / "ws")
    uri = open_text(desk, "def f(a, b):\n    return a\n\n\nx = f(1, 2)\n\n\ny = f(3, 4)\n")
    type_line(desk, uri, 0, "def f(b, a):", 2)
    edits = await ask(desk, uri, "│")
    assert [edit["text"] for edit in edits] == ["2, 1", "4, 3"]
    taken = edits[0]
    desk.wire.notify("assay/didShowNextEdit", {"item": taken})
    change = {"range": taken["range"], "text": taken["text"]}
    desk.wire.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": 3}, "contentChanges": [change]})
    arguments = taken["command"]["arguments"]
    run = {"command": taken["command"]["command"], "arguments": arguments}
    assert await desk.wire.result("workspace/executeCommand", run) == {"known": True}
    assert await desk.wire.result("workspace/executeCommand", run) == {"known": False}
    assert [(edit["text"], edit["range"]["start"]["line"]) for edit in await ask(desk, uri, "│")] == [("4, 3", 7)]
    type_line(desk, uri, 7, "y = f(4, 3)", 4)
    assert await ask(desk, uri, "│") == []
    told = await explained(desk, "nextEdit")
    assert (told["reason"], told["counts"]) == ("no_place", {"shown": 1, "accepted": 1})


async def test_files_that_are_not_open_are_found_through_the_index(assay: Launch, tmp_path: Path) -> None:
    root = tmp_path / "ws"
    (root / "app").mkdir(parents=True)
    (root / "shop.py").write_text(SHOP)
    (root / "app" / "till.py").write_text("from shop import total\n\n\ndef pay():\n    return total([2])\n")
    (root / "secret.py").write_text("from shop import total\n\ntotal([3])\n")
    (root / ".aiignore").write_text("secret.py\n")
    desk = await sit_down(assay, root, ASSAY_INDEX_ENABLED="on", ASSAY_INDEX_EMBEDDER="none")
    uri = open_text(desk, SHOP, name="shop.py")
    async with asyncio.timeout(60):
        while not (await desk.wire.result("assay/search", {"query": "total"}))["hits"]:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)
    type_line(desk, uri, 0, "def add_up(xs):", 2)
    async with asyncio.timeout(60):
        while True:  # a machine with too much to do does not answer in the 0.6 s that the index has
            edits = await ask(desk, uri, RENAMED)
            if not (await explained(desk, "nextEdit"))["late"]:
                break
    places = [(edit["textDocument"]["uri"], edit["textDocument"]["version"]) for edit in edits]
    assert places == [(uri, 2), (desk.uri("app/till.py"), None), (desk.uri("app/till.py"), None)]


async def test_every_empty_answer_says_why(assay: Launch, tmp_path: Path) -> None:
    root = tmp_path / "ws"
    desk = await sit_down(assay, root)
    (root / ".aiignore").write_text("hidden.py\n")

    async def why(uri: str, version: int | None = None) -> str:
        assert await ask(desk, uri, "│", version) == []
        told = await explained(desk, "nextEdit")
        assert told["message"]
        return told["reason"]

    uri = open_text(desk, SHOP, name="shop.py")
    assert await why(uri) == "no_change"
    assert await why(uri, 7) in ("stale", "no_change")
    assert await why(desk.uri("closed.py")) == "not_open"
    assert await why("vscode-notebook-cell:/a.ipynb#1") == "notebook"
    hidden = open_text(desk, SHOP, name="hidden.py")
    type_line(desk, hidden, 0, "def add_up(xs):", 2)
    assert await why(hidden) == "policy"
    assert await why(uri) == "no_change", "what changed in a hidden file is known to nobody"
    type_line(desk, uri, 1, "    return 0", 2)
    assert await why(uri) == "nothing_follows"
    answer = await desk.wire.response(desk.wire.start(NEXT, {"textDocument": {"uri": 3}}))
    assert answer["error"]["code"] == -32602
    off = await sit_down(assay, tmp_path / "off", ASSAY_COMPLETE_NEXT_EDIT="off")
    desk = off
    assert await why(open_text(off, SHOP)) == "off"


async def test_a_hidden_file_is_not_offered(assay: Launch, tmp_path: Path) -> None:
    root = tmp_path / "ws"
    desk = await sit_down(assay, root)
    (root / ".aiignore").write_text("hidden.py\n")
    uri = open_text(desk, SHOP, name="shop.py")
    open_text(desk, "from shop import total\n\ntotal([2])\n", name="hidden.py")
    type_line(desk, uri, 0, "def add_up(xs):", 2)
    assert {edit["textDocument"]["uri"] for edit in await ask(desk, uri, RENAMED)} == {uri}


async def test_an_untitled_document_is_followed_alone(assay: Launch, tmp_path: Path) -> None:
    desk = await sit_down(assay, tmp_path / "ws")
    uri = open_text(desk, SHOP, uri="untitled:Untitled-1")
    open_text(desk, "from shop import total\n", name="till.py")
    type_line(desk, uri, 0, "def add_up(xs):", 2)
    assert {edit["textDocument"]["uri"] for edit in await ask(desk, uri, RENAMED)} == {uri}


# ---- with a model


def script(tmp_path: Path, answer: str, delay: float = 0.0) -> None:
    """The user's settings: a model that says one thing."""
    file = tmp_path / "answers.toml"
    file.write_text(f'[[answer]]\ndelay = {delay}\npieces = 1000\ntext = """\n{answer}"""\n')
    Path(os.environ["ASSAY_CONFIG"]).write_text(
        f'[cache]\nanswers = "off"\n\n[models.code]\nbackend = "scripted"\nscript = "{file}"\nroles = ["chat"]\n'
    )


CALLS = "def f(a):\n    return a\n\n\nx = f(1)\n"
ADDED = "def f(a, b):\n    return a\n\n\nx = f(1)\n"
ANSWERS = {
    "its own words": (f"BEGIN region\n{ADDED.replace('f(1)', 'f(1, b=2)')}END\n", ", b=2", "model", None),
    "prose": ("I would add b=2 to the call.\n", "1, ...", "rule", "unusable"),
}


async def test_the_latest_request_wins_and_a_cancelled_one_ends(assay: Launch, tmp_path: Path) -> None:
    script(tmp_path, f"BEGIN region\n{ADDED}END\n", delay=2.0)
    desk = await sit_down(assay, tmp_path / "ws")
    uri = open_text(desk, CALLS)
    type_line(desk, uri, 0, "def f(a, b):", 2)
    params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
    first, second = desk.wire.start(NEXT, params), desk.wire.start(NEXT, params)
    assert (await desk.wire.response(first))["result"] == {"edits": []}
    assert (await explained(desk, "nextEdit"))["reason"] == "superseded"
    desk.wire.notify("$/cancelRequest", {"id": second})
    assert (await desk.wire.response(second))["error"]["code"] == -32800
    third = desk.wire.start(NEXT, params)
    type_line(desk, uri, 4, "x = f(2)", 3)
    assert (await desk.wire.response(third))["result"] == {"edits": []}, "it was about another version"
    stats = await desk.wire.result("assay/debug/stats")
    assert stats["pendingRequests"] == 0


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_model_writes_it_or_the_rule_does(assay: Launch, tmp_path: Path, case: tuple[Any, ...]) -> None:
    answer, text, origin, fallback = case
    script(tmp_path, answer)
    desk = await sit_down(assay, tmp_path / "ws")
    uri = open_text(desk, CALLS)
    type_line(desk, uri, 0, "def f(a, b):", 2)
    assert [edit["text"] for edit in await ask(desk, uri, "│")] == [text]
    told = await explained(desk, "nextEdit")
    assert (told["origin"], told["fallback"]) == (origin, fallback)
