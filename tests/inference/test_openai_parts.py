"""The parts of the OpenAI-compatible client that need no server."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.openai.answers import BadAnswer, Read, Refused, chat_delta, completion_delta, infill_delta
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.failures import clean, seconds_to_wait, server_message
from inference.openai.http import Connection
from inference.stops import StopFilter

KEY = "sk-0123456789abcdefghij"


def endpoint(*, url: str = "http://localhost:8000/v1", model: str = "m", **options: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint(url=url, model=model, **options)


# Endpoints


@pytest.mark.parametrize(
    ("url", "base", "root"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1", "http://localhost:8000"),
        ("http://localhost:8000/", "http://localhost:8000/v1", "http://localhost:8000"),
        ("https://host/v1/", "https://host/v1", "https://host"),
        ("http://[::1]:8000", "http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://my_host.local./v1", "http://my_host.local./v1", "http://my_host.local."),
        ("https://host/api/v1", "https://host/api/v1", "https://host/api"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai", "https://host/v1beta/openai"),
    ],
)
def test_addresses(url: str, base: str, root: str) -> None:
    assert (endpoint(url=url).base, endpoint(url=url).root) == (base, root)


WRONG: list[dict[str, Any]] = [
    {"url": "localhost:8000"},
    {"url": "file:///etc/passwd"},
    {"url": "http://"},
    {"url": "http://host:70000/v1"},
    {"url": "http://host:0/v1"},
    {"url": "http://host:port/v1"},
    {"url": "http://[::1/v1"},
    {"url": "http://a..b/v1"},
    {"url": "http://a%zz/v1"},
    {"url": f"http://{'a' * 64}.b/v1"},
    {"url": "http://hö.st/v1"},
    {"url": "http://host /v1"},
    {"url": f"http://user:{KEY}@host/v1"},
    {"url": f"http://host/v1?key={KEY}"},
    {"url": "http://host/v1#a"},
    {"url": "http://host/\nv1"},
    {"model": ""},
    {"model": "a\nb"},
    {"api_key": f"{KEY}\n"},
    {"api_key": f" {KEY}"},
    {"api_key": f"{KEY}\u200b"},
    {"headers": (("x-a", f"{KEY}\r\nx-b: 1"),)},
    {"headers": (("x a", KEY),)},
    {"headers": (("", KEY),)},
    {"headers": (("Authorization", KEY),)},
    {"headers": (("Host", KEY),)},
    {"idle_seconds": 0},
    {"attempts": 0},
    {"certificate_key": Path("a")},
]


@pytest.mark.parametrize("options", WRONG, ids=repr)
def test_an_endpoint_that_cannot_be_right_is_refused_without_its_secrets(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$") as caught:
        endpoint(**options)
    assert KEY not in str(caught.value)


def test_an_endpoint_does_not_show_its_secrets() -> None:
    assert "0123" not in repr(endpoint(api_key=KEY, headers=(("api-key", KEY),)))


@pytest.mark.parametrize("url", ["http://1.2.3.999/v1", "http://[v1.x]/v1"])
def test_a_host_that_has_no_proper_name(url: str) -> None:
    with pytest.raises(ValueError, match="check the name of its host"):
        Connection(endpoint(url=url))


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    for path in (tmp_path / "bad.pem", tmp_path / "none.pem"):
        with pytest.raises(ValueError, match="cannot be read; check the three paths"):
            Connection(endpoint(url="https://host/v1", ca=path))


# What servers say


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("120", 120),
        ("86401", None),
        ("9" * 60, None),
        ("9" * 5000, None),
        ("-5", None),
        ("1.5", None),
        ("\u00b2", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_how_long_a_server_wants_us_to_wait(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header) == seconds


def test_a_date_to_wait_for() -> None:
    wait = seconds_to_wait(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert wait is not None
    assert 90 < wait <= 100


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "m", "type": "t"}}', "m"),
        (b'{"error": "m"}', "m"),
        (b'{"message": "m"}', "m"),
        (b'{"object": "error", "message": "m"}', "m"),
        (b'{"detail": "m"}', "m"),
        (b'{"detail": [{"loc": ["body"], "msg": "m"}]}', "m"),
        (b'[{"error": {"message": "m"}}]', "m"),
        (b'{"error": {"message": 5}}', ""),
        (b'{"error": {"error": {"error": {"error": {"error": "deep"}}}}}', ""),
        (b'{"error": []}', ""),
        (b"[" * 100_000, ""),
        (b"\xff", ""),
        (b"<html>", ""),
    ],
)
def test_a_servers_words_in_any_form(body: bytes, message: str) -> None:
    assert server_message(endpoint(), body) == message


@given(start=st.integers(0, 15), size=st.integers(8, 23), before=st.text(max_size=3000))
def test_no_eight_characters_of_a_key_are_repeated(start: int, size: int, before: str) -> None:
    shown = clean(endpoint(api_key=KEY), f"{before}{KEY[start : start + size]}")
    assert not any(KEY[at : at + 8] in shown for at in range(len(KEY) - 7))


def test_headers_are_secrets_too_and_short_ones_as_a_whole() -> None:
    assert clean(endpoint(headers=(("x", "abc"),)), "it is abc") == ""
    assert clean(endpoint(headers=(("x", "abc"),)), "it is ab") == "it is ab"


# What is in an event

_FIELDS = (
    "choices delta content text index finish_reason usage prompt_tokens completion_tokens prompt_tokens_details "
    "error code message object stop stop_type"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS.split()), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("read", [chat_delta, completion_delta, infill_delta])
@given(event=JSON)
def test_any_json_is_a_delta_a_refusal_or_a_bad_answer(read: Read, event: object) -> None:
    try:
        delta = read(json.dumps(event))
    except BadAnswer:
        return
    words = delta.words if isinstance(delta, Refused) else delta.text
    words.encode("utf-8")


@given(data=st.text(max_size=50))
def test_any_text_is_a_delta_a_refusal_or_a_bad_answer(data: str) -> None:
    with suppress(BadAnswer):
        chat_delta(data)


# Stops


@given(
    text=st.text(alphabet="ab<|>\n", max_size=40),
    stops=st.lists(st.text(alphabet="ab<|>\n", max_size=4), max_size=4),
    cuts=st.lists(st.integers(0, 40), max_size=8),
)
def test_a_stop_is_found_however_the_text_is_cut(text: str, stops: list[str], cuts: list[int]) -> None:
    whole = StopFilter(stops)
    at_once = whole.add(text) + ("" if whole.is_stopped else whole.rest())
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces, got = StopFilter(stops), ""
    for start, end in zip(edges, [*edges[1:], len(text)], strict=True):
        got += pieces.add(text[start:end])
        if pieces.is_stopped:
            break
    got += "" if pieces.is_stopped else pieces.rest()
    assert pieces.is_stopped == whole.is_stopped == any(stop and stop in text for stop in stops)
    assert text.startswith(got)
    assert not any(stop and stop in got for stop in stops)
    assert len(got) <= len(text) if whole.is_stopped else got == at_once == text


def test_only_what_may_become_a_stop_waits() -> None:
    stops = StopFilter(["<|end|>"])
    assert stops.add("a < b") == "a < b"
    assert stops.add("c <|e") == "c "
    assert stops.add("asy") == "<|easy"
    assert stops.add("<") == ""
    assert stops.rest() == "<"
    assert stops.rest() == ""
