"""The local embedder: all-MiniLM-L6-v2 with 8-bit weights on the CPU, from files that come with the package.

Only this module imports `onnxruntime` and `tokenizers`. Both let other threads run while they work.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# onnxruntime has no types; what comes out of it is checked when it runs.

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

# From 1.29 on, ONNX Runtime tells its makers of each process, and leaves an identifier on the disk, unless this is set
# before it is loaded: the library's own switch comes too late. Nothing of Assay's may call home.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from tokenizers import Tokenizer

from retrieval.embedding.vectors import checked
from retrieval.errors import EmbedderError
from retrieval.ports import Vectors

FOLDER = Path(__file__).parent / "minilm-l6-v2-int8"

DIMENSION = 384

MAX_TOKENS = 256
"""What the model was trained for; the rest of a text is not seen."""

BATCH_TOKENS = 512
"""Tokens of a batch, padding included. Measured on one thread: 36 chunks per second of processor time at 512, 33 at
2,048, 25 at 4,096, as larger batches fall out of the processor's cache; and 90 MB of memory, 210 MB, 345 MB."""

_GROUP = 256
"""Texts that are sorted by length together: enough for even batches, few enough to hold their tokens."""

_MAX_CHARACTERS = 16_384
"""Of a text, before it is cut into tokens: 256 tokens of code are about 1,000 characters."""

_NORM_TOLERANCE = 1e-3


class MiniLM:
    """An `Embedder`. Loading takes about 0.2 s of the calling thread, and 50 MB.

    :param folder: with `model.onnx` and `tokenizer.json`.
    :param threads: that one inference may use. Without it one on up to three cores, else two: the editor and the
        project's own tests need the others.
    :raises EmbedderError: when the model's files are missing or damaged.
    """

    def __init__(self, folder: Path = FOLDER, *, threads: int | None = None) -> None:
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or (1 if (os.cpu_count() or 1) < 4 else 2)
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must sleep
        options.enable_mem_pattern = False  # it keeps a plan for every shape of a batch, and they all differ
        try:
            with (folder / "model.onnx").open("rb") as model:
                digest = hashlib.file_digest(model, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
            self._session: Any = onnxruntime.InferenceSession(
                folder / "model.onnx", options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise EmbedderError("The local embedding model cannot be loaded; Assay must be installed anew.") from error
        self._tokenizer.no_padding()  # its file pads everything to 128
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._id = f"all-MiniLM-L6-v2-int8@{digest}:{DIMENSION}"
        # A search must not wait for a batch of the index.
        self._bulk = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._query = ThreadPoolExecutor(1, thread_name_prefix="embed-query")

    @property
    def id(self) -> str:
        return self._id

    @property
    def dimension(self) -> int:
        return DIMENSION

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Vectors:
        """As the port says. Cancelling it stops after the batch that runs."""
        loop = asyncio.get_running_loop()
        worker = self._query if is_query else self._bulk
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for start in range(0, len(texts), _GROUP):
            tokens = await loop.run_in_executor(worker, self._tokens, texts[start : start + _GROUP])
            for batch in _batches([len(row) for row in tokens]):
                rows = await loop.run_in_executor(worker, self._run, [tokens[at] for at in batch])
                vectors[[start + at for at in batch]] = rows
        return vectors

    async def close(self) -> None:
        self._bulk.shutdown(wait=False, cancel_futures=True)
        self._query.shutdown(wait=False, cancel_futures=True)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        # One at a time: the tokenizer's own batches take a thread of every core.
        try:
            return [self._tokenizer.encode(text[:_MAX_CHARACTERS]).ids for text in texts]
        except Exception as error:
            raise EmbedderError("A text cannot be cut into tokens.") from error

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        try:
            (found,) = self._session.run(["emb"], inputs)
        except Exception as error:
            raise EmbedderError("The local embedding model failed on a batch.") from error
        vectors = checked(np.asarray(found), DIMENSION)
        if np.abs(np.linalg.norm(vectors, axis=1) - 1).max() > _NORM_TOLERANCE:
            raise EmbedderError("The local embedding model gave vectors that are not of unit length.")
        return vectors


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices in batches of alike lengths, of at most `BATCH_TOKENS` with padding; longest first, so that memory
    reaches its highest at once and not after hours."""
    batches: list[list[int]] = []
    longest = 0
    for at in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if not batches or (len(batches[-1]) + 1) * longest > BATCH_TOKENS:
            batches.append([])
            longest = lengths[at]
        batches[-1].append(at)
    return batches
