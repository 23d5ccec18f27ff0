"""Ghost text over the wire: what is shown, why nothing is, and what the model server saw of it."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.lying_server import running
from tests.server.completions import (
    INLINE,
    ask,
    begun,
    change_text,
    configure,
    explained,
    open_text,
    params,
    reason,
    seen,
    sit_down,
    texts,
)
from tests.server.conftest import Launch

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD = "def add(first, second):\n    return │\n"


TEXTS = ('x = "é😀", │', "a = 1\fb = 2\nx = │", "x\u2028y\n y = │\r\nz", "\ty = │", "#\x0b\x0c\n中文 = │\n")


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with running() as address:
        yield address


async def test_a_suggestion_with_its_range_command_and_account(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "one", text="first + second\n\n\ndef other(): ...\n")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, ADD)
    [item] = await ask(desk, uri, ADD)
    assert item["insertText"] == "first + second"
    assert item["range"] == {"start": {"line": 1, "character": 11}, "end": {"line": 1, "character": 11}}
    assert item["command"]["command"] == "assay.completionAccepted"
    said = await explained(desk)
    assert (said["kind"], said["uri"], said["version"], said["reason"], said["origin"]) == (
        "completion", uri, 1, None, "model",
    )  # fmt: skip
    assert said["family"] == "qwen-coder"
    assert 0 < said["tokens"]["prompt"] <= said["tokens"]["budget"]
    assert 0 < said["seconds"]["toFirstToken"] <= said["seconds"]["total"]
    [request] = await seen(model, "one")
    assert request["body"]["prompt"].endswith("    return <|fim_suffix|><|fim_middle|>")
    assert request["path"] == "/v1/completions"
    # The status follows a moment later, and the log has one line, without any of the code.
    status = await desk.wire.notification("assay/status", lambda params: "completion" in params)
    assert status["completion"]["reason"] is None
    await desk.wire.logged(b"completion reason=shown origin=model")
    assert b"first +" not in desk.wire.stderr.replace(b'{"text"', b"").partition(b"model=openai")[0]
    assert b"def add" not in desk.wire.stderr
    assert await explained(desk, None) == said


async def test_typing_along_asks_the_model_once(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "along", text="first + second")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, ADD)
    [whole] = await ask(desk, uri, ADD)
    text = ADD
    for version, sign in enumerate("first + ", 2):
        text = text.replace("│", f"{sign}│")
        change_text(desk, uri, text, version)
        [item] = await ask(desk, uri, text)
        assert item["command"] == whole["command"]
    assert item["insertText"] == "second"
    assert (await explained(desk))["cacheHit"]
    assert len(await seen(model, "along")) == 1


async def test_by_a_key_there_are_several(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "several", table="candidates = 2", text="first + second")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, ADD)
    assert await texts(desk, uri, ADD, invoked=True) == ["first + second"]  # both were the same
    assert sorted(each["body"]["temperature"] for each in await seen(model, "several")) == [0.0, 0.7]


async def test_what_became_of_it_is_counted(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "events", text="first + second")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, ADD)
    [item] = await ask(desk, uri, ADD, version=1, formattingOptions={"tabSize": 2, "insertSpaces": True})
    desk.wire.notify("textDocument/didShowCompletion", {"item": item})
    desk.wire.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 5})
    command = item["command"]
    run = {"command": command["command"], "arguments": command["arguments"]}
    assert await desk.wire.result("workspace/executeCommand", run) == {"known": True}
    assert await desk.wire.result("workspace/executeCommand", run) == {"known": False}
    # Nonsense is nobody's problem.
    for method in ("didShowCompletion", "didPartiallyAcceptCompletion", "didFocus"):
        for wrong in (None, [], {"item": 5}, {"item": {"command": {"arguments": [5]}}}, {"textDocument": 5}):
            desk.wire.notify(f"textDocument/{method}", wrong)
    desk.wire.notify("textDocument/didFocus", {"textDocument": {"uri": uri}})
    await desk.wire.result("shutdown")
    lines = (Path(os.environ["ASSAY_STATE"]) / "completions.jsonl").read_text().split("\n")
    events = [json.loads(line) for line in lines if line]
    assert [(event["ending"], event["taken"]) for event in events] == [("accepted", 14)]
    assert "return" not in "".join(lines)
    assert not desk.wire.sent("window/showMessage")


@pytest.mark.parametrize(
    ("way", "options", "wanted"),
    [
        ("status", {"code": 500}, "no_backend"),
        ("status", {"code": 401}, "no_backend"),
        ("status", {"code": 429}, "busy"),
        ("silent", {}, "timeout"),
        ("stuck", {}, "timeout"),
        ("raw", {"chunks": ["data: {]\n\n"]}, "error"),
        ("say", {"text": ""}, "empty"),
        ("say", {"text": "'AKIAIOSFODNN7ABCDEFG'"}, "filtered:secrets"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_model_that_fails_shows_nothing_and_says_why(
    assay: Launch, model: str, tmp_path: Path, way: str, options: dict[str, object], wanted: str
) -> None:
    configure(model, f"{way}-{wanted}", way=way, table="seconds = 0.6", **options)
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, ADD)
    assert await ask(desk, uri, ADD) == []
    said = await explained(desk)
    assert said["reason"] == wanted, said
    assert said["message"]
    status = await desk.wire.notification("assay/status", lambda params: "completion" in params)
    assert status["completion"]["reason"] == wanted
    assert not desk.wire.sent("window/showMessage")
    assert not desk.wire.sent("window/showMessageRequest")


async def test_a_model_that_is_away(assay: Launch, tmp_path: Path) -> None:
    configure("http://127.0.0.1:9", "away", table="seconds = 1")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, ADD)
    assert await ask(desk, uri, ADD) == []
    assert await reason(desk) in ("no_backend", "timeout")


COPIED = """\
def register_handler(name, handler, registry):
    if name in registry:
        raise DuplicateHandler(f"there is a handler for {name} already")
    registry[name] = handler


