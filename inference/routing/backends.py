"""An endpoint to choose from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from inference.ports import Generator

Probe = Callable[[], Awaitable[None]]
"""A small real inference; raises `InferenceError` when there is none. A server's ready endpoint proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    name: str
    """For sentences, receipts and metrics, such as `gpu-1`; unique."""
    generator: Generator
    """Closed by the router. It should not retry by itself: another endpoint is the better second attempt."""
    variant: str = "stable"
    version: str = ""
    """Of the variant's model, for receipts."""
    weight: float = 1.0
    """How much it can do in comparison with the others. Shares of users are set by variant, in `Split`."""
    most: int = 32
    """Answers at once: a slow endpoint may hold up no more than these."""
    probe: Probe | None = None

    def __post_init__(self) -> None:
        if not self.name or self.weight <= 0 or self.most < 1:
            raise ValueError("An endpoint has a name, a weight above 0, and takes at least one request.")

    @property
    def label(self) -> str:
        """As in `code@2 on gpu-1`."""
        return f"{self.variant}@{self.version} on {self.name}" if self.version else f"{self.variant} on {self.name}"
