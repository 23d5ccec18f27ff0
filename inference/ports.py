"""What the package asks of a model's backend: the `Generator` port and its values."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Priority = Literal["interactive", "background"]
"""Who waits: a person who is typing, or nobody right now."""

Reason = Literal["stop", "length", "content_filter", "other"]
"""Why an answer ended; `other` when the backend does not say, or says what is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    messages: tuple[Message, ...]
    max_tokens: int = 2048
    temperature: float = 0.0
    seconds: float = 60.0
    """The deadline for the whole answer."""
    stop: tuple[str, ...] = ()
    priority: Priority = "interactive"
    user: str = ""
    """Who asks, as an opaque and lasting name: whoever is in a trial of another model stays in it."""
    adapter: str = ""
    """Name of a LoRA adapter that the backend has; empty is the model itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """What follows a raw prompt, such as one in a model's own form of fill-in-the-middle."""

    prompt: str
    suffix: str = ""
    """What follows the answer, for the few backends that bring both into their model's form; others refuse it."""
    max_tokens: int = 128
    temperature: float = 0.0
    seconds: float = 10.0
    """The deadline for the whole answer."""
    stop: tuple[str, ...] = ()
    priority: Priority = "interactive"
    user: str = ""
    """As in `GenerateRequest`."""
    adapter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, as the backend counts them. Nothing may depend on their being true."""

    prompt: int
    completion: int
    cached: int = 0
    """Of the prompt, reused from an earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    reason: Reason
    usage: Usage | None = None
    """None when the backend did not count, or counts impossibly."""
    backend: str = ""
    """Which of several gave the answer, and of which version, as in `code@2 on gpu-1`; empty when there is one."""


CallHeaders = Callable[[], Mapping[str, str]]
"""More headers for one call, such as those of its trace; asked when the call is made."""

OnFinish = Callable[[Finished], None]
"""Called once, when an answer is whole, and never for one that broke or was closed."""


class Generator(Protocol):
    """Implementations: `inference.scripted.ScriptedGenerator`, `inference.openai.generator.OpenAIGenerator`,
    `inference.triton.generator.TritonGenerator`, and `inference.routing.router.Router` over several of them.

    Contract: tests/inference/test_generator_contract.py.
    """

    @property
    def model(self) -> str:
        """A name for receipts, such as `scripted:demo`."""
        ...

    def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """Pieces of the answer to messages, as they come. Closing the generator cancels the work at the model.

        :raises InferenceError: translated once, here.
        """
        ...

    def complete(self, request: CompletionRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """Pieces of what follows a raw prompt. As `stream` otherwise."""
        ...

    async def close(self) -> None: ...


class Cache(Protocol):
    """Bytes by key, with a time to live. One that is full, broken or away has nothing and keeps nothing: no method
    raises, and none waits for long.

    Implementations: `inference.cache.memory.MemoryCache`, `inference.cache.sqlite.SqliteCache`,
    `inference.cache.redis.RedisCache`, and `inference.cache.tiered.TieredCache` of two of them. Contract:
    tests/inference/cache/test_cache_contract.py.
    """

    async def get(self, key: bytes) -> bytes | None: ...

    async def put(self, key: bytes, value: bytes, *, seconds: float) -> None:
        """:param seconds: after which the entry is gone, if it was not written again; it may go earlier."""
        ...

    async def close(self) -> None:
        """No method may be called after this."""
        ...
