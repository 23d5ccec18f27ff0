"""Fit the gate to what was taken and what was passed over. Imports numpy, so it is imported when it is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assist.complete.events import Event
from assist.complete.gate import FEATURES, LEAST_AUC, LEAST_EVENTS, Gate

_LOST = 0.05
"""Share of what was taken that may fall below the line."""
_HELD_OUT = 0.25
"""The share of the newest events that judge it."""
_RIDGE = 1.0
"""Holds the coefficients down where a feature says nothing."""
_STEPS = 25


def train(events: Sequence[Event]) -> Gate:
    """A gate from events in the order that they happened; one that shows everything where they do not suffice."""
    usable = [event for event in events if len(event.features) == len(FEATURES)]
    labels = np.array([event.ending != "rejected" for event in usable], np.float64)
    taken, passed_over = int(labels.sum()), int(len(labels) - labels.sum())
    if min(taken, passed_over) < LEAST_EVENTS:
        return Gate(taken=taken, passed_over=passed_over)
    values = np.array([event.features for event in usable], np.float64)
    held = int(len(usable) * _HELD_OUT)
    auc = _auc(_fitted(values[:-held], labels[:-held]), values[-held:], labels[-held:])
    if auc is None or auc < LEAST_AUC:
        return Gate(taken=taken, passed_over=passed_over, auc=auc)
    weights, means, deviations = _fitted(values, labels)
    scores = _scores((weights, means, deviations), values)
    return Gate(
        weights=tuple(weights.tolist()),
        means=tuple(means.tolist()),
        deviations=tuple(deviations.tolist()),
        line=float(np.quantile(scores[labels == 1.0], _LOST)),
        taken=taken,
        passed_over=passed_over,
        auc=round(auc, 3),
    )


_Fit = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _fitted(values: NDArray[np.float64], labels: NDArray[np.float64]) -> _Fit:
    """Newton's method with a ridge (iteratively reweighted least squares)."""
    means = values.mean(axis=0)
    deviations = np.where(values.std(axis=0) > 1e-9, values.std(axis=0), 1.0)
    matrix = np.column_stack((np.ones(len(values)), (values - means) / deviations))
    weights = np.zeros(matrix.shape[1])
    ridge = np.full(matrix.shape[1], _RIDGE)
    ridge[0] = 1e-6
    for _ in range(_STEPS):
        chances = 1.0 / (1.0 + np.exp(-np.clip(matrix @ weights, -30, 30)))
        gradient = matrix.T @ (labels - chances) - ridge * weights
        curvature = (matrix * (chances * (1.0 - chances))[:, np.newaxis]).T @ matrix + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights, means, deviations


def _scores(fit: _Fit, values: NDArray[np.float64]) -> NDArray[np.float64]:
    weights, means, deviations = fit
    total = weights[0] + ((values - means) / deviations) @ weights[1:]
    return 1.0 / (1.0 + np.exp(-np.clip(total, -30, 30)))


def _auc(fit: _Fit, values: NDArray[np.float64], labels: NDArray[np.float64]) -> float | None:
    """How often one that was taken is judged likelier than one that was passed over; ties count half."""
    scores = _scores(fit, values)
    taken, passed_over = scores[labels == 1.0], scores[labels == 0.0]
    if not len(taken) or not len(passed_over):
        return None
    above = (taken[:, np.newaxis] > passed_over).mean() + 0.5 * (taken[:, np.newaxis] == passed_over).mean()
    return float(above)
