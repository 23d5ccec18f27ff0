"""What a question says about what it looks for."""

from __future__ import annotations

import pytest

from retrieval.lexical.encode import encode_query
from retrieval.rank.question import read


@pytest.mark.parametrize(
    ("text", "symbols", "is_symbol"),
    [
        ("LinkExtractor", {"LinkExtractor"}, True),
        ("put_flash", {"put_flash"}, True),
        ("_private", {"_private"}, True),
        ("MAX", {"MAX"}, True),
        ("HandlerStack::push", {"push"}, True),
        ("client.session.get", {"get"}, True),
        ("Guzzle\\HandlerStack", {"HandlerStack"}, True),
        ("ptr->next_node", {"next_node"}, True),
        ("session", set[str](), False),
        ("where is sendError handled", {"sendError"}, False),
        ("retry with max_size and asyncio.run", {"max_size", "run"}, False),
        ("how are failed requests retried", set[str](), False),
        ("", set[str](), False),
        ("???", set[str](), False),
    ],
)
def test_symbols(text: str, symbols: set[str], is_symbol: bool) -> None:
    question = read(text)
    assert question.symbols == symbols
    assert question.is_symbol is is_symbol


def test_qualifiers() -> None:
    assert read("HandlerStack::push").qualifiers == {"HandlerStack"}
    assert read("a.b.c").qualifiers == {"a", "b"}


def test_stems_without_stop_words_and_repeats() -> None:
    assert read("how is the cache of caches invalidated").stems == ("cach", "invalid")


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", ["a" * 1_000_000, "a." * 500_000, "a-" * 500_000, "aT" * 500_000, "the " * 250_000])
def test_a_search_text_made_to_be_slow_is_not(text: str) -> None:
    read(text)
    encode_query(text)


@pytest.mark.parametrize(
    "text",
    [
        "tests for the retry middleware",
        "unit tests of the parser",
        "which tests cover redirects",
        "where is the scheduler tested",
        "test_redirect",
        "TestClient",
        "RetryMiddlewareTest",
        "integration test of the cache",
        "spec for the cart",
        "test cases about unicode",
    ],
)
def test_asks_for_tests(text: str) -> None:
    assert "tests" in read(text).about


@pytest.mark.parametrize(
    "text",
    [
        "capture what a test prints to stdout",
        "run only the tests that failed last time",
        "queue fake responses for tests",
        "order in which fixtures are set up",
        "latest release",
        "what is attested",
    ],
)
def test_is_about_testing_and_asks_for_no_tests(text: str) -> None:
    assert "tests" not in read(text).about


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("example of a custom pipeline", "examples"),
        ("documentation of settings", "prose"),
        ("where is the changelog", "prose"),
        ("type stubs for the client", "stubs"),
    ],
)
def test_asks_for_other_kinds(text: str, kind: str) -> None:
    assert kind in read(text).about
