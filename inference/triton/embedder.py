"""Vectors from a model in Triton that makes them of texts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import numpy as np

from inference.deadline import Deadline
from inference.errors import BadOutput
from inference.ports import CallHeaders
from inference.triton.channel import Channel, Inference
from inference.triton.endpoint import TritonEndpoint
from inference.triton.profiles import EMBEDDER, EmbedderProfile
from inference.triton.tensors import BadTensor, rows, texts
from inference.vectors import MOST_DIMENSION, Vectors, unit

MAX_CHARACTERS = 16_384
"""Of a text; the rest is not sent, as models read less."""

_BACKGROUND = 2  # of Triton's `priority_levels`: an index is built while nobody waits
_INTERACTIVE = 1


class TritonEmbedder:
    """What `retrieval.ports.Embedder` asks for, by shape. Its errors are `InferenceError`.

    :param revision: of the model's weights; vectors of different revisions are never compared, so change it with them.
    :param dimension: of the model's vectors; `inference.triton.probe.probe_embedder` finds it.
    :param query_prefix: put before a text that is a search, for models that want one.
    :param seconds: the deadline of one batch.
    :param in_flight: batches at once, so that the model has the next one when it is done with one.
    :raises ValueError: when the endpoint's certificates cannot be read, or a parameter is out of range.
    :raises BackendUnavailable: when the client's library is not installed.
    """

    def __init__(
        self,
        endpoint: TritonEndpoint,
        *,
        revision: str,
        dimension: int,
        query_prefix: str = "",
        document_prefix: str = "",
        max_characters: int = MAX_CHARACTERS,
        seconds: float = 60.0,
        in_flight: int = 4,
        profile: EmbedderProfile = EMBEDDER,
        call_headers: CallHeaders = dict,
    ) -> None:
        if not 1 <= dimension <= MOST_DIMENSION or min(max_characters, in_flight) < 1:
            raise ValueError(
                f"A dimension is from 1 to {MOST_DIMENSION:,}, a text has at least one character, "
                "and there is at least one batch at once."
            )
        self._channel = Channel(endpoint, call_headers=call_headers)
        self._id = f"{endpoint.model}@{revision}:{dimension}"
        self._dimension = dimension
        self._prefixes = (document_prefix, query_prefix)
        self._max_characters = max_characters
        self._seconds = seconds
        self._in_flight = in_flight
        self._profile = profile

    @property
    def id(self) -> str:
        return self._id

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        """One unit vector for each text, float32, in order, shape (len(texts), dimension).

        :raises BackendUnavailable: when the server does not answer, or refuses.
        :raises BadOutput: for vectors that are none: NaN, zero, of another dimension, too few.
        """
        prefix, priority = self._prefixes[is_query], _INTERACTIVE if is_query else _BACKGROUND
        cut = [(prefix + text)[: self._max_characters] or " " for text in texts]
        # In their order: a model that pads sorts them itself, and batches of one length were slower by a tenth.
        most = self._profile.most_texts
        waiting = iter(range(0, len(cut), most))
        vectors = np.empty((len(cut), self._dimension), dtype=np.float32)

        async def work() -> None:
            for at in waiting:
                vectors[at : at + most] = await self._batch(cut[at : at + most], priority)

        await _together([work() for _ in range(min(self._in_flight, -(-len(cut) // most)))])
        return vectors

    async def close(self) -> None:
        await self._channel.close()

    async def _batch(self, batch: list[str], priority: int) -> Vectors:
        name, profile = self._channel.endpoint.name, self._profile
        inference = Inference(
            inputs=(texts(profile.texts, batch, (len(batch), 1)),), outputs=(profile.vectors,), priority=priority
        )
        answer = await self._channel.infer(inference, Deadline.after(self._seconds))
        received = answer.get(profile.vectors)
        if received is None:
            raise BadOutput(f"{name} gave no {profile.vectors}; check that it is for embeddings.")
        try:
            found = rows(received, len(batch))
        except BadTensor as error:
            raise BadOutput(f"{name} {error}; see its log.") from error
        if found.shape[1] != self._dimension:
            raise BadOutput(f"{name} gave vectors that are not of {self._dimension} numbers; set its dimension anew.")
        return unit(found, name)


async def _together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All of it, and none of it goes on when one fails, whose error this is then."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
