"""One request to a model, as metrics, spans and the log see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from inference import errors
from inference.ports import Finished

Operation = Literal["chat", "text_completion"]
"""As OpenTelemetry names them: messages, and a raw prompt."""

Outcome = Literal["ok", "error", "cancelled"]
"""An answer that its reader closed counts as cancelled, as the work at the model ends the same way."""

OTHER = "other"
"""For what has no name here."""

_ERRORS = frozenset(name for name, each in vars(errors).items() if isinstance(each, type))
_ODD = re.compile(r"[^\w.:@/+-]+", re.ASCII)
_MOST = 80  # characters of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    id: str
    operation: Operation
    backend: str
    """Kind, such as `openai`; `cache` when no model was asked."""
    model: str
    """As it is called in the settings."""
    outcome: Outcome
    error: str = ""
    """Name of a class of `inference.errors`, or `other`; empty when there was none."""
    seconds: float
    first_seconds: float | None
    """To the first piece; None when none came."""
    pieces: int
    finished: Finished | None

    @property
    def tokens_per_second(self) -> float | None:
        """After the first one, as the wait for that is counted by itself; None when it cannot be told."""
        usage = self.finished.usage if self.finished else None
        if usage is None or self.first_seconds is None or usage.completion < 2 or self.seconds <= self.first_seconds:
            return None
        return (usage.completion - 1) / (self.seconds - self.first_seconds)


def error_name(name: str) -> str:
    """`name` when it is that of one of our errors, so that there are only so many."""
    return name if name in _ERRORS else OTHER


def word(text: str) -> str:
    """A name from elsewhere, fit for a line of the log: no spaces, no line breaks, no great length."""
    return _ODD.sub("_", text[:_MOST])


def line(record: Record, *, trace: str = "") -> str:
    """The one line that the log has of a request."""
    finished = record.finished
    usage = finished.usage if finished else None
    fields: list[tuple[str, object]] = [
        ("request", record.id),
        ("trace", trace),
        ("operation", record.operation),
        ("backend", word(record.backend)),
        ("model", word(record.model)),
        ("outcome", record.outcome),
        ("error", record.error),
        ("reason", finished.reason if finished else ""),
        ("by", word(finished.backend) if finished else ""),
        ("tokens_in", usage.prompt if usage else ""),
        ("tokens_cached", usage.cached if usage else ""),
        ("tokens_out", usage.completion if usage else ""),
        ("pieces", record.pieces),
        ("first_ms", "" if record.first_seconds is None else f"{record.first_seconds * 1e3:.1f}"),
        ("ms", f"{record.seconds * 1e3:.1f}"),
    ]
    return " ".join(f"{name}={value}" for name, value in fields if value != "")
