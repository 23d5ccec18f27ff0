import pytest

from textkit import camel, kebab, snake, words_of


@pytest.mark.parametrize(
    "identifier, words",
    [
        ("parseHTTPRequest", ["parse", "http", "request"]),
        ("snake_case_name", ["snake", "case", "name"]),
        ("v2Beta", ["v", "2", "beta"]),
        ("", []),
    ],
)
def test_words(identifier, words):
    assert words_of(identifier) == words


def test_snake():
    assert snake("someValue") == "some_value"


def test_kebab():
    assert kebab("SomeValue") == "some-value"


def test_camel():
    assert camel("some_value") == "someValue"
    assert camel("some_value", upper=True) == "SomeValue"
    assert camel("") == ""
