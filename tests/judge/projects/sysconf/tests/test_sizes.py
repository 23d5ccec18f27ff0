import pytest

from sysconf import format_size, parse_size


@pytest.mark.parametrize(
    "text, count",
    [("7", 7), ("10k", 10240), ("4 MiB", 4 << 20), ("1.5G", 3 << 29), (" 2kb ", 2048), ("1t", 1 << 40)],
)
def test_parse(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "k", "-1", "many"])
def test_parse_rejects(text):
    with pytest.raises(ValueError):
        parse_size(text)


@pytest.mark.parametrize("text", ["10x", "10 k b", "5 apples"])
def test_parse_rejects_what_follows(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize("count, text", [(0, "0"), (1023, "1023"), (2048, "2k"), (3 << 20, "3m"), (1 << 40, "1t")])
def test_format(count, text):
    assert format_size(count) == text


def test_round_trip():
    for count in range(0, 100_000, 511):
        assert parse_size(format_size(count)) == count
