"""What is read from a message: its topic, its chips, its command, and what a follow-up carries along."""

from __future__ import annotations

from pathlib import Path

import pytest

from assist.chat.chips import Chip, complete, read_chips, without_chips
from assist.chat.classify import classify, read_topic
from assist.chat.conversation import Citation, Topic, Turn
from assist.chat.errors import UnknownCommand
from assist.chat.files import Files
from assist.chat.reformulate import identifiers, is_follow_up, read_query, with_conversation
from assist.chat.rules import MAX_RULES, rules_for
from assist.chat.slash import BUILT_IN, MAX_PROMPT, commands_of, fill, read_prompt, split_command

TOPICS: list[tuple[str, Topic | None]] = [
    ("hi", "talk"),
    ("Thanks a lot!", "talk"),
    ("who are you?", "talk"),
    ("ok, thanks", "talk"),
    ("", "talk"),
    ("Where is the price computed in this project?", "code"),
    ("how does `total` work", "code"),
    ("what calls Cart.total", "code"),
    ("why does parse_config fail", "code"),
    ("explain this function", "code"),
    ("show me the class for carts", "code"),
    ("is this test flaky?", "code"),
    ("shop.py", "code"),
    ("getUserName is slow", "code"),
    ("write a function that sums", "write"),
    ("Please add a test for rounding", "write"),
    ("can you refactor this?", "write"),
    ("Implement __eq__ for Cart", "write"),
    ("help me to fix the failing test", "write"),
    ("and now rename it", "write"),
    ("Rain again on Sunday", None),
    ("what is a monad", None),
    ("hello world program", None),
    ("thanks, and where is it called?", "code"),
]


@pytest.mark.parametrize(("message", "topic"), TOPICS, ids=[case[0] or "nothing" for case in TOPICS])
def test_the_topic_of_a_message(message: str, topic: Topic | None) -> None:
    assert classify(message) == topic


def test_whoever_attaches_something_asks_about_it() -> None:
    assert classify("thoughts?", has_context=True) == "code"
    assert classify("", has_context=True) == "code"
    assert classify("thanks!", has_context=True) == "talk"


@pytest.mark.parametrize(
    ("answer", "topic"),
    [
        ("code", "code"),
        (" Talk.\n", "talk"),
        ("`write`", "write"),
        ("code or talk", None),
        ("", None),
        ("encode", None),
    ],
)
def test_a_models_topic_is_one_word_of_three(answer: str, topic: Topic | None) -> None:
    assert read_topic(answer) == topic


# ---- follow-ups


def turn(question: str, *paths: str, symbol: str = "") -> Turn:
    citations = [
        Citation(number=n, path=path, start_line=0, end_line=1, digest="", symbol=symbol)
        for n, path in enumerate(paths, 1)
    ]
    return Turn(number=1, question=question, citations=tuple(citations))


EARLIER = (turn("How does `Cart.total` round prices?", "shop/cart.py", symbol="Cart.total"),)


@pytest.mark.parametrize(
    ("question", "follows"),
    [
        ("and where is it called?", True),
        ("why?", True),
        ("what about discounts", True),
        ("does this raise anything at all there", True),
        ("what does `deliver` do?", False),
        ("how are letters sorted before delivery happens", False),
    ],
)
def test_what_is_a_follow_up(question: str, follows: bool) -> None:
    assert is_follow_up(question, EARLIER) is follows
    assert is_follow_up(question, ()) is False


def test_a_follow_up_carries_names_first_and_the_latest_first() -> None:
    turns = (turn("How is the postage of letters found?", "post/stamps.py"), *EARLIER)
    assert (
        with_conversation("and who calls it?", turns)
        == "and who calls it? Cart.total stamps round prices postage letters"
    )
    assert with_conversation("does Cart.total raise?", EARLIER) == "does Cart.total raise? Cart.total round prices"
    assert len(with_conversation("x" * 1000, turns)) == 300


def test_names_of_code_in_prose() -> None:
    text = "Does `a b` or make_it(), makeIt, MakeIt, shop.cart.Cart, x/y.py and IT differ?"
    assert identifiers(text) == ("a b", "make_it", "makeIt", "MakeIt", "shop.cart.Cart", "x/y.py")


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        ("cart total rounding", "cart total rounding"),
        ('Query: "cart total"\n', "cart total"),
        ("", ""),
        ("one\ntwo", ""),
        ("x" * 400, ""),
        ("a\x07b c", ""),
    ],
)
def test_a_models_search_is_one_short_line(answer: str, query: str) -> None:
    assert read_query(answer) == query


# ---- chips

