"""Blocks of an answer become verified edits; /fix is the code action's fix. In the sandbox, as four editors are."""

# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

from server.decode import strict_converter
from tests.server.chatroom import Chat, open_chat, scripted
from tests.server.desk import Start
from tests.server.shop import FAULTY, FIXED, make_shop
from tests.server.test_editors import EDITORS, Editor, make_client, plain
from tests.server.wire import ASSAY, capabilities

pytestmark = [
    pytest.mark.filterwarnings("error::pytest_lsp.LspSpecificationWarning"),
    pytest.mark.asyncio(loop_scope="module"),
]

GOOD = """\
The limit itself must fit [1]:

```python
# shop.py
def fits(size, limit):
    label = "😀"; return size <= limit
```
"""
WORSE = "So [1]:\n\n```python\n# shop.py\ndef fits(size, limit):\n    return False\n```\n"
SEARCH = """\
So [1]:

shop.py
<<<<<<< SEARCH
    label = "😀"; return size < limit
=======
    label = "😀"; return size <= limit
>>>>>>> REPLACE
"""
NEW = """\
A new file [1]:

```python
# tests/test_more.py
from shop import label


def test_small_label():
    assert label(1) == "small"
```
"""
TRICKS = """\
Try [1]:

```python
# tests/test_shop.py
def test_exact():
    pass
```

```python
# ../outside.py
x = 1
```

```sh
rm -rf /
```

```
# keys/deploy.pem
TOKEN=1
```

```python
# nowhere/at_all.py
```
"""


async def answered(chat: Chat, text: str) -> tuple[dict[str, Any], int]:
    answer = await chat.say("What about @file:shop.py?")
    assert answer["text"].replace("\\<", "<") == text
    return answer, answer["turn"]


async def apply(chat: Chat, turn: int, block: int = 0) -> dict[str, Any]:
    params = {"conversation": chat.id, "turn": turn, "block": block}
    return await chat.desk.wire.request("assay/chat/apply", params)


async def test_a_block_is_tested_and_applied(desk: Start, tmp_path: Path) -> None:
    it = await open_chat(desk, make_shop(tmp_path / "shop"), **scripted(tmp_path, {"text": SEARCH}))
    it.desk.open("shop.py")
    _, turn = await answered(it, SEARCH)
    result = (await apply(it, turn))["result"]
    assert (result["grade"], result["applied"]) == ("verified", True), result
    assert result["title"].endswith("(verified, 3 tests)")
    [edit] = it.desk.applied
    [change] = edit["documentChanges"]
    assert change["textDocument"] == {"uri": it.desk.uri("shop.py"), "version": 1}
    assert [each["newText"] for each in change["edits"]] == ["="]
    receipt = await it.desk.wire.result("assay/receipt", {"id": result["receipt"]})
    assert (receipt["grade"], receipt["model"]) == ("verified", "scripted:test")
    assert "shop.py" in receipt["context"]


async def test_what_breaks_tests_or_reaches_too_far_is_not_applied(desk: Start, tmp_path: Path) -> None:
    answers = ({"when": ["worse"], "text": WORSE}, {"text": TRICKS})
    it = await open_chat(desk, make_shop(tmp_path / "shop"), **scripted(tmp_path, *answers))
    it.desk.open("shop.py")
    await it.say("make @file:shop.py worse")
    result = (await apply(it, 1))["result"]
    assert (result["grade"], result["applied"]) == ("failed", False)
    await it.desk.wire.result("assay/chat/destroy", {"conversation": it.id})
    begun = await it.desk.wire.result("assay/chat/create", {})
    it = Chat(it.desk, begun["conversation"])
    answer = await it.say("What about @file:shop.py?")
    assert [(each["path"], each["applicable"]) for each in answer["blocks"]] == [
        ("tests/test_shop.py", True),
        ("../outside.py", True),
        (None, False),
        ("keys/deploy.pem", True),
        ("nowhere/at_all.py", True),
    ]
    said = [(await apply(it, 1, block))["error"]["message"] for block in range(6)]
    assert "belongs to the tests" in said[0]
    assert "outside" in said[1] or "leads out" in said[1]
    assert said[2].startswith("That block names no file")
    assert "keys/deploy.pem looks like a secret" in said[3]
    assert "nowhere/at_all.py would be empty" in said[4]
    assert said[5] == "Turn 1 has no block 5; it may have been too long ago."
    assert it.desk.applied == []