def register_filter(name, handler, registry):
    if name in registry:
        raise DuplicateHandler(f"there is a handler for {name} already")
    registry[name] = handler


def register_sink(name, handler, registry):
    if name in registry:
        raise DuplicateHandler(│
"""


async def test_without_a_model_it_is_copied_and_said_so(assay: Launch, tmp_path: Path) -> None:
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, COPIED)
    assert await texts(desk, uri, COPIED) == ['f"there is a handler for {name} already")']
    said = await explained(desk)
    assert (said["origin"], said["model"], said["fallback"]) == ("copied", "", None)
    uri = open_text(desk, "x = │", name="b.py")
    assert await texts(desk, uri, "x = │") == []
    assert await reason(desk) == "no_match"


async def test_without_trust_nothing_is_sent(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "untrusted", text="sent")
    desk = await sit_down(assay, tmp_path, ASSAY_TRUST="untrusted")
    uri = open_text(desk, COPIED)
    assert await texts(desk, uri, COPIED) == ['f"there is a handler for {name} already")']
    uri = open_text(desk, "x = │", name="b.py")
    assert await texts(desk, uri, "x = │") == []
    assert await reason(desk) == "no_match"
    assert await seen(model, "untrusted") == []


async def test_files_that_the_policy_refuses(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "policy", text="sent")
    (tmp_path / "secret").mkdir()
    (tmp_path / ".aiignore").write_text("secret/\nignored.py\n")
    desk = await sit_down(assay, tmp_path)
    above, _, last = COPIED.rpartition("\n\n\n")
    for name in (".env", "secret/notes.py", "ignored.py", "id_rsa"):
        uri = open_text(desk, ADD, name=name)
        assert (await ask(desk, uri, ADD), await reason(desk)) == ([], "policy")
        change_text(desk, uri, above, 2)
    # Nor is any of them copied from into another file, or shown beside it.
    other = open_text(desk, last, name="b.py")
    assert await texts(desk, other, last) == ["sent"]
    assert all("register_handler" not in each["body"]["prompt"] for each in await seen(model, "policy"))
    configure("http://127.0.0.1:9", "policy")
    desk.wire.notify("workspace/didChangeConfiguration", {"settings": {"assay": {}}})
    assert "there is a handler" not in "".join(await texts(desk, other, last, invoked=True))


async def test_what_is_turned_off(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "off", table='not_for = ["markdown"]', text="more")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, "some │", name="a.md", language="markdown")
    assert (await ask(desk, uri, "some │"), await reason(desk)) == ([], "off")
    uri = open_text(desk, "x = │", name="a.py")
    assert await texts(desk, uri, "x = │") == ["more"]
    configure(model, "off", table='enabled = "off"', text="more")
    desk.wire.notify("workspace/didChangeConfiguration", {"settings": {"assay": {}}})
    uri = open_text(desk, "x = │", name="b.py")
    for _ in range(100):
        found = await ask(desk, uri, "x = │")
        if not found:
            break
        await asyncio.sleep(0.05)
    assert await reason(desk) == "off"


async def test_documents_that_are_no_files_of_the_workspace(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "elsewhere", text="more")
    outside = tmp_path / "outside" / "b.py"
    outside.parent.mkdir()
    outside.write_text("")
    desk = await sit_down(assay, tmp_path / "in")
    uri = open_text(desk, "x = │", uri="untitled:Untitled-1")
    assert await texts(desk, uri, "x = │") == ["more"]
    uri = open_text(desk, "y = │", uri=outside.as_uri())
    assert await texts(desk, uri, "y = │") == ["more"]
    for uri in ("vscode-notebook-cell:/a/b.ipynb#W0", desk.uri("b.ipynb")):
        open_text(desk, "z = │", uri=uri)
        assert (await ask(desk, uri, "z = │"), await reason(desk)) == ([], "notebook")
    assert (await ask(desk, desk.uri("never-opened.py"), "x = │"), await reason(desk)) == ([], "not_open")
    assert not desk.wire.sent("window/showMessage")


async def test_several_roots(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "roots", text="more")
    other = tmp_path / "two"
    other.mkdir()
    desk = await sit_down(assay, tmp_path / "one", folders=(other,))
    for root in (desk.root, other):
        uri = open_text(desk, "x = │", uri=(root / "a.py").as_uri())
        assert await texts(desk, uri, "x = │") == ["more"]


@pytest.mark.parametrize(("editor", "encoding"), [("code-server", "utf-16"), ("Neovim-0.12", "utf-8")])
async def test_positions_in_every_text(assay: Launch, model: str, tmp_path: Path, editor: str, encoding: str) -> None:
    configure(model, "units", text="é\U00020000é")
    desk = await sit_down(assay, tmp_path, editor)
    for number, text in enumerate(TEXTS):
        uri = open_text(desk, text, name=f"{number}.py")
        [item] = await ask(desk, uri, text, encoding=encoding)
        place = params(uri, text, encoding=encoding)["position"]
        assert item["range"] == {"start": place, "end": place}, text
        assert item["insertText"] == "é\U00020000é"


async def test_what_is_chosen_in_the_list_is_gone_on_from(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "chosen", text="(value)")
    desk = await sit_down(assay, tmp_path)
    text = "x = val│"
    uri = open_text(desk, text)
    chosen = {
        "range": {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 7}},
        "text": "validate",
    }
    [item] = await ask(desk, uri, text, context={"selectedCompletionInfo": chosen})
    assert item["insertText"] == "validate(value)"
    assert item["range"] == chosen["range"]
    [request] = await seen(model, "chosen")
    assert "x = validate<|fim_suffix|>" in request["body"]["prompt"]


async def test_a_version_that_is_not_the_servers(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "versions", text="more")
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, "x = │", version=7)
    assert (await ask(desk, uri, "x = │", version=8), await reason(desk)) == ([], "stale")
    assert await texts(desk, uri, "x = │", version=7) == ["more"]


async def test_a_change_while_the_model_answers(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "race", text="one two three four five six seven", delay=0.1)
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, "x = │")
    request = desk.wire.start(INLINE, params(uri, "x = │"))
    await begun(model, "race")
    change_text(desk, uri, "other = 5\nx = │", 2)
    assert (await desk.wire.response(request))["result"] == {"items": []}
    await desk.wire.logged(b"completion reason=stale")


async def test_a_newer_request_cancels_the_older_at_the_model(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "newer", text="one two three four five six seven eight nine", delay=0.2)
    desk = await sit_down(assay, tmp_path)
    uri = open_text(desk, "x = │")
    older = desk.wire.start(INLINE, params(uri, "x = │"))
    await begun(model, "newer")
    text = "y = 5\nx = │"
    change_text(desk, uri, text, 2)
    newer = desk.wire.start(INLINE, params(uri, text))
    assert (await desk.wire.response(older))["result"] == {"items": []}
    assert (await desk.wire.response(newer))["result"]["items"]
    assert [bool(each["left"]) for each in await seen(model, "newer")] == [True, False]


async def test_cancelled_at_random_moments(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "random", table="seconds = 5", text="one two three four five six seven eight nine", delay=0.02)
    desk = await sit_down(assay, tmp_path)
    order = random.Random(11)
    answers: list[dict[str, object]] = []
    for number in range(30):
        text = f"{'x' * number} = │"
        uri = open_text(desk, text, name=f"{number}.py")
        request = desk.wire.start(INLINE, params(uri, text, invoked=True))
        await asyncio.sleep(order.choice([0, 0, 0.001, 0.01, 0.03, 0.1]))
        desk.wire.notify("$/cancelRequest", {"id": request})
        answers.append(await desk.wire.response(request))
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}  # type: ignore[index]
    assert codes <= {-32800}
    assert codes
    # Every request that reached the model is over there, too, most of them because the client left.
    assert sum(bool(each["left"]) for each in await seen(model, "random")) > 5
    stats = await desk.wire.result("assay/debug/stats")
    assert stats["pendingRequests"] == 0
    uri = open_text(desk, "last = │", name="last.py")
    assert await texts(desk, uri, "last = │")


async def test_editors_without_ghost_text_get_it_in_their_list(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "list", text="_name(value)\n    return 1\n")
    desk = await sit_down(assay, tmp_path, "helix")
    text = "def f(value):\n    é = check│"
    uri = open_text(desk, text)
    where = params(uri, text, encoding="utf-8")
    found = await desk.wire.result("textDocument/completion", {**where, "context": {"triggerKind": 1}})
    assert found["isIncomplete"]
    [item] = found["items"]
    assert item["label"] == "check_name(value)"
    assert item["textEdit"]["newText"] == "check_name(value)"
    assert item["textEdit"]["range"]["end"] == where["position"]
    assert item["textEdit"]["range"]["start"]["character"] == where["position"]["character"] - len("check")
    assert item["filterText"].startswith("check")
    assert not item.get("preselect")
    assert item["sortText"] > "zzzz"
    run = {"command": item["command"]["command"], "arguments": item["command"]["arguments"]}
    assert await desk.wire.result("workspace/executeCommand", run) == {"known": True}


@pytest.mark.parametrize(
    ("editor", "has_list"), [("code-server", False), ("Neovim-0.12", False), ("Neovim-0.7", True), ("helix", True)]
)
async def test_what_is_offered_to_which_editor(assay: Launch, tmp_path: Path, editor: str, has_list: bool) -> None:
    from tests.server.wire import capabilities

    wire = await assay()
    offered = (await wire.initialize(capabilities=capabilities(editor)))["capabilities"]
    assert ("completionProvider" in offered) is has_list
    assert "inlineCompletionProvider" in offered


async def test_every_language_is_completed(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "languages", text="more")
    desk = await sit_down(assay, tmp_path)
    for name, language in (("a.rs", "rust"), ("a.zig", "zig"), ("a.cobol", "cobol"), ("Makefile", "makefile")):
        uri = open_text(desk, "x = │", name=name, language=language)
        assert await texts(desk, uri, "x = │") == ["more"]


async def test_explain_before_anything_and_with_a_wrong_kind(assay: Launch, tmp_path: Path) -> None:
    desk = await sit_down(assay, tmp_path)
    assert await explained(desk) is None
    assert await explained(desk, None) is None
    assert (await desk.wire.request("assay/explain", {"kind": 5}))["error"]["code"] == -32602


async def test_code_that_parses_worse_is_not_shown(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "worse", text="first first second")
    desk = await sit_down(assay, tmp_path)
    # Until the process that parses has started, what it would refuse is shown.
    for number in range(1000):
        text = ADD.replace("second", f"second_{number}")
        uri = open_text(desk, text, name=f"{number}.py")
        if not await ask(desk, uri, text):
            break
        await asyncio.sleep(0.05)
    assert await reason(desk) == "filtered:syntax"
    assert desk.wire.raw == b""
