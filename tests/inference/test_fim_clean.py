"""No special token of any family comes through, in either direction, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given

from inference.fim.clean import OutputFilter, strip_special
from inference.fim.families import FAMILIES, SPECIAL_TOKENS, Family
from tests.inference.test_fim_text import TOKEN, harmless, hostile, pieces


@given(hostile)
def test_stripping_leaves_no_token_and_is_done_at_once(text: str) -> None:
    stripped = strip_special(text)
    assert TOKEN.search(stripped) is None
    assert strip_special(stripped) == stripped
    assert stripped.count("\n") == text.count("\n")


@given(harmless)
def test_stripping_leaves_code_as_it_is(text: str) -> None:
    assert strip_special(text) == text


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_each_token_is_stripped_from_code(token: str) -> None:
    assert strip_special(f'a = 1\nif "{token}" in text:\n    b\n') == 'a = 1\nif "" in text:\n    b\n'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<EO<EOT>T>", ""),
        ("x<|fim_<fim_pad>prefix|>y", "xy"),
        ("<|fi<|fi<|fim_pad|>m_pad|>m_pad|>", ""),
        ("<EO\nT>", "<EO\nT>"),
        ("<fim_prefix", "<fim_prefix"),
    ],
)
def test_what_stripping_joins_is_stripped_too(text: str, left: str) -> None:
    assert strip_special(text) == left


def test_deep_nesting_takes_one_pass() -> None:
    depth = 50_000
    assert strip_special("<|fim_" * depth + "prefix|>" * depth + "x") == "x"


def run(output: OutputFilter, sent: list[str]) -> str:
    return "".join(output.feed(piece) for piece in sent) + output.finish()


@given(pieces)
def test_no_token_of_any_family_passes_whatever_the_pieces(sent: list[str]) -> None:
    output = OutputFilter()
    shown = run(output, sent)
    text = "".join(sent)
    assert TOKEN.search(shown) is None
    assert text.startswith(shown)
    assert (output.ended_by is None) == (TOKEN.search(text) is None)
    assert shown == text or text.startswith(shown + (output.ended_by or "no end"))


@given(hostile)
def test_single_characters_give_the_same_as_one_piece(text: str) -> None:
    assert run(OutputFilter(("\n\n",)), list(text)) == run(OutputFilter(("\n\n",)), [text])


@given(hostile)
def test_only_what_may_become_a_token_or_stop_is_held_back(text: str) -> None:
    texts = (*SPECIAL_TOKENS, "\n+++++ ")
    output = OutputFilter(("\n+++++ ",))
    shown = ""
    for at, character in enumerate(text, 1):
        shown += output.feed(character)
        if output.ended_by is not None:
            break
        beginnings = (n for n in range(min(at, 40), 0, -1) if any(t.startswith(text[at - n : at]) for t in texts))
        assert at - len(shown) == next(beginnings, 0)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_stream_ends_at_each_stop_of_the_family(family: Family) -> None:
    for stop in family.stops:
        output = OutputFilter(family.stops)
        assert run(output, ["return x", *stop, "more"]) == "return x"
        assert output.ended_by == stop


@pytest.mark.parametrize(
    ("stops", "sent", "shown", "ended_by"),
    [
        (("\n\n",), ["a\n", "\nb"], "a", "\n\n"),
        (("\n\n",), ["a\n", "b\n"], "a\nb\n", None),
        (("abcd", "bc"), ["abc"], "a", "bc"),
        (("",), ["abc"], "abc", None),
        ((), ["<|fim_pre", "fix_of"], "<|fim_prefix_of", None),
        ((), ["a<|fim_<file", "_sep>"], "a<|fim_", "<file_sep>"),
        ((), ["a<fim_pad", "</s>"], "a<fim_pad", "</s>"),
    ],
)
def test_where_a_stream_ends(stops: tuple[str, ...], sent: list[str], shown: str, ended_by: str | None) -> None:
    output = OutputFilter(stops)
    assert run(output, sent) == shown
    assert output.ended_by == ended_by
