"""Whether a model in Triton works: by asking it for something small.

Readiness says too little: it stays green when a model's process is dead, and when every stream is stuck.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import replace

from inference.deadline import Deadline
from inference.errors import BadOutput
from inference.ports import CompletionRequest
from inference.triton.channel import Channel, Described, Inference
from inference.triton.endpoint import TritonEndpoint
from inference.triton.generator import TritonGenerator
from inference.triton.profiles import EMBEDDER, EmbedderProfile, GeneratorProfile
from inference.triton.tensors import BadTensor, rows, texts

PROBE_SECONDS = 2.0
"""A healthy model gives its first token in less, also under load: the server runs requests beside each other."""


async def probe_generator(endpoint: TritonEndpoint, *, seconds: float = PROBE_SECONDS) -> float:
    """Seconds until a stream of one token, over a connection of its own, was whole.

    :raises InferenceError: when it is not whole within `seconds`, or fails; it is tried once.
    :raises ValueError: when the endpoint's certificates cannot be read.
    """
    began = time.monotonic()
    generator = TritonGenerator(replace(endpoint, attempts=1))
    try:
        request = CompletionRequest(prompt="def ", max_tokens=1, seconds=seconds)
        async with aclosing(generator.complete(request)) as pieces:
            async for _ in pieces:
                pass
        return time.monotonic() - began
    finally:
        await generator.close()


async def probe_embedder(
    endpoint: TritonEndpoint, *, seconds: float = PROBE_SECONDS, profile: EmbedderProfile = EMBEDDER
) -> int:
    """The dimension of the model's vectors, by asking for one.

    :raises InferenceError: when it does not come within `seconds`; it is tried once.
    :raises ValueError: when the endpoint's certificates cannot be read.
    """
    channel = Channel(replace(endpoint, attempts=1))
    try:
        inference = Inference(inputs=(texts(profile.texts, ["dimension"], (1, 1)),), outputs=(profile.vectors,))
        answer = await channel.infer(inference, Deadline.after(seconds))
        received = answer.get(profile.vectors)
        if received is None:
            raise BadOutput(f"{endpoint.name} gave no {profile.vectors}; check that it is for embeddings.")
        return rows(received, 1).shape[1]
    except BadTensor as error:
        raise BadOutput(f"{endpoint.name} {error}; check that it is for embeddings.") from error
    finally:
        await channel.close()


async def served(endpoint: TritonEndpoint, *, seconds: float = 10.0) -> Described:
    """What the server says that it has. Only the probes show whether it works.

    :raises InferenceError: when it does not answer, or refuses.
    :raises ValueError: when the endpoint's certificates cannot be read.
    """
    channel = Channel(endpoint)
    try:
        return await channel.describe(Deadline.after(seconds))
    finally:
        await channel.close()


def lacking(described: Described, profile: GeneratorProfile | EmbedderProfile) -> tuple[str, ...]:
    """Names of the profile that the endpoint's model does not have."""
    if isinstance(profile, GeneratorProfile):
        wanted = (profile.inputs, profile.outputs)
    else:
        wanted = (frozenset({profile.texts}), frozenset({profile.vectors}))
    return tuple(sorted((wanted[0] - {*described.inputs}) | (wanted[1] - {*described.outputs})))
