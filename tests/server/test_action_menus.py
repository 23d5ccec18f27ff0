"""What menus show, in four editors: which actions, of which kinds, disabled or left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.actions import answer, block, commit_all, make_shop, menu, sit
from tests.server.desk import Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = 5
"""A line in `total`."""
ON_A_FUNCTION = [
    ("Fix total", "refactor.rewrite"),
    ("Explain total", "assay.explain"),
    ("Document total", "refactor.rewrite.assay.document"),
    ("Write tests for total", "refactor.rewrite.assay.tests"),
    ("Add types to total", "refactor.rewrite.assay.types"),
    ("Simplify total", "refactor.rewrite.assay.simplify"),
]
EDITORS = ["code-server", "Neovim-0.12", "Neovim-0.7", "helix"]
NO_MODEL = "no model is set up (models.NAME in the settings)"


def shown(actions: list[Any]) -> list[tuple[str, str]]:
    return [(action["title"], action["kind"]) for action in actions]


@pytest.mark.parametrize("editor", EDITORS)
async def test_actions_for_a_place_with_a_model(desk: Start, tmp_path: Path, editor: str) -> None:
    root = make_shop(tmp_path / "shop")
    commit_all(root)
    it = await sit(desk, root, editor=editor, ASSAY_TRUST="untrusted")
    source, tests = it.open("shop.py"), it.open("tests/test_shop.py")
    actions = await menu(it, source, HERE)
    assert shown(actions) == ON_A_FUNCTION
    given = actions[2]["command"]["arguments"][0]
    assert given == {"uri": source, "version": 1, "line": HERE, "name": "total"}
    assert ("tags" in actions[2]) == (editor == "code-server")
    answered = next(each["result"] for each in it.wire.received if "capabilities" in (each.get("result") or {}))
    offered = answered["capabilities"].get("workspace", {}).get("textDocumentContent")
    assert offered == ({"schemes": ["assay-diff", "assay-answer"]} if editor == "code-server" else None)
    # Of what was asked for, and below it.
    assert shown(await menu(it, source, HERE, only=["refactor.rewrite"])) == [
        each for each in ON_A_FUNCTION if each[1].startswith("refactor")
    ]
    assert shown(await menu(it, source, HERE, only=["quickfix"])) == []
    assert shown(await menu(it, source, HERE, only=["refactor.rewrite.assay.types"])) == [ON_A_FUNCTION[4]]
    assert shown(await menu(it, source, HERE, only=["source"])) == [
        ("Review my changes", "source.assay.review"),
        ("Generate commit message", "source.assay.commit"),
    ]
    own = await menu(it, source, HERE, only=["assay"])
    assert [kind for _, kind in shown(own)] == [
        f"assay.{name}" for name in ("explain", "document", "tests", "types", "simplify", "review", "commit")
    ]
    # Where there is less to be done.
    assert shown(await menu(it, source, 2)) == [("Explain this file", "assay.explain")]
    assert [title for title, _ in shown(await menu(it, source, 5, end=7))][1] == "Explain the selection"
    assert [title for title, _ in shown(await menu(it, tests, 4))] == ["Make test_total pass", "Explain test_total"]


@pytest.mark.parametrize("editor", EDITORS)
async def test_without_a_model_they_are_shown_disabled_to_whoever_asked_for_them(
    desk: Start, tmp_path: Path, editor: str
) -> None:
    it = await desk(make_shop(tmp_path / "shop"), editor, ASSAY_TRUST="untrusted")
    source = it.open("shop.py")
    assert shown(await menu(it, source, HERE)) == [ON_A_FUNCTION[0]]
    assert shown(await menu(it, source, HERE, triggerKind=1)) == [ON_A_FUNCTION[0]]
    assert shown(await menu(it, source, HERE, only=["assay"], triggerKind=2)) == []
    asked = await menu(it, source, HERE, only=["assay"], triggerKind=1)
    if editor == "Neovim-0.7":  # has no way to show it
        assert asked == []
    else:
        assert len(asked) == 7
        assert {action["disabled"]["reason"] for action in asked} == {NO_MODEL}
        assert not any("command" in action for action in asked)
    result = await it.run("assay.simplify", uri=source, line=HERE)
    assert (result["grade"], result["reason"]) == ("failed", f"This needs a model, and {NO_MODEL}.")
    assert it.said() == [f"Assay: {result['reason']}"]


async def test_what_is_impossible_here_says_why(desk: Start, tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop")
    (root / ".aiignore").write_text("hidden.py\n")
    (root / "hidden.py").write_text("def f():\n    pass\n")
    it = await sit(desk, root, ASSAY_TRUST="untrusted")
    source, hidden, tests = it.open("shop.py"), it.open("hidden.py"), it.open("tests/test_shop.py")

    async def reasons(uri: str, line: int, kind: str) -> list[str]:
        actions = await menu(it, uri, line, only=[kind], triggerKind=1)
        return [action.get("disabled", {}).get("reason", "") for action in actions]

    assert await reasons(source, 2, "assay.document") == ["there is no function at the cursor"]
    assert await reasons(source, HERE, "source") == ["this is no git repository"] * 2
    [why] = await reasons(tests, 4, "assay.simplify")
    assert why.startswith("tests/test_shop.py belongs to the tests")
    [why] = await reasons(hidden, 0, "assay.explain")
    assert why.startswith("this file is kept from models")
    assert shown(await menu(it, hidden, 0)) == [("Fix f", "refactor.rewrite")]
    result = await it.run("assay.explainCode", uri=hidden, line=0)
    assert result["reason"] == "hidden.py is named in .aiignore or .cursorignore, so no model may see it."


async def test_rewriting_is_offered_where_there_is_an_input_box(desk: Start, tmp_path: Path, assay: Any) -> None:
    import json

    from tests.server.desk import Desk
    from tests.server.wire import capabilities

    root = make_shop(tmp_path / "shop")
    script = tmp_path / "answers.json"
    script.write_text(json.dumps({"answer": []}))
    wire = await assay(
        ASSAY_TRUST="untrusted", ASSAY_MODELS_DEMO_BACKEND="scripted", ASSAY_MODELS_DEMO_SCRIPT=str(script)
    )
    it = Desk(wire, root)
    await wire.initialize(
        capabilities=capabilities("helix"), rootUri=root.as_uri(), initializationOptions={"input": True}
    )
    source = it.open("shop.py")
    assert shown(await menu(it, source, HERE))[-1] == ("Rewrite total…", "refactor.rewrite.assay.rewrite")
    assert "is not a setting" not in str(wire.sent("window/logMessage"))
    result = await it.run("assay.rewrite", uri=source, line=HERE)
    assert result["reason"].startswith("Say what is to be done: the command takes it as `instruction`")


async def test_other_languages_get_what_needs_no_python(desk: Start, tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop")
    (root / "lib.rs").write_text("fn add(a: i32, b: i32) -> i32 {\n    a - b // größer 😀\n}\n")
    it = await sit(
        desk,
        root,
        answer(block("lib.rs", "    a - b // größer 😀", "    a + (b"), unless=("could not be used",)),
        answer(block("lib.rs", "    a - b // größer 😀", "    a + b // größer 😀"), when=("would not parse",)),
        ASSAY_LANGUAGES="python:rust",
    )
    uri = it.uri("lib.rs")
    text = (root / "lib.rs").read_text()
    document = {"uri": uri, "languageId": "rust", "version": 3, "text": text}
    it.wire.notify("textDocument/didOpen", {"textDocument": document})
    assert shown(await menu(it, uri, 1)) == [
        ("Explain this", "assay.explain"),
        ("Document this", "refactor.rewrite.assay.document"),
        ("Simplify this", "refactor.rewrite.assay.simplify"),
    ]
    result = await it.run("assay.rewrite", uri=uri, line=1, instruction="Add them.")
    assert (result["grade"], result["applied"]) == ("checked", True), result
    assert result["reason"].startswith("It parses no worse than before; nothing was run")
    assert it.applied[0]["changeAnnotations"]["assay"] == {
        "label": "change it", "description": "checked", "needsConfirmation": True,
    }  # fmt: skip
    refused = await it.run("assay.writeTests", uri=uri, line=1)
    assert refused["reason"] == "lib.rs is not Python, and so far this is done in Python only."
