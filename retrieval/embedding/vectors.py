"""What every vector must be before anything else sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.errors import EmbedderError
from retrieval.ports import Vectors


def checked(vectors: Vectors | Sequence[Sequence[float]], dimension: int) -> Vectors:
    """The vectors as float32, shape (texts, dimension).

    The engines take NaN without a word and answer nonsense ever after, so it is refused here.

    :raises EmbedderError: for another dimension, NaN or an infinity.
    """
    if not len(vectors):
        return np.empty((0, dimension), dtype=np.float32)
    try:
        array = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EmbedderError("The embedder's answer is no table of numbers.") from error
    if array.ndim != 2 or array.shape[1] != dimension:
        raise EmbedderError(f"The embedder's vectors have the shape {array.shape}, not (texts, {dimension}).")
    if not np.isfinite(array).all():
        raise EmbedderError("The embedder's vectors hold NaN or infinities.")
    return array
