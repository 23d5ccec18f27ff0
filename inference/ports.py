"""The `Generator` port: stream text for a request with a deadline."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol


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


class Generator(Protocol):
    """Implementations: `inference.scripted.ScriptedGenerator`, `inference.openai.generator.OpenAIGenerator`.

    Contract: tests/inference/test_generator_contract.py.
    """

    @property
    def model(self) -> str:
        """A name for receipts, such as `scripted:demo`."""
        ...

    def stream(self, request: GenerateRequest) -> AsyncGenerator[str, None]:
        """Pieces of the answer as they come. Closing the generator cancels the work at the model.

        :raises InferenceError: translated once, here.
        """
        ...
