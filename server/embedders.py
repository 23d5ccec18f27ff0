"""An embedder of the settings' models as `retrieval` wants one: its errors in retrieval's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inference.errors import InferenceError
from retrieval.errors import EmbedderError
from server.endpoints import embedder_of
from server.model_settings import ModelSettings

if TYPE_CHECKING:
    from retrieval.ports import Embedder, Vectors


class ServedEmbedder:
    """An `Embedder` of retrieval over one of inference, which has the same shape and other errors."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    @property
    def id(self) -> str:
        return self._inner.id

    @property
    def dimension(self) -> int:
        return self._inner.dimension

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        try:
            return await self._inner.embed(texts, is_query=is_query)
        except InferenceError as error:
            raise EmbedderError(str(error)) from error

    async def close(self) -> None:
        await self._inner.close()


def served_embedder(model: ModelSettings, env: Mapping[str, str]) -> Embedder:
    """:raises EmbedderError: the model's settings cannot be used."""
    try:
        return ServedEmbedder(embedder_of(model, env))
    except InferenceError as error:
        raise EmbedderError(str(error)) from error
