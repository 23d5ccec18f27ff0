"""Chunks and questions as sparse vectors."""

from __future__ import annotations

import pytest

from retrieval.chunk import Chunk
from retrieval.lexical import terms
from retrieval.lexical.encode import SYNONYM_WEIGHT, encode_chunk, encode_query
from retrieval.ports import Sparse


def chunk(text: str, *, path: str = "a.py", symbol: str = "", names: tuple[str, ...] = ()) -> Chunk:
    return Chunk(
        path=path,
        language="python",
        kind="function",
        symbol=symbol,
        scope="",
        names=names,
        start_byte=0,
        end_byte=len(text),
        start_line=0,
        end_line=1,
        header="",
        text=text,
    )


def weight(vector: Sparse, term: str) -> float:
    return dict(zip(vector.indices, vector.values, strict=True)).get(terms.term_id(term), 0.0)


def match(query: str, one: Chunk) -> float:
    vector = encode_query(query)
    return sum(
        value * dict(zip(*_pair(encode_chunk(one)), strict=True)).get(index, 0.0)
        for index, value in zip(*_pair(vector), strict=True)
    )


def _pair(vector: Sparse) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return vector.indices, vector.values


@pytest.mark.parametrize(
    "text", ["", "the of and", "x = f(x)", "a b\x00c", "日本語テスト", "\ud800 lone", "ab" * 600_000]
)
def test_vectors_are_sorted_without_repeats_and_positive(text: str) -> None:
    for vector in (encode_chunk(chunk(text, path="")), encode_query(text)):
        assert list(vector.indices) == sorted(set(vector.indices))
        assert all(0 <= index < 2**32 for index in vector.indices)
        assert len(vector.values) == len(vector.indices)
        assert all(value > 0 for value in vector.values)


def test_repeats_saturate() -> None:
    once, thrice, often = (weight(encode_chunk(chunk("parse " * n + "pad " * (60 - n))), "pars") for n in (1, 3, 50))
    assert once < thrice < often < 3
    assert thrice < 3 * once


def test_a_long_chunk_counts_a_word_for_less() -> None:
    assert weight(encode_chunk(chunk("parse")), "pars") > weight(encode_chunk(chunk("parse" + " word" * 500)), "pars")


def test_a_word_of_the_name_path_or_symbol_weighs_more_than_one_of_the_text() -> None:
    plain = weight(encode_chunk(chunk("retry other")), "retri")
    assert weight(encode_chunk(chunk("retry other", names=("retry",))), "retri") > plain
    assert weight(encode_chunk(chunk("retry other", symbol="Client.retry")), "retri") > plain
    assert weight(encode_chunk(chunk("retry other", path="net/retry.py")), "retri") > plain
    assert weight(encode_chunk(chunk("other", path="net/retry.py")), "retri") > 0
    assert weight(encode_chunk(chunk("other", path="retry/net.py")), "retri") > 0


def test_described_and_named_alike() -> None:
    definition = chunk("def send_error(self): ...")
    assert match("sendError", definition) > match("send an error", definition) > 0
    assert match("SEND_ERROR", definition) == match("sendError", definition)
    assert match("sending errors", definition) == match("send error", definition)


def test_hyphens_join_what_the_program_writes_as_one_name() -> None:
    assert match("the v-if directive", chunk("function vIf() {}")) > 0
    assert match("keep-alive", chunk("KeepAlive")) > match("keep alive", chunk("KeepAlive"))


def test_a_question_means_abbreviations_too_but_says_what_it_says() -> None:
    vector = encode_query("environment")
    assert weight(vector, "env") == SYNONYM_WEIGHT
    assert weight(vector, "environ") == 1.0
    assert weight(encode_query("env environment"), "env") == 1.0
    assert match("environment variables", chunk("load(env)")) > 0


def test_a_chunks_vector_depends_on_nothing_but_the_chunk() -> None:
    before = encode_chunk(chunk("def total(cart): return sum(cart)"))
    for number in range(70_000):  # more than are remembered
        terms_of = encode_query(f"word{number}")
        assert terms_of.indices
    assert encode_chunk(chunk("def total(cart): return sum(cart)")) == before
