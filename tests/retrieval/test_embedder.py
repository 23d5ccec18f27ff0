"""The embedder that comes along, with its real model."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from retrieval.embedding import minilm
from retrieval.embedding.minilm import BATCH_TOKENS, FOLDER, MAX_TOKENS, MiniLM
from retrieval.embedding.vectors import checked
from retrieval.errors import EmbedderError


@pytest.fixture
async def model() -> AsyncGenerator[MiniLM]:
    opened = MiniLM(threads=1)
    yield opened
    await opened.close()


async def test_alike_texts_are_near(model: MiniLM) -> None:
    texts = [
        "def total(cart): return sum(item.price for item in cart)",
        "async def connect(host, port): ...",
        "Bananas are rich in potassium.",
    ]
    vectors = await model.embed(texts)
    (question,) = await model.embed(["compute the price of a shopping cart"], is_query=True)
    assert np.argmax(vectors @ question) == 0
    assert vectors.shape == (3, model.dimension) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


async def test_the_order_is_that_of_the_texts(model: MiniLM) -> None:
    texts = [f"number {at} " * (1 + at * 7 % 40) for at in range(30)]
    together = await model.embed(texts)
    for at in (0, 7, 29):
        (alone,) = await model.embed([texts[at]])
        # Eight-bit weights are scaled by what else is in a batch, so the two are alike and not the same.
        assert np.argmax(together @ alone) == at
        assert together[at] @ alone > 0.97


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "x" * 100_000, "\n" * 50_000, "\U0001f600" * 500, "a\u0301\u202e"], ids=ascii
)
async def test_any_text_has_a_vector(model: MiniLM, text: str) -> None:
    (vector,) = await model.embed([text])
    assert np.isfinite(vector).all()


async def test_no_texts_no_vectors(model: MiniLM) -> None:
    assert (await model.embed([])).shape == (0, 384)


async def test_what_is_beyond_the_models_limit_changes_nothing(model: MiniLM) -> None:
    start = "word " * MAX_TOKENS
    one, two = await model.embed([start, start + "and something else entirely"])
    assert one @ two > 0.999


def test_the_id_names_the_file() -> None:
    digest = hashlib.blake2b((FOLDER / "model.onnx").read_bytes(), digest_size=4).hexdigest()
    assert MiniLM().id == f"all-MiniLM-L6-v2-int8@{digest}:384"


def test_what_the_notice_says_is_what_is_shipped() -> None:
    said = (FOLDER / "PROVENANCE.md").read_text()
    for name in ("model.onnx", "tokenizer.json"):
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() in said
    assert "Apache" in (FOLDER / "NOTICE").read_text()


def test_batches_are_bounded_and_of_alike_lengths() -> None:
    lengths = [at * 37 % MAX_TOKENS + 1 for at in range(500)]
    batches = minilm._batches(lengths)
    assert sorted(at for batch in batches for at in batch) == list(range(500))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[at] for at in batch) <= BATCH_TOKENS
    padded = sum(len(batch) * max(lengths[at] for at in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)


async def test_a_search_does_not_wait_for_a_batch_of_the_index(model: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    run, held = model._run, threading.Event()

    def hold(tokens: Any) -> Any:
        if threading.current_thread().name.startswith("embed_"):
            assert held.wait(30)
        return run(tokens)

    monkeypatch.setattr(model, "_run", hold)
    indexing = asyncio.create_task(model.embed(["a chunk"] * 3))
    await model.embed(["a question"], is_query=True)
    assert not indexing.done()
    held.set()
    assert (await indexing).shape == (3, 384)


async def test_it_stops_after_the_batch_that_runs(model: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    run, batches = model._run, []

    def count(tokens: Any) -> Any:
        batches.append(len(tokens))
        return run(tokens)

    monkeypatch.setattr(model, "_run", count)
    work = asyncio.create_task(model.embed(["word " * 300] * 200))
    while not batches:
        await asyncio.sleep(0)
    work.cancel()
    await asyncio.wait({work})
    await model.embed(["one more"])
    assert work.cancelled() and len(batches) < 10


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_damaged_or_missing_files_are_said(tmp_path: Path, name: str) -> None:
    for file in ("model.onnx", "tokenizer.json"):
        if file != name:
            (tmp_path / file).symlink_to(FOLDER / file)
    with pytest.raises(EmbedderError, match="installed anew"):
        MiniLM(tmp_path)
    (tmp_path / name).write_bytes(b"garbage")
    with pytest.raises(EmbedderError, match="installed anew"):
        MiniLM(tmp_path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2.0])
async def test_a_model_that_gives_nonsense_is_an_error(
    model: MiniLM, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    class Broken:
        def run(self, _: object, inputs: dict[str, Any]) -> list[Any]:
            return [np.full((len(inputs["input_ids"]), 384), bad, dtype=np.float32)]

    monkeypatch.setattr(model, "_session", Broken())
    with pytest.raises(EmbedderError):
        await model.embed(["a"])


async def test_text_that_is_no_unicode_is_an_error(model: MiniLM) -> None:
    with pytest.raises(EmbedderError):
        await model.embed(["\ud800"])


def test_its_own_tokenizer_pads_and_ours_does_not() -> None:
    """Padded to 128, a search of five words would take twenty times as long."""
    assert len(Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode("five").ids) == 128
    assert len(MiniLM()._tokens(["five"])[0]) == 3


@pytest.mark.parametrize(
    "bad",
    [
        [[1.0, np.nan]],
        [[1.0, -np.inf]],
        [[1.0]],
        [[1.0, 2.0, 3.0]],
        [1.0, 2.0],
        [["a", "b"]],
        [[1.0, 2.0], [1.0]],
        [[]],
    ],
)
def test_checked_refuses_what_no_vector_may_be(bad: Any) -> None:
    with pytest.raises(EmbedderError):
        checked(bad, 2)


def test_checked_gives_a_table() -> None:
    assert checked([], 2).shape == (0, 2)
    assert checked([[1, 2]], 2).dtype == np.float32
    assert checked(np.ones((3, 2), dtype=np.float64), 2).shape == (3, 2)


def test_the_model_calls_nobody_and_leaves_no_identifier(tmp_path: Path) -> None:
    """ONNX Runtime does both by default; a name server or an uploader would need a socket."""
    code = (
        "import asyncio, socket\n"
        "from retrieval.embedding.minilm import MiniLM\n"
        "asyncio.run(MiniLM().embed(['def main(): pass']))\n"
        "import psutil\n"
        "print(len(psutil.Process().net_connections()), psutil.Process().num_threads() < 40)\n"
    )
    # CI and GITHUB_ACTIONS would silence it, too, and prove nothing.
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    env = {**kept, "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    command = (sys.executable, "-P", "-c", code)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "0 True\n", done.stderr
    assert list(tmp_path.iterdir()) == []
