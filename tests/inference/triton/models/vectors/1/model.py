"""Vectors of three numbers: a text's length in bytes, its first byte, and 1. Some texts decide otherwise.

`slow:SECONDS` takes so long, `error` fails, and these spoil the answer: `nan`, `infinity`, `zeros`, `wide`, `fewer`,
`double` (numbers of 64 bits), `batch:FILE` adds the number of texts executed together to a file.
"""

import time
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        asked = [pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy().reshape(-1) for request in requests]
        return [answer([bytes(text) for text in texts]) for texts in asked]


def answer(texts):
    first = texts[0].decode("utf-8", "replace")
    kind, _, told = first.partition(":")
    if kind == "slow":
        time.sleep(float(told))
    if kind == "batch":
        with Path(told).open("a") as file:
            file.write(f"{len(texts)}\n")
    if kind == "error":
        return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError("embedding failed: because"))
    rows = np.array([[len(text), text[0] if text else 0, 1] for text in texts], dtype=np.float32)
    if kind in ("nan", "infinity", "zeros"):
        rows[0] = {"nan": np.nan, "infinity": np.inf, "zeros": 0}[kind]
    if kind == "wide":
        rows = np.concatenate([rows, rows], axis=1)
    if kind == "fewer":
        rows = rows[1:]
    return pb_utils.InferenceResponse([pb_utils.Tensor("EMBEDDING", rows.astype("f8" if kind == "double" else "f4"))])
