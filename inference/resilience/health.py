"""What is available, as a value: the use case chooses what to do with less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from inference.ports import Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    state: Literal["full", "degraded", "none"]
    """`none`: a request will most likely fail, so that what can be done without a model is the better answer."""
    reason: str = ""
    """A sentence for the reader; empty when all is well."""


FULL = Health(state="full")


class Watched(Generator, Protocol):
    """A `Generator` that knows how it is, without asking anybody."""

    @property
    def open_streams(self) -> int:
        """Answers that are being given now."""
        ...

    def health(self) -> Health: ...
