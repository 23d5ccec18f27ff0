"""Whether a model answers: by a tiny real inference, as the server's own readiness stays green when a model's process
is dead or its streams are stuck (both measured with release 24.10)."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from typing import Any

from inference.errors import InferenceError, Overloaded, TimedOut
from inference.tritonserver.errors import NoAnswer, ServerFailed
from inference.tritonserver.http import ask

EMBEDDER = "embedder"
_UNLOAD_SECONDS = 20.0
_BUSY = ("Exceeds maximum queue size", "Request timeout expired")


async def probe(http: int, grpc: int, model: str, *, seconds: float) -> None:
    """One text to a vector, or one token of a stream. A refusal for want of room is an answer as well.

    A stream goes over gRPC where its client is installed: once, streams over gRPC were stuck and all else was well.

    :param http: the server's ports on loopback, as `grpc`.
    :raises NoAnswer: there was none in time.
    :raises ServerFailed: the model answers with an error.
    """
    if model == EMBEDDER:
        tensor = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": ["probe"]}
        await _expect(http, f"/v2/models/{model}/infer", {"inputs": [tensor]}, b'"EMBEDDING"', seconds)
    elif importlib.util.find_spec("tritonclient") is not None:
        await _stream(grpc, model, seconds)
    else:
        sampling = json.dumps({"max_tokens": 1, "temperature": 0})
        body = {"text_input": "a", "stream": True, "sampling_parameters": sampling}
        await _expect(http, f"/v2/models/{model}/generate_stream", body, b'"text_output"', seconds)


async def repair(http: int, model: str, *, seconds: float) -> None:
    """Load a model anew. Loading alone does nothing while the server takes it to be loaded.

    :param seconds: that loading may take.
    :raises ServerFailed:
    """
    for action, limit in (("unload", _UNLOAD_SECONDS), ("load", seconds)):
        answer = await ask(http, f"/v2/repository/models/{model}/{action}", {}, seconds=limit)
        if answer.status != 200:
            raise ServerFailed(f"Triton could not {action} {model}; see its log.")


async def answered(http: int, model: str) -> int:
    """How many responses a model has given; 0 when that cannot be known."""
    try:
        found: Any = json.loads((await ask(http, f"/v2/models/{model}/stats", seconds=2.0)).body)
        stats = found["model_stats"][0]
        responses = stats.get("response_stats", {}).values()
        return stats["inference_stats"]["success"]["count"] + sum(each["success"]["count"] for each in responses)
    except (ServerFailed, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return 0


async def _expect(port: int, path: str, body: Mapping[str, object], wanted: bytes, seconds: float) -> None:
    answer = await ask(port, path, body, seconds=seconds)
    if answer.status == 200 and wanted in answer.body:
        return
    if any(words.encode() in answer.body for words in _BUSY):
        return
    words = "".join(letter for letter in answer.body.decode(errors="replace")[:200] if letter.isprintable())
    raise ServerFailed(f"The model answers with an error: {words}.")


async def _stream(grpc: int, model: str, seconds: float) -> None:
    from inference.triton.endpoint import TritonEndpoint
    from inference.triton.probe import probe_generator

    try:
        await probe_generator(TritonEndpoint(url=f"grpc://127.0.0.1:{grpc}", model=model), seconds=seconds)
    except Overloaded:
        return
    except TimedOut as error:
        raise NoAnswer(str(error)) from error
    except InferenceError as error:
        raise ServerFailed(str(error)) from error
