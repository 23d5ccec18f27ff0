"""Vectors from a real Triton, whose model is honest or not as the first text of a batch says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.errors import BackendUnavailable, BadOutput, BadRequest, InferenceError, TimedOut
from inference.triton.embedder import TritonEmbedder
from inference.triton.endpoint import TritonEndpoint
from inference.triton.probe import probe_embedder
from inference.tritonserver.launch import TritonServer
from retrieval.ports import Embedder
from tests.inference.triton.scripted import PATIENCE, endpoint

pytestmark = pytest.mark.asyncio(loop_scope="session")  # gRPC does not bear that its loop is closed


@asynccontextmanager
async def embedding(endpoint: TritonEndpoint, **options: Any) -> AsyncGenerator[TritonEmbedder, None]:
    embedder = TritonEmbedder(endpoint, **{"revision": "r1", "dimension": 3, "seconds": PATIENCE, **options})
    try:
        yield embedder
    finally:
        await embedder.close()


def expected(*texts: str) -> np.ndarray[Any, Any]:
    """As the model makes them: of the text's length, its first byte and 1."""
    rows = np.array([[len(text.encode()), text.encode()[0], 1] for text in texts], dtype=np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def test_it_is_what_retrieval_asks_for(triton: TritonServer) -> None:
    async with embedding(endpoint(triton, "vectors")) as embedder:
        port: Embedder = embedder
        assert (port.id, port.dimension) == ("vectors@r1:3", 3)
        vectors = await port.embed(["a", "bb", "ünï"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected("a", "bb", "ünï"), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


async def test_texts_keep_their_order_over_batches(triton: TritonServer) -> None:
    texts = [chr(65 + at * 7 % 26) * (1 + at * 37 % 211) for at in range(300)]
    async with embedding(endpoint(triton, "vectors")) as embedder:
        np.testing.assert_allclose(await embedder.embed(texts), expected(*texts), rtol=1e-6)


async def test_a_batch_has_at_most_thirty_two_texts(triton: TritonServer, tmp_path: Path) -> None:
    said = f"batch:{tmp_path / 'sizes'}"
    async with embedding(endpoint(triton, "vectors")) as embedder:
        assert (await embedder.embed([said] * 70)).shape == (70, 3)
    sizes = [int(line) for line in (tmp_path / "sizes").read_text().split()]
    assert sorted(sizes) == [6, 32, 32]


async def test_no_texts_are_no_request(triton: TritonServer) -> None:
    async with embedding(endpoint(1, "vectors")) as embedder:  # nothing listens there
        assert (await embedder.embed([])).shape == (0, 3)


async def test_searches_and_documents_have_their_prefix_and_texts_a_longest_length(triton: TritonServer) -> None:
    options = {"query_prefix": "query: ", "document_prefix": "passage: ", "max_characters": 12}
    async with embedding(endpoint(triton, "vectors"), **options) as embedder:
        found = await embedder.embed(["what is it", ""], is_query=True)
        np.testing.assert_allclose(found, expected("query: what ", "query: "), rtol=1e-6)
        np.testing.assert_allclose(await embedder.embed(["what is it"]), expected("passage: wha"), rtol=1e-6)


async def test_an_empty_text_is_sent_as_a_space(triton: TritonServer) -> None:
    async with embedding(endpoint(triton, "vectors")) as embedder:
        np.testing.assert_allclose(await embedder.embed(["", "a\ud83d"]), expected(" ", "a?"), rtol=1e-6)


FAILURES: dict[str, tuple[str, type[InferenceError], str]] = {
    "NaN": ("nan", BadOutput, "NaN"),
    "infinity": ("infinity", BadOutput, "infinities"),
    "zeros": ("zeros", BadOutput, "nothing but zeros"),
    "another dimension": ("wide", BadOutput, "not of 3 numbers"),
    "fewer": ("fewer", BadOutput, "1 vectors for 2 texts"),
    "numbers of 64 bits": ("double", BadOutput, "no table of numbers of 32 bits"),
    "the model fails": ("error", BackendUnavailable, "embedding failed: because"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_what_is_no_vector_is_an_error(triton: TritonServer, name: str) -> None:
    told, kind, message = FAILURES[name]
    async with embedding(endpoint(triton, "vectors")) as embedder:
        with pytest.raises(kind, match=message) as caught:
            await embedder.embed([told, "a longer text"])
    assert type(caught.value) is kind


async def test_one_bad_batch_ends_the_others(triton: TritonServer) -> None:
    async with embedding(endpoint(triton, "vectors"), in_flight=2) as embedder:
        with pytest.raises(BadOutput):
            await embedder.embed(["nan", *["a longer text"] * 200])
        assert (await embedder.embed(["a"])).shape == (1, 3)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_batch_has_a_deadline(triton: TritonServer) -> None:
    async with embedding(endpoint(triton, "vectors"), seconds=0.1) as embedder:
        with pytest.raises(TimedOut, match=r"within 0\.1 s"):
            await embedder.embed(["slow:0.6"])


async def test_a_model_that_makes_no_vectors_is_told(triton: TritonServer) -> None:
    with pytest.raises(BadRequest, match="no model of this kind"):
        await probe_embedder(endpoint(triton, "scripted"), seconds=PATIENCE)
    async with embedding(endpoint(triton, "absent")) as embedder:
        with pytest.raises(BadRequest, match="not known there"):
            await embedder.embed(["a"])
