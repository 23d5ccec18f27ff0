"""What a model writes is safe to render, in whatever pieces it comes; markdown-it is the judge."""

from __future__ import annotations

import random

import pytest
from markdown_it import MarkdownIt

from assist.chat.markdown import Shield

CASES: dict[str, tuple[str, str]] = {
    "plain text stays": ("a *b* `c` [1] 1 < 2, List<int> & `x < y`\n", "a *b* `c` [1] 1 < 2, List<int> & `x < y`\n"),
    "a picture is text": ("![x](http://evil/?q=1)", "![x] (http://evil/?q=1)"),
    "a link is text": ("see [docs](command:run)", "see [docs] (command:run)"),
    "a definition is text": ("[a]: http://evil\n![a]", "[a] : http://evil\n![a]"),
    "a number before a colon stays": ("It is [1]: so\n[1]: so\n", "It is [1]: so\n[1] : so\n"),
    "a definition over two lines is text": ("[a\nb]: http://evil", "[a\nb] : http://evil"),
    "a tag is text": ('x <img src="http://evil">', 'x \\<img src="http://evil">'),
    "a block of HTML is text": ("<div>\n```\n\n![x](e)\n", "\\<div>\n```\n\n![x](e)\n"),
    "a link in brackets is text": ("<command:evil>", "\\<command:evil>"),
    "one that is escaped already": ("\\<img> \\\\<img>", "\\<img> \\\\\\<img>"),
    "code in fences stays": ("```py\na[0](x) <img>\n```\na[0](x)", "```py\na[0](x) <img>\n```\na[0] (x)"),
    "a fence comes to the margin": ("- a\n  ```\n![x](e)\n", "- a\n```\n![x](e)\n"),
    "longer fences hold shorter ones": ("````\n```\n[a](b)\n````\n[a](b)", "````\n```\n[a](b)\n````\n[a] (b)"),
    "backticks in a line are no fence": ("```x``` [a](b)", "```x``` [a] (b)"),
    "an open tag at the end": ("a <im", "a <im"),
    "an open bracket at the end": ("a [1", "a [1"),
}


def pieces(text: str, size: int) -> str:
    shield = Shield()
    return "".join(shield.feed(text[at : at + size]) for at in range(0, len(text), size)) + shield.finish()


@pytest.mark.parametrize(("text", "safe"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_could_load_or_lead_away_is_shown_as_text(text: str, safe: str, size: int) -> None:
    assert pieces(text, size) == safe


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("It adds[1] them [2, 3], [2] and [12,13].", [1, 2, 3, 2, 12, 13]),
        ("`a[1]` and ```b[2]``` [3]", [3]),
        ("```\n[1]\n```\n[2]", [2]),
        ("[1234] [a] [1 [ 2] [] [-1] [٣]", []),
        ("[1](http://evil)", [1]),
        ("a ` tick\n\n[4]", [4]),
    ],
)
def test_citations_are_numbers_outside_of_code(text: str, cited: list[int]) -> None:
    for size in (1, 2, 1000):
        shield = Shield()
        for at in range(0, len(text), size):
            shield.feed(text[at : at + size])
        shield.finish()
        assert shield.cited == cited


def test_nothing_is_held_back_for_long() -> None:
    shield = Shield()
    for text in ("   " * 500, "`" * 500, "~ x" * 500, "<a" * 500, "[1" * 500):
        given = "".join(shield.feed(character) for character in text)
        assert len(text) - len(given.replace("\\", "")) <= 300
        shield.feed("\n")


PARTS = [
    "```", "~~~", "````", "`", "\n", "\n", "\n\n", " ", "  ", "    ", "\t", "- ", "1. ", "> ", "![x](http://e)",
    "[a](b)", "[a]: http://e", "[a]", "<img src=e>", "<div>", "</div>", "<!--", "-->", "<pre>", "<script>", "<http://e>",
    "\\", "x", "py", "[1]", "(", "]", "<a\n", "<x:", "&lt;", "***", "| a |", "<?", "<![CDATA[",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_no_text_whatever_renders_to_a_link_a_picture_or_html(seed: int) -> None:
    chance = random.Random(seed)
    reader = MarkdownIt("commonmark", {"html": True})
    for _ in range(200):
        text = "".join(chance.choice(PARTS) for _ in range(chance.randrange(1, 25)))
        safe = pieces(text, chance.choice([1, 2, 7, 1000]))
        waiting = reader.parse(safe)
        while waiting:
            token = waiting.pop()
            harmless = token.type == "html_inline" and token.content in ("<a\n", "</div>", "<div>", "</pre>")
            assert token.type not in ("image", "link_open", "html_block"), (text, safe)
            assert token.type != "html_inline" or harmless, (text, safe)
            waiting += token.children or []
