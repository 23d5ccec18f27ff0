"""Settings of the models: one table for each, `[models.NAME]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Backend = Literal["openai", "llamacpp", "triton", "triton-trtllm", "scripted"]

ROLES = ("chat", "complete", "embed")
"""What a model is asked for: answers and edits, text at the cursor, vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    name: str = ""
    """Of its table; for people, logs and metrics."""
    backend: Backend = "openai"
    url: str = ""
    """`http://localhost:11434/v1`, or `grpc://host:8001` of a Triton server; `grpcs` with TLS."""
    model: str = ""
    """As the server names it."""
    version: str = ""
    """Of Triton's; empty is the server's choice."""
    roles: tuple[str, ...] = ("chat", "complete")
    key: str = field(default="", repr=False)
    """`env:NAME`, `keyring:SERVICE/USER`, or the key itself."""
    headers: tuple[str, ...] = field(default=(), repr=False)
    """`Name=value`, sent with each request; the value may be `env:` or `keyring:` as the key."""
    ca: str = ""
    """PEM file of the authorities to trust."""
    certificate: str = ""
    """PEM file of this client, for mutual TLS."""
    certificate_key: str = ""
    adapter: str = ""
    """A LoRA adapter by its name on the server."""
    variant: str = "stable"
    """Models of the same variant are replicas of each other; a user stays in one variant."""
    weight: float = 1.0
    """A variant's share of the users is the sum of its weights."""
    tokenizer: str = ""
    """A `tokenizer.json`, or the folder of a Hugging Face model, to count tokens and for the chat template."""
    family: str = ""
    """The form of fill-in-the-middle, by its name in docs/fim.md; empty finds it by the model's name."""
    context_tokens: int = 8192
    """What the server's model takes, prompt and answer together."""
    streams: int = 8
    """Answers at once."""
    queue: int = 32
    """Requests that may wait for one of these before Assay says that it is busy."""
    first_seconds: float = 60.0
    """The longest time to the first piece of an answer."""
    idle_seconds: float = 20.0
    """The longest time between two pieces."""
    reasoning: Literal["off", "on"] = "off"
    """For hosted models that take neither a temperature nor stops."""
    revision: str = "1"
    """Of an embedder's weights: vectors of different revisions are never compared."""
    dimension: int = 384
    """Of an embedder."""
    script: str = ""
    """Path of a script of answers, for `scripted`."""


def model_of(values: Mapping[str, Any]) -> ModelSettings:
    """What `dataclasses.asdict` made of one, after a way through JSON: its lists are tuples again."""
    given: dict[str, Any] = {**values, "roles": tuple(values["roles"]), "headers": tuple(values["headers"])}
    return ModelSettings(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    answers: Literal["on", "off"] = "on"
    """Whether an answer that would be given again is kept: the same question at temperature 0."""
    days: float = 7.0
    """How long an answer is kept."""
    memory_mb: int = 32
    disk_mb: int = 256
    redis_url: str = field(default="", repr=False)
    """Of the team's Redis, which then keeps answers in place of this machine."""
    tenant: str = field(default="", repr=False)
    """Separates those who share a Redis: nobody finds what another tenant asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """Where several models share a role. What is 0 or empty is off."""

    trial: str = ""
    """Names a trial of variants, so that another one draws its users anew."""
    hedge_seconds: float = 0.0
    """When a model has given nothing for so long, another one is asked too; the slower of the two is cancelled."""
    requests_per_minute: int = 0
    """How much this person may ask of models."""
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveSettings:
    metrics: str = ""
    """`HOST:PORT` where Prometheus reads; empty is off."""
    otlp_url: str = ""
    """Where spans are sent, such as `http://localhost:4318`; empty is off."""
    otlp_headers: tuple[str, ...] = field(default=(), repr=False)
