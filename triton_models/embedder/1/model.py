"""all-MiniLM-L6-v2 with 8-bit weights: texts to vectors of unit length.

The texts of a request are cut, sorted and put into batches exactly as Assay's own embedder does it, and requests are
never mixed: activations are scaled per batch, so a text's vector would depend a little on who else asks.
"""

import json
import os
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the library is loaded; nothing may call home

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils
from tokenizers import Tokenizer

MAX_TOKENS = 256
BATCH_TOKENS = 512
MAX_CHARACTERS = 16_384


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        folder = _folder(parameters.get("model_dir", ""), Path(args["model_repository"]) / args["model_version"])
        options = onnxruntime.SessionOptions()
        cores = os.cpu_count() or 1
        options.intra_op_num_threads = int(parameters.get("threads") or 0) or (1 if cores < 4 else 2)
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        if request.is_cancelled():
            error = pb_utils.TritonError("The request was cancelled.", pb_utils.TritonError.CANCELLED)
            return pb_utils.InferenceResponse(error=error)
        try:
            texts = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy().reshape(-1)
            vectors = self._vectors([text.decode("utf-8", "replace") for text in texts])
        except Exception as error:  # noqa: BLE001 one bad request must not end the instance
            pb_utils.Logger.log_error(f"[embedder] {type(error).__name__}")  # no text of the user's
            failed = pb_utils.TritonError("The texts could not be embedded.", pb_utils.TritonError.INTERNAL)
            return pb_utils.InferenceResponse(error=failed)
        return pb_utils.InferenceResponse([pb_utils.Tensor("EMBEDDING", vectors)])

    def _vectors(self, texts):
        tokens = [self.tokenizer.encode(text[:MAX_CHARACTERS]).ids for text in texts]
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for batch in _batches([len(row) for row in tokens]):
            vectors[batch] = self._run([tokens[at] for at in batch])
        return vectors

    def _run(self, tokens):
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return self.session.run(["emb"], inputs)[0]


def _folder(chosen, own):
    for place in (chosen, own, os.environ.get("ASSAY_EMBEDDER_DIR", "")):
        if place and (Path(place) / "model.onnx").is_file():
            return Path(place)
    raise FileNotFoundError(
        f"model.onnx and tokenizer.json are not in {chosen or own}; put them there, or name their folder in "
        "ASSAY_EMBEDDER_DIR."
    )


def _batches(lengths):
    """Indices in batches of alike lengths, longest first, of at most BATCH_TOKENS with padding."""
    batches, longest = [], 0
    for at in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if not batches or (len(batches[-1]) + 1) * longest > BATCH_TOKENS:
            batches.append([])
            longest = lengths[at]
        batches[-1].append(at)
    return batches