async def test_a_new_test_file_is_tested_and_made(desk: Start, tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop")
    (root / "shop.py").write_text(FIXED)
    it = await open_chat(desk, root, **scripted(tmp_path, {"text": NEW}))
    _, turn = await answered(it, NEW)
    result = (await apply(it, turn))["result"]
    assert result["applied"], result
    assert result["grade"] in ("verified", "checked")
    [edit] = it.desk.applied
    assert edit["documentChanges"][0] == {
        "kind": "create",
        "uri": it.desk.uri("tests/test_more.py"),
        **_annotated(edit),
    }


def _annotated(edit: dict[str, Any]) -> dict[str, Any]:
    return {"annotationId": "assay"} if "changeAnnotations" in edit else {}


async def test_a_file_that_moved_on_is_left_alone(desk: Start, tmp_path: Path) -> None:
    it = await open_chat(desk, make_shop(tmp_path / "shop"), **scripted(tmp_path, {"text": GOOD}))
    it.desk.open("shop.py")
    await answered(it, GOOD)
    request = it.desk.wire.start(
        "assay/chat/apply", {"conversation": it.id, "turn": 1, "block": 0, "workDoneToken": "w"}
    )
    await it.desk.progress(lambda message: "running the tests" in message)
    it.desk.change("shop.py", FAULTY + "\n# typed meanwhile\n", 2)
    result = (await it.desk.wire.response(request))["result"]
    assert (result["grade"], result["applied"]) == ("verified", False)
    assert result["reason"].startswith("shop.py changed while the edit was being tested")
    assert it.desk.applied == []


async def test_without_trust_nothing_is_run_or_applied(desk: Start, tmp_path: Path) -> None:
    model = scripted(tmp_path, {"text": GOOD})
    it = await open_chat(desk, make_shop(tmp_path / "shop"), ASSAY_TRUST="untrusted", **model)
    await answered(it, GOOD)
    result = (await apply(it, 1))["result"]
    assert (result["grade"], result["applied"]) == ("unverified", False)


async def test_the_command_fix_is_the_fix_of_the_code_action(desk: Start, tmp_path: Path) -> None:
    it = await open_chat(desk, make_shop(tmp_path / "shop"))
    uri = it.desk.open("shop.py")
    line = FAULTY.split("\n").index("def fits(size, limit):")
    answer = await it.say("/fix", uri=uri, position={"line": line + 1, "character": 0})
    assert answer["reason"] == "acted"
    assert answer["text"].startswith("Fix: compare with <= ")
    assert len(it.desk.applied) == 1
    nowhere = await it.say("/fix")
    assert nowhere["text"] == "Put the cursor into the function that is to be fixed, and ask again."


# ---- as real editors are


@pytest_asyncio.fixture(loop_scope="module", params=EDITORS)
async def editor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Editor]:
    root = make_shop(tmp_path / "shop")
    env = {**os.environ, **scripted(tmp_path, {"text": GOOD, "pieces": 5})}
    config = ClientServerConfig(server_command=[str(ASSAY), "lsp"], server_env=env, client_factory=make_client)
    client = await config.start()
    assert isinstance(client, LanguageClient)
    declared = strict_converter().structure(capabilities(request.param), lsp.ClientCapabilities)
    encodings = (declared.general.position_encodings if declared.general else None) or ["utf-16"]
    editor = Editor(client, root, str(getattr(encodings[0], "value", encodings[0])))  # type: ignore[arg-type]

    @client.feature(lsp.WORKSPACE_APPLY_EDIT)
    def apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        return editor.apply(params)

    @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
    def register(params: lsp.RegistrationParams) -> None:
        return None

    await client.initialize_session(
        lsp.InitializeParams(
            capabilities=declared, workspace_folders=[lsp.WorkspaceFolder(uri=root.as_uri(), name="shop")]
        )
    )
    yield editor
    await client.shutdown_session()
    await client.stop()


async def test_every_editor_has_chat(editor: Editor) -> None:
    async def ask(method: str, **params: Any) -> Any:
        return plain(await editor.client.protocol.send_request_async(f"assay/chat/{method}", params))

    uri = editor.open("shop.py")
    begun = await ask("create", uri=uri)
    at = {"start": {"line": 3, "character": 0}, "end": {"line": 4, "character": 0}}
    answer = await ask("turn", conversation=begun["conversation"], message="Why @selection?", uri=uri, selection=at)
    assert (answer["text"], answer["reason"]) == (GOOD, "answered")
    assert [each["path"] for each in answer["citations"]] == ["shop.py"]
    assert [each["applicable"] for each in answer["blocks"]] == [True]
