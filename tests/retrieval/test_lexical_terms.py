"""Identifiers and words, cut, stemmed and numbered."""

from __future__ import annotations

import pytest
import snowballstemmer  # pyright: ignore[reportMissingTypeStubs]

from retrieval.lexical import terms
from retrieval.lexical.synonyms import SYNONYMS


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("word", ("word",)),
        ("camelCase", ("camel", "case")),
        ("PascalCase", ("pascal", "case")),
        ("snake_case", ("snake", "case")),
        ("SCREAMING_SNAKE", ("screaming", "snake")),
        ("__dunder__", ("dunder",)),
        ("HTTPServer", ("http", "server")),
        ("getHTTPResponse", ("get", "http", "response")),
        ("parseURLs", ("parse", "urls")),
        ("IDs", ("ids",)),
        ("utf8", ("utf", "8")),
        ("sha256Hash", ("sha", "256", "hash")),
        ("X", ("x",)),
        ("aB", ("a", "b")),
        ("naïveÉcole", ("naïve", "école")),
        ("ΑλφαΒήτα", ("αλφα", "βήτα")),
        ("日本語", ("日本", "本語")),
        ("検索index", ("検索", "index")),
        ("字", ("字",)),
        ("ﬁle", ("file",)),
        ("_", ()),
        ("", ()),
    ],
)
def test_splits(identifier: str, parts: tuple[str, ...]) -> None:
    assert terms.split(identifier) == parts


@pytest.mark.parametrize(
    ("identifier", "found_by"),
    [
        ("HTTPServer", ("httpserver", "http", "server")),
        ("send_error", ("senderror", "send", "error")),
        ("sendErrors", ("senderrors", "send", "error")),
        ("running", ("run",)),
        ("the", ()),
        ("is_valid", ("isvalid", "valid")),
        ("x", ()),
        ("x1", ("x1",)),
        ("404", ("404",)),
        ("日本語", ("日本", "本語")),
    ],
)
def test_terms_of_an_identifier(identifier: str, found_by: tuple[str, ...]) -> None:
    assert terms.terms(identifier) == found_by


def test_one_compound_for_every_convention() -> None:
    spellings = ("maxRetryCount", "max_retry_count", "MaxRetryCount", "MAX_RETRY_COUNT")
    assert {terms.compound(spelling) for spelling in spellings} == {"maxretrycount"}
    assert terms.compound("retry") == ""


def test_stems_are_porters_although_most_words_never_reach_it() -> None:
    porter = snowballstemmer.stemmer("porter")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    words = """
        abjad ability able academy accessed agreed aggressive analogies apologetically bankruptcy bees bias bigger
        buffer cache caches caresses cats conflated connection connections controlling cries crying css databases
        deny dies employ exceed falling feed filing flies formalize generate generators goodness hesitancy hopping
        ids index indices kubernetes lazily logging motoring news oscillators plastered predication quickly rational
        relational roll sensibility sky slightly sized tanned triplicate tying undo vietnamization wax xylophone zero
        """.split()  # noqa: SIM905 - words read better in a text
    assert [terms.stem(word) for word in words] == [
        porter.stemWord(word)  # pyright: ignore[reportUnknownMemberType]
        for word in words
    ]


def test_indices_stay_what_they_are() -> None:
    # These are in every index that exists: another value would be another index.
    assert terms.term_id("server") == 0x5A6DD5F6
    assert terms.term_id("日本") == 0xC7B7CDCC
    assert 0 <= terms.term_id("\ud800") < 2**32


@pytest.mark.parametrize("text", ["\ud800abc", "a\x00b", "\u202etxet", "e\u0301" * 50, "🙂 smile", "ǅungla İstanbul"])
def test_odd_text_has_terms_or_none_and_no_error(text: str) -> None:
    for word in terms.raw_words(text):
        for term in terms.terms(word):
            assert term
            assert terms.term_id(term) >= 0


def test_what_is_too_long_to_be_a_name_has_no_terms() -> None:
    assert terms.terms("a" * 1_000_000) == ()
    assert terms.terms("aB" * 64) != ()


def test_words_of_a_minified_line() -> None:
    assert len(terms.raw_words("var a=1,b=2;" * 10_000)) == 50_000


def test_synonyms_are_stems_and_go_both_ways() -> None:
    assert "env" in SYNONYMS["environ"]
    assert "environ" in SYNONYMS["env"]
    for word, others in SYNONYMS.items():
        assert word not in others
        assert all(word in SYNONYMS[other] for other in others)
