"""Actions over the wire, with a scripted model and, where the name says so, real sandboxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.actions import SHOP, answer, block, commit_all, git, make_shop, menu, sit
from tests.server.desk import Desk, Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOP = """\
    result = 0
    for price in prices:
        result = result + price
    return result"""
LABEL = '    return "größer 😀" if size > 10 else "small"'
TWO = f"""\
Edit: say it shorter

shop.py
<<<<<<< SEARCH
{LOOP}
=======
    return sum(prices)
>>>>>>> REPLACE

shop.py
<<<<<<< SEARCH
{LABEL}
=======
    return "größer 😀" if size >= 11 else "tiny"
>>>>>>> REPLACE
"""
UNTRUSTED = {"ASSAY_TRUST": "untrusted"}


def replaced(text: str, edits: list[Any], encoding: str = "utf-16") -> str:
    """The text after an editor has applied the edits, which counts characters in units of the encoding."""
    codec, size = ("utf-16-le", 2) if encoding == "utf-16" else (encoding, 1)
    lines = text.split("\n")

    def offset(at: Any) -> int:
        before = lines[at["line"]].encode(codec)[: size * at["character"]].decode(codec)
        return sum(len(line) + 1 for line in lines[: at["line"]]) + len(before)

    for edit in sorted(edits, key=lambda each: offset(each["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


# ---- with sandboxes


async def test_simplify_is_verified_in_the_sandbox_shown_and_taken_by_a_part(desk: Start, tmp_path: Path) -> None:
    """A first answer breaks a test and is never shown; the second is, by an editor that can only ask by a message."""
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer(block("shop.py", LOOP, "    return max(prices)", "take the largest"), unless=("An earlier edit",)),
        answer(TWO.replace('"tiny"', '"small"'), when=("An earlier edit", "max(prices)")),
        editor="helix",
        ASSAY_EDITS_PREVIEW="always",
    )
    source = it.open("shop.py")
    result = await it.run("assay.simplify", uri=source, line=3, endLine=11)
    assert (result["grade"], result["applied"]) == ("verified", False), result
    assert result["title"] == "Say it shorter (verified, 3 tests)"
    asked = await it.wire.notification("window/showMessageRequest")
    assert asked["message"].startswith("Assay: Say it shorter (verified, 3 tests). ")
    assert [action["title"] for action in asked["actions"]] == ["Apply"]
    receipt = await it.wire.result("assay/receipt", {"id": result["receipt"]})
    assert (receipt["model"], receipt["context"]) == ("scripted:tests", ["shop.py"])
    told = await it.wire.result("assay/explain", {"kind": "action"})
    assert (told["action"], told["grade"], told["receipt"]) == ("simplify", "verified", result["receipt"])
    # A part is verified as an edit of its own.
    [label] = [hunk["number"] for hunk in result["proposal"]["hunks"] if "size" in hunk["before"]]
    taken = await it.run("assay.applyHunks", id=result["proposal"]["id"], hunks=[label])
    assert (taken["grade"], taken["applied"]) == ("verified", True), taken
    assert taken["receipt"] not in (None, result["receipt"])
    [edit] = it.applied[0]["documentChanges"]
    assert edit["textDocument"] == {"uri": source, "version": 1}
    assert replaced(SHOP, edit["edits"], "utf-8") == SHOP.replace("size > 10", "size >= 11")


async def test_new_tests_are_verified_when_they_notice_a_fault_in_the_sandbox(desk: Start, tmp_path: Path) -> None:
    last = '    assert label(10) == "small"'
    weak = f"{last}\n\n\ndef test_three():\n    assert callable(total)"
    good = f"{last}\n\n\ndef test_three():\n    assert total([1, 2, 3]) == 6"
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer(block("tests/test_shop.py", last, "    assert True"), unless=("could not be used", "An earlier edit")),
        answer(block("tests/test_shop.py", last, weak), when=("changes test_label",), unless=("An earlier edit",)),
        answer(block("tests/test_shop.py", last, good, "test three"), when=("An earlier edit", "callable(total)")),
    )
    source = it.open("shop.py")
    result = await it.run("assay.writeTests", uri=source, line=4, name="total")
    assert (result["grade"], result["applied"]) == ("verified", True), result
    assert result["reason"].startswith("1 new test passes, and fails on ")
    receipt = await it.wire.result("assay/receipt", {"id": result["receipt"]})
    assert [(step["name"], step["status"]) for step in receipt["steps"]] == [
        ("tests-after", "ok"), ("repeat", "ok"), ("control", "ok"),
    ]  # fmt: skip
    assert [test["id"] for test in receipt["tests"]] == ["tests/test_shop.py::test_three"]
    said = [params["value"].get("message") or "" for params in it.wire.sent("$/progress")]
    assert any("unverified. The 1 new test passes, and no copy" in message for message in said), said


# ---- without: nothing is run, and everything else is the same


async def test_an_edit_is_shown_by_its_text_and_taken_by_parts(desk: Start, tmp_path: Path) -> None:
    it = await sit(desk, make_shop(tmp_path / "shop"), answer(TWO), ASSAY_EDITS_PREVIEW="auto", **UNTRUSTED)
    source = it.open("shop.py")
    it.accepts = False
    result = await it.run("assay.rewrite", uri=source, line=3, endLine=11, instruction="Shorter. 😀")
    assert (result["grade"], result["applied"]) == ("unverified", False), result
    assert "Nothing was run: This workspace is not trusted" in result["reason"]
    assert it.applied[0]["changeAnnotations"]["assay"]["needsConfirmation"] is True
    [file] = result["proposal"]["files"]
    content = await it.wire.result("workspace/textDocumentContent", {"uri": file["preview"]})
    whole = SHOP.replace(LOOP, "    return sum(prices)").replace(
        LABEL, '    return "größer 😀" if size >= 11 else "tiny"'
    )
    assert content["text"] == whole
    it.accepts = True
    numbers = [hunk["number"] for hunk in result["proposal"]["hunks"] if "size" in hunk["before"]]
    taken = await it.run("assay.applyHunks", id=result["proposal"]["id"], hunks=numbers)
    assert (taken["grade"], taken["applied"]) == ("unverified", True), taken
    assert (
        "changeAnnotations" not in it.applied[1] or not it.applied[1]["changeAnnotations"]["assay"]["needsConfirmation"]
    )
    [edit] = it.applied[1]["documentChanges"]
    assert replaced(SHOP, edit["edits"]) == SHOP.replace(LABEL, '    return "größer 😀" if size >= 11 else "tiny"')
    again = await it.run("assay.applyHunks", id=result["proposal"]["id"])
    assert again["reason"].startswith("There is no edit of this id any more")
    gone = await it.wire.request("workspace/textDocumentContent", {"uri": file["preview"]})
    assert gone["error"]["message"] == "This is not kept any more; ask for it again."


async def test_a_kept_edit_of_a_document_that_changed_is_refused(desk: Start, tmp_path: Path) -> None:
    it = await sit(
        desk, make_shop(tmp_path / "shop"), answer(TWO), editor="Neovim-0.7", ASSAY_EDITS_PREVIEW="always", **UNTRUSTED
    )
    source = it.open("shop.py")
    result = await it.run("assay.rewrite", uri=source, line=3, endLine=11, instruction="Shorter.")
    it.change("shop.py", SHOP + "\n# typed\n", 2)
    taken = await it.run("assay.applyHunks", id=result["proposal"]["id"])
    assert (taken["applied"], taken["reason"]) == (
        False, "shop.py has changed since this edit was made; ask for it again.",
    )  # fmt: skip
    wrong = await it.run("assay.applyHunks", id=result["proposal"]["id"], hunks=[99])
    assert wrong["reason"].startswith("There is no hunk 99;")
    assert it.applied == []


async def test_an_offered_edit_is_applied_when_its_user_says_so(desk: Start, tmp_path: Path) -> None:
    it = await sit(
        desk, make_shop(tmp_path / "shop"), answer(TWO), editor="Neovim-0.12", ASSAY_EDITS_PREVIEW="always", **UNTRUSTED
    )
    it.picks = ["Apply"]
    source = it.open("shop.py")
    await it.run("assay.rewrite", uri=source, line=3, endLine=11, instruction="Shorter.")
    await it.wire.first(lambda message: message.get("method") == "workspace/applyEdit")
    assert "sum(prices)" in replaced(SHOP, it.applied[0]["changes"][source])


async def test_a_document_that_changed_meanwhile_is_left_alone(desk: Start, tmp_path: Path) -> None:
    it = await sit(desk, make_shop(tmp_path / "shop"), answer(TWO, delay=0.05, pieces=10), **UNTRUSTED)
    source = it.open("shop.py")
    old = await it.run("assay.simplify", uri=source, line=4, version=7)
    assert old["reason"] == "shop.py has changed since this was offered; ask for the actions again."
    request = it.start("assay.simplify", uri=source, line=4)
    await it.progress(lambda message: message == "asking scripted:tests")
    it.change("shop.py", SHOP + "\n# typed\n", 2)
    result = (await it.wire.response(request))["result"]
    assert (result["applied"], result["proposal"]) == (False, None)
    assert result["reason"].startswith("shop.py has changed while this was done, so it was not applied; ask again.")
    assert it.applied == []


@pytest.mark.parametrize("command", ["assay.explainCode", "assay.document", "assay.rewrite", "assay.reviewChanges"])
async def test_cancelling_stops_the_model_too(desk: Start, tmp_path: Path, command: str) -> None:
    root = make_shop(tmp_path / "shop")
    commit_all(root)
    (root / "shop.py").write_text(SHOP.replace("result = 0", "result = 1"))
    it = await sit(desk, root, answer(TWO, delay=30.0), **UNTRUSTED)
    source = it.open("shop.py")
    request = it.start(command, uri=source, line=4, instruction="Shorter.")
    await it.progress(lambda message: message == "asking scripted:tests")
    it.wire.notify("$/cancelRequest", {"id": request})
    assert (await it.wire.response(request))["error"]["code"] == -32800
    assert it.applied == []
    assert (await it.wire.result("assay/debug/stats"))["pendingRequests"] == 0


async def test_an_answer_that_reaches_for_other_files_is_refused(desk: Start, tmp_path: Path) -> None:
    it = await sit(desk, make_shop(tmp_path / "shop"), answer(block("tests/test_shop.py", "x", "y")), **UNTRUSTED)
    source = it.open("shop.py")
    result = await it.run("assay.simplify", uri=source, line=4)
    assert result["grade"] == "failed"
    assert result["reason"] == (
        "scripted:tests gave no answer that could be used: tests/test_shop.py is not what was to be changed; "
        "only shop.py may be."
    )
    assert it.said() == [f"Assay: {result['reason']}"]
    bad = await it.wire.response(it.start("assay.simplify", uri=source))
    assert bad["error"]["message"] == "assay.simplify needs “line”."
    worse = await it.wire.response(it.start("assay.applyHunks", id="x", hunks="all"))
    assert worse["error"]["message"] == "“hunks” of assay.applyHunks must be a list of whole numbers."


async def test_documentation_and_types_are_held_to_what_they_are(desk: Start, tmp_path: Path) -> None:
    typed = block("shop.py", "def total(prices):", "def total(prices: list[int]) -> int:", "annotate total")
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer("The sum, in cents. 😀", when=("documentation comment",)),
        answer(block("shop.py", "    result = 0", "    result: int = 1"), unless=("could not be used",)),
        answer(typed, when=("It changes more than types",)),
        editor="Neovim-0.7",
        **UNTRUSTED,
    )
    source = it.open("shop.py")
    result = await it.run("assay.addTypes", uri=source, line=4)
    assert (result["grade"], result["title"]) == ("unverified", "Annotate total (unverified)")
    assert replaced(SHOP, it.applied[0]["changes"][source]) == SHOP.replace("(prices):", "(prices: list[int]) -> int:")
    result = await it.run("assay.document", uri=source, line=4)
    assert (result["grade"], result["title"]) == ("unverified", "Document total (unverified)")
    shown = replaced(SHOP, it.applied[1]["changes"][source])
    assert shown == SHOP.replace("(prices):\n", '(prices):\n    """The sum, in cents. 😀"""\n')
    nowhere = await it.run("assay.document", uri=source, line=2)
    assert nowhere["reason"] == "There is no definition at line 3 of shop.py; put the cursor into one."
    untitled = await it.run("assay.document", uri="untitled:Untitled-1", line=2)
    assert (untitled["grade"], untitled["applied"]) == ("failed", False)


@pytest.mark.parametrize("editor", ["helix", "Neovim-0.7"])
async def test_tests_of_a_module_without_any_are_a_new_file(desk: Start, tmp_path: Path, editor: str) -> None:
    root = make_shop(tmp_path / "shop")
    (root / "tests" / "test_shop.py").unlink()
    new = "from shop import total\n\n\ndef test_total():\n    assert total([1]) == 1\n"
    text = f"Edit: test total\n\ntests/test_shop.py\n<<<<<<< SEARCH\n=======\n{new.rstrip()}\n>>>>>>> REPLACE\n"
    it = await sit(desk, root, answer(text), editor=editor, **UNTRUSTED)
    result = await it.run("assay.writeTests", uri=it.open("shop.py"), line=4)
    assert (result["grade"], result["applied"]) == ("unverified", True), result
    created, edit = it.applied[0]["documentChanges"]
    assert (created["kind"], created["uri"]) == ("create", it.uri("tests/test_shop.py"))
    assert edit["edits"][0]["newText"] == new


@pytest.mark.parametrize("editor", ["code-server", "Neovim-0.7"])
async def test_an_explanation_is_shown_with_its_source(desk: Start, tmp_path: Path, editor: str) -> None:
    it = await sit(desk, make_shop(tmp_path / "shop"), answer("Adds the `prices` up. 😀"), editor=editor, **UNTRUSTED)
    source = it.open("shop.py")
    result = await it.run("assay.explainCode", uri=source, line=5, name="total")
    text = "Adds the `prices` up. 😀\n\nSource: `total`, shop.py, lines 4 to 8"
    assert result["text"] == text
    assert result["sources"] == [
        {"uri": source, "path": "shop.py",
         "range": {"start": {"line": 3, "character": 0}, "end": {"line": 8, "character": 0}}}
    ]  # fmt: skip
    told = await it.wire.result("assay/explain", {"kind": "action"})
    assert (told["action"], told["model"], told["context"]) == ("explain", "scripted:tests", ["shop.py"])
    [asked] = told["requests"]
    assert (asked["ended"], asked["firstSeconds"] is not None) == ("stop", True)
    if editor == "code-server":
        [shown] = it.wire.sent("window/showDocument")
        assert shown["uri"].endswith("/explain-total.md")
        assert (await it.wire.result("workspace/textDocumentContent", {"uri": shown["uri"]})) == {"text": text}
    else:
        assert it.said() == [f"Assay: {text}"]


async def test_a_question_does_not_wait_for_an_edit(desk: Start, tmp_path: Path) -> None:
    it = await sit(
        desk,
        make_shop(tmp_path / "shop"),
        answer(TWO, when=("You change code",), delay=30.0),
        answer("Adds them up."),
        **UNTRUSTED,
    )
    source = it.open("shop.py")
    request = it.start("assay.simplify", uri=source, line=4)
    await it.progress(lambda message: message == "asking scripted:tests")
    assert (await it.run("assay.explainCode", uri=source, line=4))["text"].startswith("Adds them up.")
    assert await it.run("assay.cancel") == {"cancelled": 1}
    assert (await it.wire.response(request))["result"]["reason"] == "Cancelled."


# ---- changes


def diagnostics(it: Desk, uri: str) -> list[Any]:
    return [params["diagnostics"] for params in it.wire.sent("textDocument/publishDiagnostics") if params["uri"] == uri]


async def test_a_review_is_diagnostics_that_follow_their_lines_and_can_be_fixed(desk: Start, tmp_path: Path) -> None:
    root = make_shop(tmp_path / "shop")
    commit_all(root)
    found = (
        "Finding: shop.py:5: error: it starts at one\n<<<<<<< SEARCH\n    result = 1\n=======\n    result = 0\n"
        ">>>>>>> REPLACE\nFinding: shop.py:12: hint: the limit changed\nFinding: pyproject.toml:1: error: no\n"
    )
    it = await sit(desk, root, answer(found), **UNTRUSTED)
    faulty = SHOP.replace("result = 0", "result = 1").replace("size > 10", "size > 12")
    source = it.open("shop.py", faulty)  # never saved: what is reviewed is what is on the screen
    result = await it.run("assay.reviewChanges", uri=source)
    assert [(each["line"], each["severity"], each["fixable"]) for each in result["findings"]] == [
        (4, "error", True), (11, "hint", False),
    ]  # fmt: skip
    assert result["reason"] == "2 findings. 1 finding names a place that did not change."
    [first, second] = diagnostics(it, source)[-1]
    assert (first["source"], first["severity"], first["message"]) == ("assay review", 1, "it starts at one")
    assert second["range"]["start"] == {"line": 11, "character": 4}
    # Lines move while somebody types.
    it.change("shop.py", "# new\n" + faulty, 2)
    await it.wire.notification(
        "textDocument/publishDiagnostics",
        lambda p: [each["range"]["start"]["line"] for each in p["diagnostics"]] == [5, 12],
    )
    [first, second] = diagnostics(it, source)[-1]
    actions = await menu(it, source, 5, diagnostics=[first, second], only=["quickfix"])
    assert [action["title"] for action in actions] == [
        "Apply the review's fix: it starts at one", "Fix: it starts at one", "Fix: the limit changed",
    ]  # fmt: skip
    command = actions[0]["command"]
    fixed = await it.run(command["command"], **command["arguments"][0])
    assert (fixed["grade"], fixed["applied"]) == ("unverified", True), fixed
    [edit] = it.applied[0]["documentChanges"]
    assert replaced("# new\n" + faulty, edit["edits"]) == "# new\n" + faulty.replace("result = 1", "result = 0")
    assert [each["message"] for each in diagnostics(it, source)[-1]] == ["the limit changed"]
    again = await it.run(command["command"], **command["arguments"][0])
    assert again["reason"] == "There is no fix of this finding any more; review the changes again."


async def test_a_commit_message_is_about_what_is_staged_else_about_the_working_tree(
    desk: Start, tmp_path: Path
) -> None:
    root = make_shop(tmp_path / "shop")
    it = await sit(
        desk,
        root,
        answer("Totals start at two", when=("+    result = 2", "Totals are in cents")),
        answer("```\nTotals start at one\n\nSo they say.\n```", when=("+    result = 1",)),
        **UNTRUSTED,
    )
    source = it.open("shop.py", SHOP.replace("result = 0", "result = 2"))
    none = await it.run("assay.commitMessage", uri=source)
    assert (none["message"], none["reason"]) == (None, "This is no git repository.")
    commit_all(root)
    result = await it.run("assay.commitMessage", uri=source)
    assert (result["message"], result["staged"], result["paths"]) == ("Totals start at two", False, ["shop.py"])
    (root / "shop.py").write_text(SHOP.replace("result = 0", "result = 1"))
    git(root, "add", "-A")
    result = await it.run("assay.commitMessage", uri=source)
    assert (result["message"], result["staged"]) == ("Totals start at one\n\nSo they say.", True)
    assert it.said()[-1] == "Assay: for what is staged:\nTotals start at one\n\nSo they say."
