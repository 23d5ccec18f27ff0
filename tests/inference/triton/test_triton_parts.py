"""The parts of the client for Triton that need no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inference.errors import (
    BackendUnavailable,
    BadRequest,
    BrokenStream,
    CredentialsRejected,
    InferenceError,
    ModelNotReady,
    Overloaded,
)
from inference.triton.embedder import TritonEmbedder
from inference.triton.endpoint import TritonEndpoint
from inference.triton.failures import failed, refused
from tests.inference.triton.scripted import endpoint

WORDS: dict[str, tuple[str, str, type[InferenceError], bool]] = {
    "an alert of TLS": (
        "UNAVAILABLE",
        "failed to connect to all addresses; last error: UNKNOWN: ipv4:1.2.3.4:1: Tls handshake failed "
        "(TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: TLSV1_ALERT_CERTIFICATE_REQUIRED",
        CredentialsRejected,
        False,
    ),
    "a reset": ("UNAVAILABLE", "recvmsg:Connection reset by peer", BrokenStream, True),
    "a server that goes down": ("UNAVAILABLE", "GOAWAY received", BrokenStream, True),
    "a gateway without a server": ("UNAVAILABLE", "no healthy upstream", BackendUnavailable, True),
    "a model that loads": ("UNAVAILABLE", "Request for unknown model: 'm' is not ready", ModelNotReady, False),
    "a failure": ("INTERNAL", "CUDA error", BackendUnavailable, False),
    "a prompt that is too large to send": (
        "RESOURCE_EXHAUSTED",
        "CLIENT: Sent message larger than max (9 vs. 8)",
        BadRequest,
        False,
    ),
    "a full queue": ("UNAVAILABLE", "[request id: <id_unknown>] Exceeds maximum queue size", Overloaded, True),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_tell_failures_apart(name: str) -> None:
    code, said, kind, is_passing = WORDS[name]
    failure = failed(endpoint(1), code, said, seconds=1)
    assert type(failure.error) is kind
    assert failure.is_passing is is_passing


def test_a_prompt_that_is_too_long_is_a_bad_request() -> None:
    said = "Error generating stream: The decoder prompt (length 9000) is longer than the maximum model length of 4096."
    assert isinstance(refused(endpoint(1), said, is_by_model=True).error, BadRequest)
    assert type(refused(endpoint(1), "CUDA out of memory", is_by_model=True).error) is BackendUnavailable


# Endpoints


WRONG: list[dict[str, Any]] = [
    {"url": "localhost:8001"},
    {"url": "http://localhost:8001"},
    {"url": "grpc://"},
    {"url": "grpc://host:70000"},
    {"url": "grpc://host/path"},
    {"url": "grpc://user:password@host"},
    {"url": "grpc://a..b"},
    {"url": "grpc://unix:/tmp/socket"},
    {"model": ""},
    {"model": "a\nb"},
    {"version": "two"},
    {"token": "a\nb"},
    {"token": "ключ"},
    {"headers": (("a b", "c"),)},
    {"headers": (("grpc-timeout", "1"),)},
    {"headers": (("x-bin", "1"),)},
    {"headers": (("x", "a\r\nb: c"),)},
    {"headers": (("Authorization", "x"),)},
    {"restricted_key": "infer"},
    {"restricted_value": "infer"},
    {"restricted_key": "in fer", "restricted_value": "x"},
    {"connect_seconds": 0.0},
    {"queue_seconds": 0.0},
    {"attempts": 0},
    {"url": "grpcs://host", "certificate_key": Path("k")},
    {"ca": Path("ca")},
]


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_what_cannot_be_an_endpoint_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        TritonEndpoint(**{"url": "grpc://localhost", "model": "m", **options})


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("grpc://host", "host:8001"),
        ("grpcs://host:9", "host:9"),
        ("grpc://[::1]", "[::1]:8001"),
        ("grpc://h/", "h:8001"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    assert TritonEndpoint(url=url, model="m").address == address


@pytest.mark.parametrize(("dimension", "most", "at_once"), [(0, 9, 1), (1 << 20, 9, 1), (3, 0, 1), (3, 9, 0)])
def test_parameters_out_of_range_are_refused(dimension: int, most: int, at_once: int) -> None:
    with pytest.raises(ValueError, match="at least one character"):
        TritonEmbedder(endpoint(1, "m"), revision="r", dimension=dimension, max_characters=most, in_flight=at_once)
