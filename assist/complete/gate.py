"""Whether a suggestion is worth the interruption: judged by what this person took before, once there is enough of it.

A logistic regression over cheap features, as Copilot's contextual filter was found to be (Thakkar, "Copilot Internals",
2022), but trained here, on this machine's own events, and on nothing else. Until then everything is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assist.complete.lexical import current_line
from assist.complete.values import Candidate, Origin

FEATURES = (
    "characters of the suggestion, log",
    "lines of the suggestion, log",
    "characters before the cursor in its line, log",
    "text behind the cursor in its line",
    "behind a letter or digit",
    "copied, not written by a model",
    "share of the last ten that were taken",
    "seconds since the last key, log",
)
LEAST_EVENTS = 10 * len(FEATURES)
"""Taken, and as many passed over: ten events of the rarer kind for each feature, below which the coefficients of a
logistic regression are off (Peduzzi and others, Journal of Clinical Epidemiology 49 (12), 1996)."""
LEAST_AUC = 0.65
"""On events that it was not trained on. A gate that cannot tell them apart better hides as much as it spares."""
RECENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`weights` are empty while everything is shown."""

    weights: tuple[float, ...] = ()
    """The constant, then one for each feature in units of its deviation."""
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    line: float = 0.0
    """Suggestions less likely to be taken than this are not shown."""
    taken: int = 0
    passed_over: int = 0
    auc: float | None = None
    """Of held-out events; None before there are enough."""

    @property
    def is_on(self) -> bool:
        return bool(self.weights)

    def about(self) -> str:
        """How it stands, for people."""
        if self.is_on:
            return f"on, trained on {self.taken} taken and {self.passed_over} passed over, AUC {self.auc:.2f}"
        if self.auc is not None:
            return f"off: it cannot tell well enough what is taken (AUC {self.auc:.2f}, {LEAST_AUC} is needed)"
        return (
            f"off until {LEAST_EVENTS} were taken and as many passed over ({self.taken} and {self.passed_over} so far)"
        )


def features(candidate: Candidate, origin: Origin, *, taken_share: float, since_key: float) -> tuple[float, ...]:
    """In the order of `FEATURES`.

    :param taken_share: of the last suggestions, from 0 to 1.
    :param since_key: seconds.
    """
    line = current_line(candidate.before)
    rest = candidate.after.partition("\n")[0].strip()
    last = candidate.before[-1:]
    return (
        math.log1p(len(candidate.text)),
        math.log1p(candidate.text.count("\n")),
        math.log1p(len(line.strip())),
        float(bool(rest)),
        float(last.isalnum() or last == "_"),
        float(origin == "copied"),
        taken_share,
        math.log1p(max(0.0, since_key)),
    )


def likelihood(gate: Gate, values: Sequence[float]) -> float | None:
    """How likely a suggestion is to be taken, from 0 to 1; None while the gate is off."""
    if not gate.is_on:
        return None
    total = gate.weights[0]
    for weight, value, mean, deviation in zip(gate.weights[1:], values, gate.means, gate.deviations, strict=True):
        total += weight * (value - mean) / deviation
    return 1.0 / (1.0 + math.exp(-min(30.0, max(-30.0, total))))
