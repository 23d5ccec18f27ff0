"""What happened to requests and endpoints, for metrics and logs. Names, times and kinds; never a text or a user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.ports import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A request has its place, or is refused one."""

    priority: Priority
    seconds: float
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRefused:
    seconds: float
    """Until there is enough again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    backend: str
    variant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    backend: str
    variant: str
    error: str
    """The name of the error's class."""
    seconds: float
    is_begun: bool
    """Whether there was a first token; then no other endpoint was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """Of the attempt that answers."""

    backend: str
    variant: str
    seconds: float
    """Since the attempt began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer is whole."""

    backend: str
    variant: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """By the caller, or as the slower one of two."""

    backend: str
    variant: str
    seconds: float
    by: Literal["caller", "hedge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedged:
    """A second endpoint is asked, as the first is slow."""

    first: str
    second: str
    seconds: float
    """After which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ejected:
    backend: str
    error: str
    """The name of the last error's class."""
    seconds: float
    """Until it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    backend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FellBack:
    """A user's variant has no endpoint that works, and the stable one is asked."""

    wanted: str


Event = (
    Queued
    | BudgetRefused
    | AttemptStarted
    | AttemptFailed
    | FirstToken
    | Answered
    | Cancelled
    | Hedged
    | Ejected
    | Returned
    | FellBack
)

OnEvent = Callable[[Event], None]
"""Called on the loop, between two tokens: quick, and without raising."""


def unheard(event: Event) -> None:
    """For when nobody listens."""
    del event
