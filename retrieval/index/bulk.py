"""Many texts to vectors in a process of its own: niced, with every core, and gone when there is nothing to do.

What embeds for a search stays in the index host and waits behind nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import EmbedderError
from retrieval.index.workers import Workers
from retrieval.ports import Vectors

if TYPE_CHECKING:
    from retrieval.embedding.minilm import MiniLM


_THREADS = 4
"""More gain little over texts of a few hundred tokens, and the machine is somebody's."""


class BulkEmbedder:
    """The local model as an `Embedder` in another process."""

    def __init__(self, name: str, dimension: int, folder: Path) -> None:
        """:param folder: of the model's files."""
        self._id, self._dimension, self._folder = name, dimension, folder
        self._workers = Workers(1)

    @property
    def id(self) -> str:
        return self._id

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        try:
            made = await self._workers.run(_embed, self._folder, list(texts))
        except (BrokenProcessPool, OSError, RuntimeError) as error:
            raise EmbedderError(f"the process that embeds ended: {error}") from error
        return np.frombuffer(made, dtype=np.float32).reshape(len(texts), self._dimension)

    async def close(self) -> None:
        self._workers.close()


def _embed(folder: Path, texts: list[str]) -> bytes:
    """In the other process; vectors as float32, row by row."""
    from retrieval.embedding.minilm import MiniLM

    global _model  # noqa: PLW0603 - one model for the process's life
    if _model is None:
        _model = MiniLM(folder, threads=min(_THREADS, os.cpu_count() or 1))
    return asyncio.run(_model.embed(texts)).tobytes()


_model: MiniLM | None = None
