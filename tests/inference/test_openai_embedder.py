"""Vectors over HTTP, from a server that is honest and from one that is not."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from inference.errors import BadOutput, BadRequest, BrokenStream, InferenceError, TimedOut
from inference.openai.embedder import OpenAIEmbedder, measured_dimension
from inference.openai.endpoint import OpenAIEndpoint
from retrieval.ports import Embedder
from tests.inference.lying_server import running, seen_by


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    with running() as address:
        yield address


def endpoint(server: str, name: str = "", **told: object) -> OpenAIEndpoint:
    return OpenAIEndpoint(url=server, model=f"embed:{json.dumps(told)}", headers=(("x-name", name or "any"),))


@asynccontextmanager
async def embedding(endpoint: OpenAIEndpoint, **options: Any) -> AsyncGenerator[OpenAIEmbedder, None]:
    embedder = OpenAIEmbedder(endpoint, revision="r1", dimension=3, **options)
    try:
        yield embedder
    finally:
        await embedder.close()


def expected(*texts: str) -> np.ndarray[Any, Any]:
    """As the server makes them: of the text's length, its first character and 1."""
    rows = np.array([[len(text), ord(text[0]), 1] for text in texts], dtype=np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def test_it_is_what_retrieval_asks_for(server: str) -> None:
    async with embedding(endpoint(server)) as embedder:
        port: Embedder = embedder
        assert port.id.endswith("@r1:3")
        assert port.dimension == 3
        vectors = await port.embed(["a", "bb"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected("a", "bb"), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


async def test_texts_keep_their_order_over_batches_that_come_shuffled(server: str) -> None:
    texts = [chr(65 + at % 50) * (at + 1) for at in range(100)]
    async with embedding(endpoint(server, "batches", shuffled=True)) as embedder:
        np.testing.assert_allclose(await embedder.embed(texts), expected(*texts), rtol=1e-6)
    requests = seen_by(server, "batches")
    assert [len(request["body"]["input"]) for request in requests] == [32, 32, 32, 4]
    assert all(request["path"] == "/v1/embeddings" for request in requests)


async def test_batches_are_bounded_by_characters_too(server: str) -> None:
    async with embedding(endpoint(server, "characters")) as embedder:
        assert (await embedder.embed(["x" * 16_000] * 20)).shape == (20, 3)
    assert [len(request["body"]["input"]) for request in seen_by(server, "characters")] == [8, 8, 4]


async def test_no_texts_are_no_request(server: str) -> None:
    async with embedding(endpoint(server, "none")) as embedder:
        assert (await embedder.embed([])).shape == (0, 3)
    assert seen_by(server, "none") == []


async def test_searches_and_documents_have_their_prefix_and_texts_a_longest_length(server: str) -> None:
    options = {"query_prefix": "query: ", "document_prefix": "passage: ", "max_characters": 12}
    async with embedding(endpoint(server, "prefixes"), **options) as embedder:
        await embedder.embed(["what is it", ""], is_query=True)
        await embedder.embed(["what is it"])
    first, second = seen_by(server, "prefixes")
    assert first["body"]["input"] == ["query: what ", "query: "]
    assert second["body"]["input"] == ["passage: wha"]


async def test_an_empty_text_is_sent_as_a_space(server: str) -> None:
    async with embedding(endpoint(server, "empty")) as embedder:
        await embedder.embed([""])
    assert seen_by(server, "empty")[0]["body"]["input"] == [" "]


async def test_vectors_in_base64_are_read(server: str) -> None:
    packed = base64.b64encode(np.array([3, 4, 0], dtype="<f4").tobytes()).decode()
    async with embedding(endpoint(server, replace={"embedding": packed})) as embedder:
        np.testing.assert_allclose(await embedder.embed(["a"]), [[0.6, 0.8, 0]], rtol=1e-6)


async def test_the_dimension_can_be_measured(server: str) -> None:
    assert await measured_dimension(endpoint(server)) == 3


LIES: dict[str, tuple[dict[str, Any], type[InferenceError], str]] = {
    "fewer": ({"fewer": True}, BadOutput, "1 vectors for 2 texts"),
    "more": ({"more": True}, BadOutput, "3 vectors for 2 texts"),
    "twice the same": ({"replace": {"index": 1}}, BadOutput, "the same one twice"),
    "an index from nowhere": ({"replace": {"index": -1}}, BadOutput, "2 vectors for 2 texts"),
    "an index that is none": ({"replace": {"index": "0"}}, BadOutput, "no vector"),
    "an index that is true": ({"replace": {"index": True}}, BadOutput, "no vector"),
    "another dimension": ({"replace": {"embedding": [1, 2]}}, BadOutput, "not of 3 numbers"),
    "zeros": ({"replace": {"embedding": [0, 0, 0]}}, BadOutput, "nothing but zeros"),
    "text in it": ({"replace": {"embedding": [1, "2", 3]}}, BadOutput, "no vector"),
    "true in it": ({"replace": {"embedding": [1, True, 3]}}, BadOutput, "no vector"),
    "none": ({"replace": {"embedding": None}}, BadOutput, "no vector"),
    "nested": ({"replace": {"embedding": [[1, 2, 3]]}}, BadOutput, "no vector"),
    "no base64": ({"replace": {"embedding": "%%%"}}, BadOutput, "no vector"),
    "half a float in base64": ({"replace": {"embedding": "AAAA"}}, BadOutput, "no vector"),
    "NaN in base64": ({"replace": {"embedding": "AADAfwAAgD8AAIA/"}}, BadOutput, "NaN"),
    "too large to square": ({"replace": {"embedding": [1e300, 1, 1]}}, BadOutput, "infinities"),
    "an integer of hundreds of digits": ({"replace": {"embedding": [10**400, 1, 1]}}, BadOutput, "NaN"),
    "NaN": ({"replace": {"embedding": [float("nan"), 1, 1]}}, BrokenStream, "not JSON"),
    "infinity by size": (
        {"body": '{"data": [{"index": 0, "embedding": [1e999, 1, 1]}]}'},
        BadOutput,
        "1 vectors for 2",
    ),
    "no data": ({"body": "{}"}, BadOutput, "0 vectors for 2 texts"),
    "other items": ({"body": '{"data": [1, 2]}'}, BadOutput, "no vector"),
    "no JSON": ({"body": "oops"}, BrokenStream, "not JSON"),
    "a list": ({"body": "[]"}, BrokenStream, "not an object"),
    "a web page": ({"body": "<html>", "as": "text/html"}, BrokenStream, "web page"),
    "an event stream": ({"body": "data: 1", "as": "text/event-stream"}, BrokenStream, "not application/json"),
    "a megabyte": ({"body": " " * 1_000_000 + "{}"}, BrokenStream, "sent more than 65,728 bytes"),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_lie_is_an_error_and_no_vector(server: str, name: str) -> None:
    told, kind, message = LIES[name]
    async with embedding(endpoint(server, **told)) as embedder:
        with pytest.raises(kind, match=message):
            await embedder.embed(["a", "b"])


async def test_one_infinite_number_is_an_error(server: str) -> None:
    async with embedding(endpoint(server, body='{"data": [{"index": 0, "embedding": [1e999, 1, 1]}]}')) as embedder:
        with pytest.raises(BadOutput, match="infinities"):
            await embedder.embed(["a"])


async def test_refusals_are_those_of_the_generator(server: str) -> None:
    refusing = OpenAIEndpoint(url=server, model='status:{"code": 413}')
    async with embedding(refusing) as embedder:
        with pytest.raises(BadRequest, match=r"\(413\): because"):
            await embedder.embed(["a"])


async def test_a_batch_has_a_deadline(server: str) -> None:
    slow = OpenAIEndpoint(url=server, model='silent:{"embeddings": true}')
    async with embedding(slow, seconds=0.1) as embedder:
        with pytest.raises(TimedOut, match=r"within 0\.1 s"):
            await embedder.embed(["a"])


@pytest.mark.parametrize(("dimension", "most"), [(0, 9), (1 << 20, 9), (3, 0)])
def test_parameters_out_of_range_are_refused(dimension: int, most: int) -> None:
    where = OpenAIEndpoint(url="http://a", model="m")
    with pytest.raises(ValueError, match="at least one character"):
        OpenAIEmbedder(where, revision="r", dimension=dimension, max_characters=most)
