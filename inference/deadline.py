"""Until when an answer may take."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    seconds: float
    """As it was asked for."""
    at: float
    """On the monotonic clock."""

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(seconds=seconds, at=time.monotonic() + seconds)

    def left(self) -> float:
        return self.at - time.monotonic()