CHIPS: list[tuple[str, list[Chip]]] = [
    ("@file:a.py", [Chip(kind="file", value="a.py")]),
    ("see @file:a/b.py, and @file:a/b.py.", [Chip(kind="file", value="a/b.py")]),
    ("@file:a.py:10-20", [Chip(kind="file", value="a.py", first=10, last=20)]),
    ("@file:a.py#L10-L20", [Chip(kind="file", value="a.py", first=10, last=20)]),
    ("@file:a.py:7", [Chip(kind="file", value="a.py", first=7, last=7)]),
    ("@file:a.py:9-3", [Chip(kind="file", value="a.py", first=9, last=9)]),
    ('@file:"a b.py":', [Chip(kind="file", value="a b.py")]),
    ("@symbol:Cart.total?", [Chip(kind="symbol", value="Cart.total")]),
    ("@folder:src @git @terminal", [Chip(kind="folder", value="src"), Chip(kind="git"), Chip(kind="terminal")]),
    ("(@selection)", [Chip(kind="selection")]),
    ("me@workspace @workspaces @git-lfs @staticmethod @file: @file:.", []),
]


@pytest.mark.parametrize(("message", "chips"), CHIPS, ids=[case[0] for case in CHIPS])
def test_chips_in_a_message(message: str, chips: list[Chip]) -> None:
    assert list(read_chips(message)) == chips


def test_the_question_without_its_chips() -> None:
    assert without_chips("why is @file:a.py  slow @git ?") == "why is a.py slow ?"


def test_completion_prefers_the_beginnings_of_names() -> None:
    paths = ["src/shop/cart.py", "cart.md", "docs/a cart.md", "src/other.py"]
    labels = [each.label for each in complete("@file:cart", paths=paths)]
    assert labels == ["@file:cart.md", "@file:src/shop/cart.py", '@file:"docs/a cart.md"']
    assert [each.label for each in complete("@folder:s", paths=paths)] == [
        "@folder:src",
        "@folder:src/shop",
        "@folder:docs",
    ]
    assert complete("@nothing:x") == []


# ---- commands


@pytest.mark.parametrize(
    ("message", "name", "rest"),
    [
        ("/fix", "fix", ""),
        ("  /explain this now", "explain", "this now"),
        ("/tests\nfor total", "tests", "for total"),
        ("/usr/bin/env is missing", "", "/usr/bin/env is missing"),
        ("what is /fix", "", "what is /fix"),
        ("/ fix", "", "/ fix"),
    ],
)
def test_a_command_is_the_first_word(message: str, name: str, rest: str) -> None:
    assert split_command(message) == (name, rest)


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        (".assay/prompts/Big.md", "x", "small letters"),
        (".assay/prompts/a.md", "x" * (MAX_PROMPT + 1), "more than 8,000 characters"),
        (".assay/prompts/a.md", " \n", "empty"),
        (".assay/prompts/a.md", "{{ env }} {{x}}", "{{env}}, {{x}}"),
    ],
)
def test_prompts_that_cannot_be_used_say_why(path: str, text: str, says: str) -> None:
    with pytest.raises(UnknownCommand) as raised:
        read_prompt(path, text)
    assert says in str(raised.value)


def test_places_are_filled_once_and_what_was_typed_is_never_lost() -> None:
    assert fill("A {{selection}} B {{ input }}", selection="{{input}}", rest="now") == "A {{input}} B now"
    assert fill("A", selection="s", rest="now") == "A\n\nnow"


def test_prompts_behind_a_link_or_an_ignore_file_are_none(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.md").write_text("evil")
    root = tmp_path / "root"
    (root / ".assay").mkdir(parents=True)
    (root / ".assay/prompts").symlink_to(tmp_path / "elsewhere")
    assert commands_of(Files(root, {})).all == BUILT_IN
    (root / ".assay/prompts").unlink()
    (root / ".assay/prompts").mkdir()
    (root / ".assay/prompts/a.md").write_text("fine")
    (root / ".aiignore").write_text("a.md\n")
    assert commands_of(Files(root, {})).all == BUILT_IN
    assert commands_of(None).all == BUILT_IN


# ---- rules


def test_rules_have_room_for_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/AGENTS.md").write_text("near " * 1000)
    (tmp_path / "a/CLAUDE.md").write_text("middle " * 1000)
    (tmp_path / ".cursorrules").write_text("far")
    rules = rules_for(Files(tmp_path, {}), "a/b/c.py")
    assert rules.paths == ("a/b/AGENTS.md", "a/CLAUDE.md")
    assert rules.notes == (
        "a/CLAUDE.md was cut to its first 3,001 characters.",
        ".cursorrules was left out: there is no room for more rules.",
    )
    assert rules.text.index("middle") < rules.text.index("near")
    assert len(rules.text) < MAX_RULES + 200


def test_an_empty_or_refused_rules_file_gives_way_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("\n")
    (tmp_path / "CLAUDE.md").write_text("hidden")
    (tmp_path / ".cursorrules").write_text("shown")
    (tmp_path / ".aiignore").write_text("CLAUDE.md\n")
    rules = rules_for(Files(tmp_path, {}), "")
    assert rules.paths == (".cursorrules",)
    assert rules.notes == ("CLAUDE.md was left out: it is named in .aiignore or .cursorignore.",)
