"""Vectors from `/v1/embeddings`."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inference.deadline import Deadline
from inference.errors import BadOutput, BrokenStream
from inference.openai.answers import BadAnswer, json_object
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.http import Connection
from inference.vectors import MOST_DIMENSION, Vectors, unit

MAX_CHARACTERS = 16_384
"""Of a text; the rest is not seen. Servers refuse what is longer than their model takes, which is often 8,192 tokens
of about four characters, and less for models of sentences: the caller sets it by the model."""

_BATCH_TEXTS = 32  # as many as TEI takes by default, and the least of the known servers
_BATCH_CHARACTERS = 131_072  # what is sent at once, so that a refused batch loses little
_NUMBER = 32  # bytes of a float in JSON, at most, with the comma
_ENVELOPE = 65_536  # bytes of an answer beside its vectors


class OpenAIEmbedder:
    """What `retrieval.ports.Embedder` asks for, by shape. Its errors are `InferenceError`.

    :param revision: of the model's weights; vectors of different revisions are never compared, so change it with them.
    :param dimension: of the model's vectors; `measured_dimension` finds it.
    :param query_prefix: put before a text that is a search, for models that want one.
    :param seconds: the deadline of one batch.
    :raises ValueError: when the endpoint's certificates cannot be read, or a parameter is out of range.
    """

    def __init__(
        self,
        endpoint: OpenAIEndpoint,
        *,
        revision: str,
        dimension: int,
        query_prefix: str = "",
        document_prefix: str = "",
        max_characters: int = MAX_CHARACTERS,
        seconds: float = 60.0,
    ) -> None:
        if not 1 <= dimension <= MOST_DIMENSION or max_characters < 1:
            raise ValueError(f"A dimension is from 1 to {MOST_DIMENSION:,}, and a text has at least one character.")
        self._connection = Connection(endpoint)
        self._id = f"{endpoint.model}@{revision}:{dimension}"
        self._dimension = dimension
        self._prefixes = (document_prefix, query_prefix)
        self._max_characters = max_characters
        self._seconds = seconds

    @property
    def id(self) -> str:
        return self._id

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        """One unit vector for each text, float32, in order, shape (len(texts), dimension).

        :raises BackendUnavailable: when the server does not answer, or refuses.
        :raises BadOutput: for vectors that are none: NaN, zero, of another dimension, too few, twice the same index.
        """
        prefix = self._prefixes[is_query]
        # An empty text is refused by OpenAI.
        cut = [(prefix + text)[: self._max_characters] or " " for text in texts]
        vectors = np.empty((len(cut), self._dimension), dtype=np.float32)
        for batch in _batches(cut):
            answer = await _ask(
                self._connection, cut[batch.start : batch.stop], Deadline.after(self._seconds), self._dimension
            )
            vectors[batch.start : batch.stop] = _unit(self._connection.endpoint, answer, len(batch), self._dimension)
        return vectors

    async def close(self) -> None:
        await self._connection.close()


async def measured_dimension(endpoint: OpenAIEndpoint, *, seconds: float = 60.0) -> int:
    """Of the vectors that the model makes, by asking for one.

    :raises BackendUnavailable: when the server does not answer, or refuses.
    :raises BadOutput: when it answers with no vector.
    """
    connection = Connection(endpoint)
    try:
        answer = await _ask(connection, ["dimension"], Deadline.after(seconds), MOST_DIMENSION)
        dimension = len(_rows(endpoint, answer, 1)[0])
        if not 1 <= dimension <= MOST_DIMENSION:
            raise BadOutput(f"{endpoint.name} gave a vector of {dimension:,} numbers; check that it is for embeddings.")
        return dimension
    finally:
        await connection.close()


def _batches(texts: Sequence[str]) -> list[range]:
    """Neighbours, within both limits."""
    batches: list[range] = []
    start = size = 0
    for at, text in enumerate(texts):
        if at > start and (at - start >= _BATCH_TEXTS or size + len(text) > _BATCH_CHARACTERS):
            batches.append(range(start, at))
            start, size = at, 0
        size += len(text)
    return [*batches, range(start, len(texts))] if texts else []


async def _ask(connection: Connection, texts: Sequence[str], deadline: Deadline, dimension: int) -> bytes:
    endpoint = connection.endpoint
    body: dict[str, object] = {"model": endpoint.model, "input": list(texts), "encoding_format": "float"}
    most = len(texts) * dimension * _NUMBER + _ENVELOPE
    return await connection.json("POST", f"{endpoint.base}/embeddings", body, deadline, most=most)


def _unit(endpoint: OpenAIEndpoint, answer: bytes, count: int, dimension: int) -> Vectors:
    rows = _rows(endpoint, answer, count)
    if any(len(row) != dimension for row in rows):
        raise BadOutput(f"{endpoint.name} gave vectors that are not of {dimension} numbers; set its dimension anew.")
    return unit(np.stack(rows), endpoint.name)


def _rows(endpoint: OpenAIEndpoint, answer: bytes, count: int) -> list[NDArray[np.float64]]:
    """Vectors in the order of the texts."""
    try:
        data = json_object(answer).get("data")
    except BadAnswer as error:
        raise BrokenStream(f"{endpoint.name} {error}; check the url.") from error
    items = cast("list[object]", data) if isinstance(data, list) else []
    found: dict[int, NDArray[np.float64]] = {}
    for item in items:
        fields = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        index, vector = fields.get("index"), _vector(fields.get("embedding"))
        if not isinstance(index, int) or index in found or vector is None:
            raise BadOutput(f"{endpoint.name} gave something that is no vector, or the same one twice; see its log.")
        found[index] = vector
    if sorted(found) != list(range(count)):
        raise BadOutput(f"{endpoint.name} gave {len(found)} vectors for {count} texts; see its log.")
    return [found[index] for index in range(count)]


def _vector(value: object) -> NDArray[np.float64] | None:
    """From numbers, or from base64 of float32 (little-endian), which some servers send whatever was asked for."""
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return None
        return np.frombuffer(raw, dtype="<f4").astype(np.float64) if raw and len(raw) % 4 == 0 else None
    if not isinstance(value, list):
        return None
    numbers = cast("list[object]", value)
    if not all(isinstance(number, float | int) and not isinstance(number, bool) for number in numbers):
        return None
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.full(len(numbers), math.nan)
