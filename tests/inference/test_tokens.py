"""Counting tokens: the same as the tokenizer's own, little work for what stays, and never too many kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.tokens.counter import TokenCounter
from inference.tokens.estimate import estimated_pieces, estimated_tokens, estimating_counter
from inference.tokens.local import LocalTokenizer
from tests.inference.own_tokenizers import Style, code, saved

STYLES: tuple[Style, ...] = ("qwen", "gpt2", "llama2")
each_style = pytest.mark.parametrize("style", STYLES)
_PIECES = [
    "def f(x):",
    "\n",
    "\n\n",
    "    ",
    "\t",
    " ",
    "x",
    "};",
    ")",
    "'''",
    "\r\n",
    "é漢😀",
    "1",
    "# a b",
    "\xa0",
    "\f",
]
texts = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[Style, LocalTokenizer]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return {style: LocalTokenizer(saved(folder / style, style)) for style in STYLES}


@each_style
def test_a_file_has_as_many_tokens_as_the_tokenizer_makes_of_it(
    style: Style, tokenizers: dict[Style, LocalTokenizer]
) -> None:
    tokenizer = tokenizers[style]
    counter = tokenizer.counter()
    assert not counter.is_estimate
    for text in code():
        assert counter.count(text) == len(tokenizer.encode(text))


@each_style
@given(text=texts)
def test_so_has_any_text(style: Style, tokenizers: dict[Style, LocalTokenizer], text: str) -> None:
    assert tokenizers[style].counter().count(text) == len(tokenizers[style].encode(text))


@pytest.mark.parametrize("style", ["qwen", "gpt2"])
def test_of_a_text_that_changes_only_what_changed_is_counted_again(
    style: Style, tokenizers: dict[Style, LocalTokenizer]
) -> None:
    counted: list[str] = []
    counter = tokenizers[style].counter()

    def count(text: str) -> int:
        counted.append(text)
        return len(tokenizers[style].encode(text))

    watched = TokenCounter(count, cuts=counter._cuts, source="", is_estimate=False)  # pyright: ignore[reportPrivateUsage]
    text = max(code(), key=len)
    watched.count(text)
    counted.clear()
    at = text.index("\n", len(text) // 2)
    longer = text[:at] + " + 1" + text[at:]
    assert watched.count(longer) == len(tokenizers[style].encode(longer))
    assert sum(map(len, counted)) < 500 < len(text)


@pytest.mark.parametrize("keep", ["beginning", "end"])
@pytest.mark.parametrize("style", [*STYLES, "estimate"])
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(text=texts, tokens=st.integers(-1, 40))
def test_what_is_kept_fits_and_is_the_beginning_or_the_end(
    style: str, keep: Literal["beginning", "end"], tokenizers: dict[str, LocalTokenizer], text: str, tokens: int
) -> None:
    counter = estimating_counter(scale=1.3) if style == "estimate" else tokenizers[style].counter()
    kept = counter.truncate(text, tokens, keep=keep)
    assert (text.startswith if keep == "beginning" else text.endswith)(kept)
    assert counter.count(kept) <= max(tokens, 0)
    if counter.count(text) <= tokens:
        assert kept == text


def test_as_much_is_kept_as_fits(tokenizers: dict[Style, LocalTokenizer]) -> None:
    counter = tokenizers["qwen"].counter()
    text = max(code(), key=len)
    for tokens in (1, 10, 500):
        assert tokens - 2 <= counter.count(counter.truncate(text, tokens)) <= tokens
        assert tokens - 2 <= counter.count(counter.truncate(text, tokens, keep="end")) <= tokens


@pytest.mark.parametrize("style", ["qwen", "gpt2"])
def test_text_comes_back(style: Style, tokenizers: dict[Style, LocalTokenizer]) -> None:
    text = "def f(x):\n    return 'é漢😀'\n"
    assert tokenizers[style].decode(tokenizers[style].encode(text)) == text


def test_special_tokens_are_known_and_left_out_of_what_comes_back(tmp_path: Path) -> None:
    tokenizer = LocalTokenizer(saved(tmp_path, "qwen", ["<|im_end|>", "<|fim_prefix|>"]))
    assert tokenizer.special_tokens == ("<unk>", "<|im_end|>", "<|fim_prefix|>")
    assert len(tokenizer.encode("<|fim_prefix|>")) == 1
    assert tokenizer.decode(tokenizer.encode("a<|im_end|>b")) == "ab"
    assert tokenizer.counter().source == f"the tokenizer of {tmp_path.name}"


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read: No such file"), (b"{}", "is no tokenizer"), (b"\xff\x00", "is no tokenizer")],
    ids=["missing", "another JSON", "bytes"],
)
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        LocalTokenizer(tmp_path / "tokenizer.json")


@given(st.lists(texts, max_size=5))
def test_the_estimate_of_a_text_is_that_of_its_pieces(parts: list[str]) -> None:
    text = "".join(parts)
    assert estimating_counter().count(text) == estimated_tokens(text) >= len(estimated_pieces(text))
    assert "".join(estimated_pieces(text)) == text


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("x = 1\n", 4, 5),
        ("    return self._tokens[position + 1]\n", 9, 14),
        ("3fa9c1d07b", 8, 10),
        ("在计算机科学中", 7, 7),
        ("😀😃", 6, 6),
        ("a" * 80, 10, 10),
    ],
)
def test_the_estimate_says_rather_too_many(text: str, least: int, most: int) -> None:
    assert least <= estimated_tokens(text) <= most


def test_an_estimate_says_that_it_is_one() -> None:
    counter = estimating_counter(scale=2.0)
    assert counter.is_estimate
    assert "estimate" in counter.source
    assert counter.count("x = 1\n") == 2 * estimating_counter().count("x = 1\n")
