"""The completion cache, by example and against a model that stores a completion once for each character typed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.cache.completions import CompletionCache, Context, Hit


def at(marked: str, *, document: str = "a.py", version: str = "1") -> Context:
    """A document with a mark for the cursor."""
    prefix, _, suffix = marked.partition("│")
    return Context(document=document, prefix=prefix, suffix=suffix, version=version)


@pytest.mark.parametrize(
    ("asked", "answer", "now", "text", "typed"),
    [
        ("def f():\n    ret│\n", "urn 1", "def f():\n    ret│\n", "urn 1", 0),
        ("def f():\n    ret│\n", "urn 1", "def f():\n    retu│\n", "rn 1", 1),
        ("def f():\n    ret│\n", "urn 1", "def f():\n    return │\n", "1", 4),
        ("def f():\n│", "    a = 1\n    return a", "def f():\n    a = 1\n│", "    return a", 10),
        ("def f():\n│", "    a = 1\n    return a", "def f():\n    a = 1\n    return │", "a", 21),
        ("│", "import os", "imp│", "ort os", 3),
        ("x = │", "", "x = │", "", 0),
        ("x = │", "äöü𝄞", "x = ä│", "öü𝄞", 1),
        ("x = │", "1\r\ny = 2", "x = 1\r\n│", "y = 2", 3),
    ],
    ids=[
        "the same",
        "a character",
        "a word",
        "a line is taken",
        "into the second line",
        "an empty document",
        "nothing was to follow",
        "not ASCII",
        "CRLF",
    ],
)
def test_finds_what_remains(asked: str, answer: str, now: str, text: str, typed: int) -> None:
    cache = CompletionCache()
    cache.keep(at(asked), answer)
    assert cache.look(at(now)) == Hit(text=text, typed=typed)


@pytest.mark.parametrize(
    "now",
    [
        at("x = a │\n"),
        at("x =│\n"),
        at("x = wor│ \n"),
        at("y\nx = │\n"),
        at("x = │\n", document="b.py"),
        at("x = │\n", version="2"),
        at("x = word│\n"),
    ],
    ids=["other text", "deleted before it", "text after", "lines above", "document", "version", "typed to its end"],
)
def test_finds_nothing_elsewhere(now: Context) -> None:
    cache = CompletionCache()
    cache.keep(at("x = │\n"), "word")
    assert cache.look(now) is None


def test_deleting_what_was_typed_along_is_a_hit_again() -> None:
    cache = CompletionCache()
    cache.keep(at("x = │"), "word")
    texts = [hit.text if (hit := cache.look(at(f"x = {typed}│"))) else None for typed in ("w", "wo", "wx", "wo", "")]
    assert texts == ["ord", "rd", None, "rd", "word"]


def test_far_above_does_not_count() -> None:
    cache = CompletionCache(near=10)
    cache.keep(at("old = 1\n0123456789x = │"), "word")
    cache.keep(at("old = 1\n012345678\nx = │"), "word")
    assert cache.look(at("new = 22\n012345678\nx = w│"))
    assert not cache.look(at("new = 22\n0123456789x = w│"))  # the line itself counts as a whole


def test_the_newest_counts() -> None:
    cache = CompletionCache()
    cache.keep(at("x = │"), "one")
    cache.keep(at("x = │"), "other")
    assert cache.look(at("x = o│")) == Hit(text="ther", typed=1)
    assert cache.look(at("x = on│")) == Hit(text="e", typed=2)


def test_what_is_too_old_is_gone() -> None:
    now = 0.0
    cache = CompletionCache(seconds=10, clock=lambda: now)
    cache.keep(at("x = │"), "word")
    now = 9.0
    assert cache.look(at("x = │"))
    now = 10.0
    assert not cache.look(at("x = │"))


def test_the_longest_unused_go_first() -> None:
    cache = CompletionCache(limit_bytes=10_000)
    cache.keep(at("used│"), "!")
    for number in range(1_000):
        cache.keep(at(f"{number}│", document=f"{number}"), "!" * 100)
        assert cache.look(at("used│"))
        assert cache.size <= 10_000
    assert not cache.look(at("1│", document="1"))
    assert cache.look(at("999│", document="999"))


def test_many_answers_for_one_line_are_bounded() -> None:
    cache = CompletionCache(limit_bytes=1_000_000)
    for number in range(1_000):
        cache.keep(at("x = │"), f"{number}")
    assert cache.size < 20_000
    assert cache.look(at("x = 99│")) == Hit(text="9", typed=2)


@pytest.mark.parametrize("context", [at("x" * 3_000 + "│"), at("a\n" + "x" * 3_000 + "│")], ids=["first", "second"])
def test_lines_without_end_are_left_alone(context: Context) -> None:
    cache = CompletionCache()
    cache.keep(context, "word")
    assert cache.size == 0 and cache.look(context) is None
    cache.keep(at("x = │"), "y" * 3_000)
    assert cache.size == 0


@dataclass
class Naive:
    """Everything ever kept, and every context that typing it along gives."""

    near: int
    kept: list[tuple[Context, str]] = field(default_factory=list)

    def look(self, now: Context) -> Hit | None:
        found: list[tuple[int, int, Hit]] = []
        for number, (asked, text) in enumerate(self.kept):
            for typed in range(len(text) or 1):
                before = asked.prefix + text[:typed]
                start = asked.prefix.rfind("\n") + 1
                above, same = asked.prefix[max(0, start - self.near) : start], before[start:]
                is_same = now.prefix.endswith(above + same) and (
                    len(above) == self.near or len(now.prefix) == len(above + same)
                )
                others = (now.document, now.version, now.suffix[: self.near])
                if is_same and others == (asked.document, asked.version, asked.suffix[: self.near]):
                    found.append((before[start:].count("\n"), -number, Hit(text=text[typed:], typed=typed)))
        return min(found, key=lambda each: each[:2])[2] if found else None


words = st.text("ab\n", max_size=6)
contexts = st.builds(
    Context, document=st.sampled_from("xy"), prefix=words, suffix=st.text("a\n", max_size=2), version=st.just("1")
)


@given(st.lists(st.tuples(contexts, words), max_size=6), st.lists(contexts, max_size=4), st.integers(1, 4))
def test_is_as_the_naive_one(kept: list[tuple[Context, str]], asked: list[Context], near: int) -> None:
    cache, naive = CompletionCache(near=near), Naive(near)
    for context, text in kept:
        cache.keep(context, text)
        naive.kept.append((context, text))
    along = [
        Context(document=context.document, prefix=context.prefix + text[:typed], suffix=context.suffix, version="1")
        for context, text in kept
        for typed in range(len(text) + 1)
    ]
    for context in (*along, *asked):
        assert cache.look(context) == naive.look(context)
