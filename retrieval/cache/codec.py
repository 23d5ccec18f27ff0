"""Vectors as bytes: half precision, little endian, nothing else. Never pickles, as a shared cache is not trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_UNIT_TOLERANCE = 0.01
"""Half precision moves the length of a unit vector by less than 0.001; more is no vector of an embedder's."""


def encoded(vector: Sequence[float]) -> bytes | None:
    """Two bytes for each number; None for what no embedder gives, which is not worth keeping."""
    with np.errstate(over="ignore"):
        half = np.asarray(vector, dtype=np.float32).astype("<f2")
    return half.tobytes() if _is_unit(half) else None


def decoded(data: object, embedder: str) -> list[float] | None:
    """The vector; None for bytes that `encoded` did not make of this embedder's.

    :param embedder: `model@revision:dimension`.
    """
    dimension = embedder.rpartition(":")[2]
    if not isinstance(data, bytes) or not dimension.isascii() or not dimension.isdigit():
        return None
    if len(data) != 2 * int(dimension):
        return None
    half = np.frombuffer(data, dtype="<f2")
    return half.astype(np.float32).tolist() if _is_unit(half) else None


def _is_unit(half: np.ndarray) -> bool:
    return bool(abs(float(np.linalg.norm(half.astype(np.float32))) - 1) < _UNIT_TOLERANCE)  # false for NaN
