"""Keys tell nothing, and values that another one wrote are none."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.cache.codec import Answer, decoded, encoded
from inference.cache.keys import Tenant, cache_key
from inference.ports import Usage

ONE = Tenant(name="one", secret=b"1" * 32)
KEY = b"k" * 32
ANSWER = Answer(text="text", reason="stop", usage=Usage(prompt=3, completion=1, cached=2))
ASKED: dict[str, Any] = {
    "kind": "chat",
    "model": "openai:code",
    "version": "1",
    "parameters": ["128", "", "stop"],
    "prompt": ["user", "the prompt"],
}


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "completion"},
        {"model": "openai:other"},
        {"version": "2"},
        {"parameters": ["128", "", "sto", "p"]},
        {"parameters": ["128", "stop", ""]},
        {"parameters": ["128", "", "stop", "user"], "prompt": ["the prompt"]},
        {"prompt": ["user", "the prompt "]},
        {"prompt": ["userthe prompt"]},
        {"prompt": ["user", "the prompt", ""]},
        {"tenant": Tenant(name="two", secret=b"1" * 32)},
        {"tenant": Tenant(name="one", secret=b"2" * 32)},
        {"tenant": Tenant(name="one", secret=b"1" * 100)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_changes_the_answer_changes_the_key(other: dict[str, Any]) -> None:
    key = cache_key(ONE, **ASKED)
    assert key == cache_key(ONE, **ASKED) and len(key) == 32
    assert cache_key(**{"tenant": ONE, **ASKED, **other}) != key


texts = st.lists(st.text(max_size=4), max_size=3)


@given(texts, texts, texts, texts)
def test_no_two_lists_are_one(first: list[str], second: list[str], third: list[str], fourth: list[str]) -> None:
    one = cache_key(ONE, **{**ASKED, "parameters": first, "prompt": second})
    other = cache_key(ONE, **{**ASKED, "parameters": third, "prompt": fourth})
    assert (one == other) == ((first, second) == (third, fourth))


def test_half_a_surrogate_has_a_key_too() -> None:
    assert cache_key(ONE, **{**ASKED, "prompt": ["\ud800"]}) != cache_key(ONE, **{**ASKED, "prompt": ["\udc00"]})


def test_a_secret_is_not_shown_and_not_short() -> None:
    assert "1111" not in repr(ONE)
    with pytest.raises(ValueError, match="at least 16 bytes") as caught:
        Tenant(name="x", secret=b"guessable")
    assert "guessable" not in str(caught.value)


def test_prefixes_are_the_tenants_own() -> None:
    assert ONE.prefix.startswith("assay:ans:") and "one" not in ONE.prefix
    assert ONE.prefix != replace(ONE, secret=b"2" * 32).prefix


@given(st.text(), st.sampled_from(["stop", "length"]), st.none() | st.tuples(*[st.integers(0, 10**9)] * 3))
def test_reads_what_it_wrote(text: str, reason: Any, counts: tuple[int, int, int] | None) -> None:
    usage = counts and Usage(prompt=counts[0], completion=counts[1], cached=counts[2])
    answer = Answer(text=text * 50, reason=reason, usage=usage or None)
    assert decoded(encoded(answer, key=KEY, tenant=ONE), key=KEY, tenant=ONE) == answer


def test_long_answers_take_less() -> None:
    assert len(encoded(replace(ANSWER, text="def f(): ...\n" * 100), key=KEY, tenant=ONE)) < 200


@given(st.binary(max_size=200))
def test_bytes_that_others_made_up_are_nothing(value: bytes) -> None:
    assert decoded(value, key=KEY, tenant=ONE) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_makes_it_nothing(place: int, change: int) -> None:
    value = bytearray(encoded(ANSWER, key=KEY, tenant=ONE))
    value[place % len(value)] ^= change
    assert decoded(bytes(value), key=KEY, tenant=ONE) is None


def test_another_keys_or_tenants_value_is_nothing() -> None:
    value = encoded(ANSWER, key=KEY, tenant=ONE)
    assert decoded(value, key=b"o" * 32, tenant=ONE) is None
    assert decoded(value, key=KEY, tenant=replace(ONE, secret=b"2" * 32)) is None
    assert decoded(value[:-1], key=KEY, tenant=ONE) is None


def proven(form: bytes, data: bytes) -> bytes:
    """What somebody could write who has the secret, and another version of this program."""
    return b"\x01" + ONE.digest((KEY, form, data), purpose=b"assay cache val", size=16) + form + data


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (b"p", b"not JSON"),
        (b"p", b"[" * 100_000),
        (b"p", b'["text","stop"]'),
        (b"p", b'["text","other",null]'),
        (b"p", b'[1,"stop",null]'),
        (b"p", b'["text","stop",[1,2]]'),
        (b"p", b'["text","stop",["1",2,3]]'),
        (b"z", b"not compressed"),
        (b"z", zlib.compress(json.dumps(["x" * 50_000_000, "stop", None]).encode())),
        (b"z", zlib.compress(b'["text","stop",null]' + b" " * 600)[:-3]),
        (b"q", b'["text","stop",null]'),
    ],
    ids=[
        "no JSON",
        "deep",
        "too few",
        "reason",
        "no text",
        "counts",
        "a count",
        "not compressed",
        "a bomb",
        "cut off",
        "form",
    ],
)
def test_other_forms_are_nothing(form: bytes, data: bytes) -> None:
    assert decoded(proven(b"p", b'["text","stop",null]'), key=KEY, tenant=ONE)
    assert decoded(proven(form, data), key=KEY, tenant=ONE) is None
