"""Fixes over the wire when things move: documents that change, editors that refuse, models that are wrong first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.desk import Start, processes_of
from tests.server.shop import BROKEN, FAULTY, FIXED, make_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


# ---- the document moves on


async def test_a_document_that_changed_while_the_fix_ran_is_left_alone(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    tests, _ = it.open("tests/test_shop.py"), it.open("shop.py")
    request = it.start("assay.makeTestPass", uri=tests, test=BROKEN)
    await it.progress(lambda message: message.startswith("running "))
    it.change("shop.py", FAULTY + "\n# typed meanwhile\n", 2)
    result = (await it.wire.response(request))["result"]
    assert (result["grade"], result["applied"]) == ("verified", False)
    assert result["reason"].startswith("shop.py has changed while the fix was being tested")
    assert it.applied == []
    document = await it.wire.result("assay/debug/document", {"uri": it.uri("shop.py")})
    assert document["text"].endswith("# typed meanwhile\n")
    offer = await it.wire.notification("window/showMessageRequest")
    assert [action["title"] for action in offer["actions"]] == ["Run again"]


async def test_a_file_that_changed_on_disk_is_left_alone_and_run_again_fixes_it(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"), "Neovim-0.7")
    it.picks = ["Run again"]
    tests = it.open("tests/test_shop.py")
    request = it.start("assay.makeTestPass", uri=tests, test=BROKEN)
    await it.progress(lambda message: message.startswith("verifying: "))
    (it.root / "shop.py").write_text(FAULTY + "\n# saved meanwhile\n")
    assert (await it.wire.response(request))["result"]["applied"] is False
    await it.wire.first(lambda message: message.get("method") == "workspace/applyEdit")
    [edit] = it.applied
    assert list(edit["changes"]) == [it.uri("shop.py")]


async def test_an_edit_that_the_editor_refuses_is_said(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    it.accepts = False
    tests = it.open("tests/test_shop.py")
    result = await it.run("assay.makeTestPass", uri=tests, test=BROKEN)
    assert (result["grade"], result["applied"]) == ("verified", False)
    assert it.said() == ["Assay: The editor did not apply the edit; the receipt has it as a diff."]
    # It is known by now what the action does, and how good that is.
    at = {"line": 4, "character": 6}
    params = {"textDocument": {"uri": tests}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    [action] = await it.wire.result("textDocument/codeAction", params)
    assert action["title"] == result["title"]
    it.change("tests/test_shop.py", (it.root / "tests/test_shop.py").read_text() + "\n", 2)
    [action] = await it.wire.result("textDocument/codeAction", params)
    assert action["title"] == "Make test_exact pass"


async def test_an_action_about_a_line_of_an_older_version_is_refused(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    source = it.open("shop.py")
    it.change("shop.py", "\n" + FAULTY, 2)
    result = await it.run("assay.fixFunction", uri=source, version=1, line=3, name="fits")
    assert result["reason"] == "shop.py has changed since this was offered; ask for the actions again."
    assert it.said() == [f"Assay: {result['reason']}"]


# ---- other actions


async def test_unsaved_text_is_what_is_fixed(desk: Start, tmp_path: Path) -> None:
    """On disk nothing is wrong; in the editor it is, in a function that an action names."""
    root = make_shop(tmp_path / "shop")
    (root / "shop.py").write_text(FIXED)
    it = await desk(root)
    source = it.open("shop.py", FAULTY)
    at = {"line": 4, "character": 6}
    params = {"textDocument": {"uri": source}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    [action] = await it.wire.result("textDocument/codeAction", params)
    assert (action["title"], action["kind"]) == ("Fix fits", "refactor.rewrite")
    command = action["command"]
    result = await it.run(command["command"], **command["arguments"][0])
    assert (result["grade"], result["applied"]) == ("verified", True), result
    [edit] = it.applied[0]["documentChanges"]
    assert edit["textDocument"] == {"uri": source, "version": 1}


async def test_a_problem_that_another_server_reports_can_be_fixed(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"), "helix")
    source = it.open("shop.py")
    where = {"start": {"line": 4, "character": 24}, "end": {"line": 4, "character": 36}}
    problem = {"range": where, "message": "comparison may be wrong\nmore", "source": "somelint", "severity": 2}
    params = {"textDocument": {"uri": source}, "range": where, "context": {"diagnostics": [problem]}}
    actions = await it.wire.result("textDocument/codeAction", params)
    assert [action["title"] for action in actions] == ["Fix: comparison may be wrong", "Fix fits"]
    assert actions[0]["diagnostics"][0]["message"] == problem["message"]
    command = actions[0]["command"]
    result = await it.run(command["command"], **command["arguments"][0])
    assert (result["grade"], result["applied"]) == ("verified", True), result


@pytest.mark.timeout(600)  # the search has its turn before the model has its second
async def test_a_model_that_is_wrong_first_learns_from_the_failure(desk: Start, tmp_path: Path) -> None:
    script = tmp_path / "answers.toml"
    script.write_text(_SCRIPT)
    root = make_shop(tmp_path / "shop")
    (root / "total.py").write_text("def total(prices):\n    return None  # to do\n")
    (root / "tests" / "test_total.py").write_text(
        "from total import total\n\n\n"
        "def test_two():\n    assert total([1, 2]) == 3\n\n\n"
        "def test_others():\n    assert (total([]), total([5, 5, 5])) == (0, 15)\n"
    )
    model = {"ASSAY_MODELS_DEMO_BACKEND": "scripted", "ASSAY_MODELS_DEMO_SCRIPT": str(script)}
    it = await desk(root, **model, ASSAY_BUDGET_SECONDS="240")
    tests, source = it.open("tests/test_total.py"), it.open("total.py")
    at = {"line": 4, "character": 6}
    params = {"textDocument": {"uri": tests}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    action, explain = await it.wire.result("textDocument/codeAction", params)
    assert explain["title"] == "Explain test_two"
    assert action["tags"] == [1]  # LLMGenerated, which this editor declares
    result = await it.run("assay.makeTestPass", uri=tests, test="tests/test_total.py")
    assert (result["grade"], result["applied"]) == ("verified", True), result
    assert result["title"].startswith("Fix: add them up (verified, ")
    [edit] = it.applied[0]["documentChanges"]
    assert edit["textDocument"]["uri"] == source
    receipt = await it.wire.result("assay/receipt", {"id": result["receipt"]})
    assert receipt["model"] == "scripted:tests"
    assert "total.py" in receipt["context"]
    asked = [params["value"].get("message") for params in it.wire.sent("$/progress")]
    assert "asking scripted:tests" in asked
    assert "asking scripted:tests again, with what went wrong" in asked


_SCRIPT = """\
model = "tests"

[[answer]]
unless = ["An earlier edit was tried"]
text = '''
Edit: answer three

total.py
<<<<<<< SEARCH
    return None  # to do
=======
    return 3
>>>>>>> REPLACE
'''

[[answer]]
when = ["An earlier edit was tried", "return 3", "test_others"]
text = '''
Edit: add them up

total.py
<<<<<<< SEARCH
    return None  # to do
=======
    return sum(prices)
>>>>>>> REPLACE
'''
"""


# ---- cancelling


async def test_cancelling_a_fix_stops_it(desk: Start, tmp_path: Path) -> None:
    it = await desk(make_shop(tmp_path / "shop"))
    tests = it.open("tests/test_shop.py")
    request = it.start("assay.makeTestPass", uri=tests, test=BROKEN)
    await it.progress(lambda message: message.startswith("trying "))
    it.wire.notify("$/cancelRequest", {"id": request})
    assert (await it.wire.response(request))["error"]["code"] == -32800
    assert processes_of(it.wire) == []
    assert it.applied == []
