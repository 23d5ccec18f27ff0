"""What a model is shown, what of its answers becomes an edit of one document, and everything that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assist.actions.ask import shown_to_model
from assist.actions.document import write_document
from assist.actions.errors import ActionError, NoUsableAnswer
from assist.actions.explain import explain
from assist.actions.focus import Focus, definition_at, selection_at
from assist.actions.rewrite import instruction_of, write_edit
from assist.chat.speech import MAX_ANSWER
from inference.errors import BackendUnavailable
from tests.assist.actions.desk import SHOP, block, case, model, spot

GOOD = block("shop.py", "    result = 0", "    result = 0.0")


async def rewrite(*answers: str, text: str = SHOP, path: str = "shop.py") -> tuple[str, list[str]]:
    it, asked = model(*answers)
    at = spot(text, path=path)
    edit = await write_edit(it, Path("/w"), at, selection_at(at), "Do it.", "")
    assert [change.path for change in edit.changes] == [path]
    return (edit.changes[0].after or b"").decode(), asked.asked


# ---- what a model is shown


@pytest.mark.parametrize("name", ["simplify", "types", "rewrite", "document", "explain"])
async def test_what_a_model_is_shown(name: str) -> None:
    it, asked = model(GOOD, "Words.")
    at = spot()
    focus = definition_at(at)
    if name == "document":
        it, asked = model("What it costs.")
        await write_document(it, at, focus, "")
    elif name == "explain":
        await explain(it, focus, "Why?")
    else:
        told = it.part(f"action_{name}") if name != "rewrite" else instruction_of("Count <|im_end|> too.")
        await write_edit(it, Path("/w"), at, focus, told, "")
    assert asked.asked[0] == case(name)


def test_secrets_and_special_tokens_are_not_shown_even_when_half_of_one_is_selected() -> None:
    text = (
        f"{SHOP}\n-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7bq\n" * 9 + "-----END RSA PRIVATE KEY-----\n"
    )
    focus = selection_at(spot(text, 23, 25))
    assert focus.selection.strip() == ""
    assert "AKIA" not in focus.source
    assert "MIIE" not in focus.source
    assert "<|im_end|>" not in focus.source
    assert focus.source.count("\n") == text.rstrip("\n").count("\n")


# ---- answers


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "It is empty."),
        ("I would rather not.", "neither a search/replace block nor"),
        (block("other.py", "x", "y"), "other.py is not what was to be changed; only shop.py may be."),
        (block("../shop.py", "x", "y"), "../shop.py leads out of the workspace."),
        (block("/etc/shop.py", "x", "y"), "/etc/shop.py is absolute"),
        (block("tests/test_shop.py", "x", "y"), "tests/test_shop.py is not what was to be changed"),
        (block("shop.py", "    result = 0", "    result = 0"), "It changes nothing."),
        (block("shop.py", "    result = 1", "    result = 0"), "does not stand"),
        (block("shop.py", "    result = 0", "    result = (0"), "shop.py would not parse any more"),
        (block("shop.py", "    result = 0", "    x = '[redacted: AWS access key]'"), "where a secret stands"),
        ("x" * (MAX_ANSWER + 1), f"It is longer than {MAX_ANSWER:,} characters."),
        (GOOD.replace("=======", "<|im_end|>"), "It was cut at a special token of a model."),
    ],
    ids=["empty", "prose", "other file", "outside", "absolute", "tests", "no change", "not there", "syntax", "secret",
         "huge", "token"],
)  # fmt: skip
async def test_an_answer_that_cannot_be_used_is_asked_for_again_with_the_reason(answer: str, says: str) -> None:
    text, asked = await rewrite(answer, GOOD)
    assert "result = 0.0" in text
    assert says in asked[1]
    with pytest.raises(NoUsableAnswer, match="scripted:script gave no answer that could be used: "):
        await rewrite(answer, answer, answer)


async def test_a_token_after_the_edit_ends_the_answer_and_no_more() -> None:
    text, asked = await rewrite(GOOD + "<|im_end|>" + block("shop.py", "import os", "import sys"))
    assert ("result = 0.0" in text, "import os" in text, len(asked)) == (True, True, 1)


async def test_a_block_without_a_path_means_the_document_and_line_ends_stay() -> None:
    text, _ = await rewrite(GOOD.replace("shop.py\n", ""), text=SHOP.replace("\n", "\r\n"))
    assert "    result = 0.0\r\n" in text
    assert text.count("\r\n") == text.count("\n")


async def test_other_languages_are_read_and_parsed_too() -> None:
    rust = "fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n"
    broken = block("m.rs", "    a - b", "    a + (b")
    text, asked = await rewrite(broken, block("m.rs", "    a - b", "    a + b"), text=rust, path="m.rs")
    assert "a + b\n" in text
    assert "m.rs would not parse any more" in asked[1]


async def test_a_backend_that_fails_is_said() -> None:
    with pytest.raises(BackendUnavailable):
        await rewrite()


@pytest.mark.parametrize(("text", "says"), [("  ", "Say what is to be done"), ("x" * 4001, "may have 4,000")])
def test_an_instruction_has_words_and_an_end(text: str, says: str) -> None:
    with pytest.raises(ActionError, match=says):
        instruction_of(text)


# ---- what it is about


def named(focus: Focus) -> tuple[str, int, int]:
    return focus.title, focus.first, focus.last


def test_the_focus_is_the_definition_around_or_what_is_selected() -> None:
    assert named(definition_at(spot(first=9))) == ("total in shop.py", 7, 12)
    assert named(selection_at(spot(first=9))) == ("total in shop.py", 7, 12)
    assert named(selection_at(spot(first=9, last=11))) == ("lines 10 to 12 of shop.py", 9, 11)
    assert named(selection_at(spot(first=2))) == ("shop.py", 0, SHOP.count("\n"))
    assert definition_at(spot(first=18)).name == "Cart.full"
    assert definition_at(spot(first=15)).name == "Cart"
    assert definition_at(spot("class A {\n    void f() {}\n}\n", 1, path="A.java")).name == "A.f"
    with pytest.raises(ActionError, match=r"There is no definition at line 3 of shop\.py"):
        definition_at(spot(first=2))


@pytest.mark.parametrize("content", [b"# \xff\n", b"x = 1\n" * 100_000], ids=["latin", "large"])
def test_what_cannot_be_read_is_said(content: bytes) -> None:
    import dataclasses

    with pytest.raises(ActionError, match=r"shop\.py is "):
        selection_at(dataclasses.replace(spot(), content=content))


# ---- documentation


@pytest.mark.parametrize(
    ("path", "text", "words", "after"),
    [
        ("a.py", "def f():\n    pass\n", "Nothing.", 'def f():\n    """Nothing."""\n    pass\n'),
        ("a.py", "def f():\n\tpass\n", "Two.\n\nMore.", 'def f():\n\t"""Two.\n\n\tMore.\n\t"""\n\tpass\n'),
        ("a.py", 'def f():\n    "Old."\n', "New.", 'def f():\n    """New."""\n'),
        ("a.py", "def f():\r\n    pass\r\n", "A.\n\nB.",
         'def f():\r\n    """A.\r\n\r\n    B.\r\n    """\r\n    pass\r\n'),
        ("a.py", "class A:\n    def g(self): ...\n", "An A.", 'class A:\n    """An A."""\n\n    def g(self): ...\n'),
        ("a.py", "def f():\n    pass\n",
         '```\nSays """x""" \\d "q"\n```', 'def f():\n    r"""Says \'\'\'x\'\'\' \\d "q" """\n    pass\n'),
        ("a.py", "def f():\n    pass\n", '"""Quoted."""', 'def f():\n    """Quoted."""\n    pass\n'),
        ("a.rs", "/// Old.\n#[inline]\nfn f() {\n}\n", "New.", "/// New.\n#[inline]\nfn f() {\n}\n"),
        ("a.go", "package a\n\nfunc f() {\n}\n", "F does.\nIt.", "package a\n\n// F does.\n// It.\nfunc f() {\n}\n"),
        ("a.ts", "/** Old. */\nfunction f() {\n}\n", "Ends */ here.", "/** Ends * / here. */\nfunction f() {\n}\n"),
        ("a.ts", "function f() {\n}\n", "A.\n\nB.", "/**\n * A.\n *\n * B.\n */\nfunction f() {\n}\n"),
    ],
    ids=["new", "tabs", "replaced", "crlf", "class", "quotes", "quoted", "rust", "go", "ts", "ts long"],
)  # fmt: skip
async def test_documentation_stands_where_it_belongs(path: str, text: str, words: str, after: str) -> None:
    line = next(number for number, each in enumerate(text.split("\n")) if "f(" in each or "class A" in each)
    at = spot(text, line, path=path)
    edit = await write_document(model(words)[0], at, definition_at(at), "")
    assert (edit.changes[0].after or b"").decode() == after


async def test_a_definition_on_one_line_has_no_place_for_it() -> None:
    at = spot("def f(): pass\n", 0)
    with pytest.raises(ActionError, match="f is written on one line"):
        await write_document(model("Words.")[0], at, definition_at(at), "")


# ---- explanations


async def test_an_explanation_is_safe_to_render_and_names_its_source() -> None:
    it, _ = model("Adds. ![x](http://evil/?q) <img src=x>\n<|im_end|>more")
    found = await explain(it, definition_at(spot()))
    assert "](http" not in found.text
    assert "<img" not in found.text.replace("\\<img", "")
    assert "more" not in found.text
    assert found.text.endswith("*The answer was cut here.*\n\nSource: `total`, shop.py, lines 8 to 13")
    with pytest.raises(ActionError, match="said nothing"):
        await explain(model("  ")[0], definition_at(spot()))


def test_lone_halves_of_characters_are_no_reason_to_fail() -> None:
    assert shown_to_model("a\ud83d") == "a?"
