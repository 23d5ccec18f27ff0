"""Where a model is served by Triton, and how to talk to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

_HEADER_NAME = frozenset("-._0123456789abcdefghijklmnopqrstuvwxyz")  # gRPC over HTTP/2, "Custom-Metadata"
_OURS = frozenset({"authorization", "host", "te", "content-type", "user-agent"})
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)  # RFC 1035, section 2.3.4, and underscores
_PORT = 8001  # where Triton listens for gRPC when it is not told otherwise
_RESTRICTED = "triton-grpc-protocol-"  # Triton's "Limit Endpoint Access": what its header's name begins with
_SHOWN = 80  # characters of a model's name in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonEndpoint:
    """One model at one address. The caller resolves the secrets, from the environment or a keyring.

    :raises ValueError: with a sentence for the reader, when an address, a secret or a header cannot be used. It never
        repeats a secret.
    """

    url: str
    """`grpc://host:port`, or `grpcs://` for TLS. The port is 8001 when there is none."""
    model: str
    version: str = ""
    """A number; empty is what the server's version policy chooses."""
    profile: Literal["vllm", "tensorrt_llm"] = "vllm"
    """Whose names the model's tensors have; see `inference.triton.profiles`. Of no meaning for an embedder."""
    token: str = field(default="", repr=False)
    """Sent as `Authorization: Bearer`, for a gateway before the server; Triton itself knows no users."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent with every call; may hold secrets. Models see those that the server forwards."""
    restricted_key: str = ""
    """Of `--grpc-restricted-protocol=PROTOCOLS:KEY=VALUE`; sent as the header `triton-grpc-protocol-KEY`."""
    restricted_value: str = field(default="", repr=False)
    asks_usage: bool = True
    """vLLM backends before release 24.12 refuse to be asked for the reason of an end and the counts."""
    connect_seconds: float = 5.0
    first_seconds: float = 60.0
    """The longest time to the first response: connecting, the server's queue, and reading the prompt."""
    idle_seconds: float = 20.0
    """The longest time between two responses after that."""
    queue_seconds: float | None = None
    """The longest time in the server's queue; None is as long as the caller waits."""
    attempts: int = 3
    """Of getting a first response, the first one counted."""
    ca: Path | None = None
    """PEM file of the authorities to trust, in place of the well-known ones."""
    certificate: Path | None = None
    """PEM file of this client's certificate, for mutual TLS; `certificate_key` when its key is in another file."""
    certificate_key: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_address = parts.scheme in ("grpc", "grpcs") and _is_host(parts.hostname or "") and parts.port != 0
        except ValueError:  # a port that is none, or half an IPv6 address
            is_address = False
        if not is_address or not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise ValueError("Triton's url must be grpc:// or grpcs:// and a host, as in grpc://localhost:8001.")
        parts = urlsplit(self.url)
        if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("Triton's url must hold neither a password, nor a path, nor a query; set the token.")
        if not self.model or not self.model.isprintable():
            raise ValueError("The model's name must be printable text.")
        if self.version and not (self.version.isascii() and self.version.isdigit() and len(self.version) < 19):
            raise ValueError("A model's version is a number, as its folder in Triton's repository is.")
        if not _is_header_value(self.token):
            raise ValueError("The token holds characters that no token has, such as a line's end; copy it again.")
        for name, value in self.headers:
            if not _is_header_name(name.lower()) or not _is_header_value(value):
                raise ValueError("A header's name or value holds characters that gRPC does not allow.")
            if name.lower() in _OURS:
                raise ValueError(f"The header {name} is not free to be set; for the token use token.")
        if bool(self.restricted_key) != bool(self.restricted_value):
            raise ValueError("A restricted protocol has a key and a value; set both.")
        if self.restricted_key and not _is_header_name(self.restricted_key.lower()):
            raise ValueError("The key of a restricted protocol holds characters that gRPC does not allow.")
        if not _is_header_value(self.restricted_value):
            raise ValueError("The value of a restricted protocol holds characters that gRPC does not allow.")
        if min(self.connect_seconds, self.first_seconds, self.idle_seconds) <= 0 or self.attempts < 1:
            raise ValueError("Limits of time must be above 0, and there is at least one attempt.")
        if self.queue_seconds is not None and self.queue_seconds <= 0:
            raise ValueError("The longest time in the queue must be above 0.")
        if self.certificate_key and not self.certificate:
            raise ValueError("A certificate's key needs the certificate.")
        if not self.is_tls and (self.ca or self.certificate):
            raise ValueError("Certificates are for grpcs://, and the url is grpc://.")

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("grpcs:")

    @property
    def address(self) -> str:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.netloc if parts.port else f"{parts.netloc.rstrip(':')}:{_PORT}"

    @property
    def name(self) -> str:
        """For sentences: the model, and the host it is on."""
        shown = self.model if len(self.model) <= _SHOWN else f"{self.model[:_SHOWN]}…"
        return f"{shown} at {self.address}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no sentence may repeat."""
        return (self.token, self.restricted_value, *(value for _, value in self.headers))

    @property
    def sent_headers(self) -> tuple[tuple[str, str], ...]:
        """All that go with every call, as gRPC wants them."""
        sent = [(name.lower(), value) for name, value in self.headers]
        if self.token:
            sent.append(("authorization", f"Bearer {self.token}"))
        if self.restricted_key:
            sent.append((_RESTRICTED + self.restricted_key.lower(), self.restricted_value))
        return tuple(sent)


def _is_host(name: str) -> bool:
    """An address, or a name that can be looked up; others fail deep in the resolver."""
    if ":" in name:
        return bool(ip_address(name))
    return len(name) <= 253 and bool(_HOST.fullmatch(name))


def _is_header_name(name: str) -> bool:
    """Names with `grpc-` are gRPC's own, and values of those with `-bin` are bytes."""
    return bool(name) and set(name) <= _HEADER_NAME and not name.startswith("grpc-") and not name.endswith("-bin")


def _is_header_value(value: str) -> bool:
    return value.isascii() and (not value or value.isprintable()) and value == value.strip()
