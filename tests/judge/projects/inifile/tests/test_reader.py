import pytest

from inifile import ParseError, parse


def test_values():
    document = parse("[a]\nx = 1\ny=two = 2\n\n[b]\n")
    assert document["a"].items() == [("x", "1"), ("y", "two = 2")]
    assert document["b"].items() == []


def test_comments():
    document = parse("# one\n; two\n[a]\n# not kept\nx=1\n")
    assert document.comments == ["one", "two"]


def test_sections_join():
    document = parse("[a]\nx=1\n[a]\ny=2\n")
    assert document["a"].items() == [("x", "1"), ("y", "2")]


@pytest.mark.parametrize(
    "text, line",
    [("[a\n", 1), ("\nx = 1\n", 2), ("[a]\nx\n", 2)],
    ids=["open section", "early value", "neither"],
)
def test_errors_say_the_line(text, line):
    with pytest.raises(ParseError, match=f"line {line}") as caught:
        parse(text)
    assert caught.value.line == line
