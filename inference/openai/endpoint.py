"""Where a model is served, and how to talk to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

_HEADER_NAME = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # RFC 9110, section 5.6.2
_OURS = frozenset({"authorization", "host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)  # RFC 1035, section 2.3.4, and underscores
_SHOWN = 80  # characters of a model's name in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIEndpoint:
    """One model at one address. The caller resolves the key, from the environment or a keyring.

    :raises ValueError: with a sentence for the reader, when an address, a key or a header cannot be used. It never
        repeats the key.
    """

    url: str
    """The base address as the official clients take it, such as `http://localhost:8000/v1`. `/v1` is added to an
    address without a path."""
    model: str
    api_key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent with every request; may hold secrets."""
    api: Literal["openai", "llamacpp"] = "openai"
    """`llamacpp` has `/infill` too, and is asked to keep prompts in its cache."""
    is_reasoning: bool = False
    """Hosted reasoning models take `max_completion_tokens`, and neither a temperature nor stops."""
    asks_usage: bool = True
    """Some servers refuse `stream_options`."""
    connect_seconds: float = 5.0
    first_seconds: float = 60.0
    """The longest time to the first event: the server's queue, and reading the prompt."""
    idle_seconds: float = 20.0
    """The longest time between two events after that."""
    attempts: int = 3
    """Of opening a stream, the first one counted."""
    ca: Path | None = None
    """PEM file of the authorities to trust, in place of the well-known ones."""
    certificate: Path | None = None
    """PEM file of this client's certificate, for mutual TLS; `certificate_key` when its key is in another file."""
    certificate_key: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_address = parts.scheme in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0
        except ValueError:  # a port that is none, or half an IPv6 address
            is_address = False
        if not is_address or not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise ValueError("The model's url must be http:// or https:// and a host, as in http://localhost:8000/v1.")
        parts = urlsplit(self.url)
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("The model's url must hold neither a password, nor a query, nor a fragment; set the key.")
        if not self.model or not self.model.isprintable():
            raise ValueError("The model's name must be printable text.")
        if not _is_header_value(self.api_key):
            raise ValueError("The key holds characters that no key has, such as a line's end; copy it again.")
        for name, value in self.headers:
            if not name or not set(name.lower()) <= _HEADER_NAME or not _is_header_value(value):
                raise ValueError("A header's name or value holds characters that HTTP does not allow.")
            if name.lower() in _OURS:
                raise ValueError(f"The header {name} is not free to be set; for the key use api_key.")
        if min(self.connect_seconds, self.first_seconds, self.idle_seconds) <= 0 or self.attempts < 1:
            raise ValueError("Limits of time must be above 0, and there is at least one attempt.")
        if self.certificate_key and not self.certificate:
            raise ValueError("A certificate's key needs the certificate.")

    @property
    def base(self) -> str:
        """Without a slash at its end."""
        address = self.url.rstrip("/")
        return address if urlsplit(address).path else f"{address}/v1"

    @property
    def root(self) -> str:
        """Where servers have what is not of OpenAI's protocol."""
        return self.base.removesuffix("/v1")

    @property
    def name(self) -> str:
        """For sentences: the model, and the host it is on."""
        shown = self.model if len(self.model) <= _SHOWN else f"{self.model[:_SHOWN]}…"
        return f"{shown} at {urlsplit(self.url).netloc}"


def _is_host(name: str) -> bool:
    """An address, or a name that can be looked up; others fail deep in the resolver."""
    if ":" in name:
        return bool(ip_address(name))
    return len(name) <= 253 and bool(_HOST.fullmatch(name))


def _is_header_value(value: str) -> bool:
    return value.isascii() and (not value or value.isprintable()) and value == value.strip()
