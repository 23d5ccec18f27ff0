"""Vectors that a server sent, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import BadOutput

Vectors = NDArray[np.float32]
"""Shape (texts, dimension)."""

MOST_DIMENSION = 65_536


def unit(vectors: NDArray[np.floating[Any]], name: str) -> Vectors:
    """Each brought to length 1.

    :param name: of the server, for the sentence.
    :raises BadOutput: for NaN, infinities and zeros.
    """
    with np.errstate(over="ignore"):  # it makes an infinity, which is looked for
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise BadOutput(f"{name} gave vectors with NaN, infinities or nothing but zeros; see its log.")
    return (vectors / lengths).astype(np.float32, copy=False)
