"""What a question says about what it looks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from retrieval.lexical import terms

_QUALIFIED = re.compile(r"(?<!\w)[^\W\d]\w*(?:(?:\.|::|->|\\|#)[^\W\d]\w*)+[!?]?")
_CODE_LIKE = re.compile(r"_|[a-z][A-Z]|[A-Z]{2}[a-z]|[a-zA-Z]\d|\d[a-zA-Z]")
_NAME = re.compile(r"_\w*|\w*[A-Z_0-9]\w*[!?]?")
_SEPARATOR = re.compile(r"\.|::|->|\\|#|/")

_TESTS = re.compile(
    r"^(?:(?:the|a|an|all|any|unit|integration|regression|which|what|where (?:is|are)|find|show(?: me)?)\s+)*"
    r"(?:tests?|specs?)\b"
    r"|\b(?:tests?|specs?)\s+(?:for|of|covering|about|suites?|cases?|files?)\b"
    r"|\b(?:unit|integration|regression|e2e|end-to-end)[ -]?tests?\b|\btested\b"
    r"|\btest_\w|\w_(?:test|spec)\b",
    re.IGNORECASE,
)
_TEST_NAMES = re.compile(r"\bTest[A-Z]\w*|\w+[a-z](?:Tests?|Spec|TestCase)\b")
"""A question about testing does not ask for tests: `capture what a test prints` is about the program."""
_ASKED = {
    kind: frozenset(map(terms.stem, words))
    for kind, words in (
        ("examples", ("example", "examples", "demo", "sample", "tutorial", "benchmark")),
        ("prose", ("documentation", "docs", "readme", "changelog", "guide", "tutorial")),
        ("stubs", ("typing", "stub", "stubs", "declaration", "declarations")),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A search text, taken apart once."""

    stems: tuple[str, ...]
    """Of its words, without stop words and repeats, in order."""
    symbols: frozenset[str]
    """Words that are written as code is, `sendError`, `max_size`, and the last part of qualified names; as written."""
    qualifiers: frozenset[str]
    """The other parts of qualified names, as written: of `HandlerStack::push`, `HandlerStack`."""
    is_symbol: bool
    """Whether it is one name, written as code is, and nothing else. A lone `session` is a word."""
    about: frozenset[str]
    """Which usually unwanted kinds of file it asks for: tests, examples, prose, stubs."""


@lru_cache(maxsize=256)
def read(text: str) -> Question:
    """What a search text asks for."""
    text = text[: terms.LONGEST_QUESTION]
    words = terms.raw_words(text)
    stems = tuple(dict.fromkeys([*(stem for word in words for stem in terms.stems(word)), *_hidden_compounds(text)]))
    symbols = {word for word in words if _CODE_LIKE.search(word)}
    qualifiers: set[str] = set()
    for qualified in _QUALIFIED.findall(text):
        *before, last = _SEPARATOR.split(qualified)
        qualifiers.update(before)
        symbols.add(last)
    alone = text.strip()
    is_symbol = _QUALIFIED.fullmatch(alone) is not None or (len(words) == 1 and _NAME.fullmatch(alone) is not None)
    if is_symbol:
        symbols.add(_SEPARATOR.split(alone)[-1])
    about = {name for name, asked in _ASKED.items() if not asked.isdisjoint(stems)}
    if _TESTS.search(text) or _TEST_NAMES.search(text):
        about.add("tests")
    return Question(
        stems=stems,
        symbols=frozenset(symbols - qualifiers),
        qualifiers=frozenset(qualifiers),
        is_symbol=is_symbol,
        about=frozenset(about),
    )


def _hidden_compounds(text: str) -> list[str]:
    """Names of which every part is a stop word or a lone letter: `v-if`, `isIn`."""
    return [
        whole
        for name in terms.hyphenated(text) + terms.raw_words(text)
        if (whole := terms.compound(name)) and not terms.stems(name)
    ]
