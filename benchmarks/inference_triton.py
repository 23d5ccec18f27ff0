"""Assay's client for Triton beside bare `tritonclient.grpc.aio`, on the same server, in turn.

`python -P -m benchmarks.inference_triton`, after `scripts/get-triton`. The bare client does the least that gives the
same text or the same vectors: no limits of time, no stops, no checks.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tritonclient.grpc import aio as bare_client

from benchmarks.measure import Times
from inference.ports import CompletionRequest
from inference.triton.embedder import TritonEmbedder
from inference.triton.generator import TritonGenerator
from inference.tritonserver.launch import TritonServer
from retrieval.embedding.minilm import FOLDER
from tests.inference.triton.cancelling import times_to_cancel
from tests.inference.triton.scripted import endpoint, repository
from tests.inference.triton.servers import MODELS, serving

_ROOT = Path(__file__).resolve().parents[1]
_STREAMS = 16
_PIECES = 96
_TEXTS = 96
_BATCH = 32
_IN_FLIGHT = 4
_WARM = 50
_ASKED = ("exclude_input_in_output", "return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToFirst:
    """Seconds to the first piece."""

    ours: tuple[float, ...]
    bare: tuple[float, ...]

    def added(self, share: float) -> float:
        """By which a percentile is later than the bare client's.

        :param share: 0.5 for the median.
        """
        return _percentile(self.ours, share) - _percentile(self.bare, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    ours: float
    """Pieces, or texts, per second."""
    bare: float
    ratio: float
    """The median of the rounds' ratios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    p50: float
    """Seconds from closing a stream to the model's seeing it."""
    p95: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    first: TimeToFirst
    streams: Throughput
    embedding: Throughput
    cancelling: Cancelling


async def measured(*, asked: int = 2_000, rounds: int = 16, cancelled: int = 300) -> Measured:
    """All of it: streams of the model that the tests use, and vectors of the embedder in triton_models."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        async with serving(repository(Path(folder)), ["scripted"], Path(folder)) as server:
            first = await time_to_first(server, asked=asked)
            streams = await throughput(server, rounds=rounds)
            seen = await cancelling(server, Path(folder) / "record", count=cancelled)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        env = {"ASSAY_EMBEDDER_DIR": str(FOLDER)}
        async with serving(MODELS, ["embedder"], Path(folder), env=env) as server:
            vectors = await embedding(server, rounds=rounds)
    return Measured(first=first, streams=streams, embedding=vectors, cancelling=seen)


async def time_to_first(server: TritonServer, *, asked: int) -> TimeToFirst:
    """One request after another, of either client in turn."""
    prompt = "def total(rooms):\n    return sum(room.price for room in rooms)\n" * 60  # 4 kB
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    async with _clients(server) as (generator, bare):
        ways = {"ours": lambda: _our_pieces(generator, prompt, 2), "bare": lambda: _bare_pieces(bare, prompt, 2)}
        gc.collect()
        for number in range(asked + _WARM):
            # Who comes second finds the server awake.
            for name in ("ours", "bare") if number % 2 else ("bare", "ours"):
                began = time.perf_counter()
                pieces = ways[name]()
                await anext(pieces)
                if number >= _WARM:
                    times[name].append(time.perf_counter() - began)
                async for _ in pieces:
                    pass
    return TimeToFirst(ours=tuple(times["ours"]), bare=tuple(times["bare"]))


async def throughput(server: TritonServer, *, rounds: int) -> Throughput:
    """Pieces per second of 16 streams at once, each of 96 pieces."""
    prompt = "x" * 8 * _PIECES

    async def together(way: Callable[[], AsyncGenerator[str, None]]) -> None:
        async def read() -> int:
            return sum([1 async for _ in way()])

        assert await asyncio.gather(*(read() for _ in range(_STREAMS))) == [_PIECES] * _STREAMS

    async with _clients(server) as (generator, bare):
        ours = partial(_our_pieces, generator, prompt, _PIECES)
        theirs = partial(_bare_pieces, bare, prompt, _PIECES)
        times = await _by_turns({"ours": lambda: together(ours), "bare": lambda: together(theirs)}, rounds)
    return _throughput(times, _STREAMS * _PIECES)


async def embedding(server: TritonServer, *, rounds: int) -> Throughput:
    """Texts per second, in batches of 32 of which four are under way."""
    texts = _texts()

    async with AsyncExitStack() as stack:
        embedder = TritonEmbedder(endpoint(server, "embedder"), revision="1", dimension=384, in_flight=_IN_FLIGHT)
        stack.push_async_callback(embedder.close)
        bare = await stack.enter_async_context(_bare(server))
        np.testing.assert_allclose(await embedder.embed(texts), await _bare_vectors(bare, texts), atol=0.05)
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "ours": lambda: embedder.embed(texts),
            "bare": lambda: _bare_vectors(bare, texts),
        }
        times = await _by_turns(ways, rounds)
    return _throughput(times, len(texts))


async def cancelling(server: TritonServer, record: Path, *, count: int) -> Cancelling:
    async with _clients(server) as (generator, _):
        seconds = await times_to_cancel(generator, record, count=count)
    return Cancelling(p50=_percentile(seconds, 0.5), p95=_percentile(seconds, 0.95), most=max(seconds))


def _our_pieces(generator: TritonGenerator, prompt: str, count: int) -> AsyncGenerator[str, None]:
    return generator.complete(CompletionRequest(prompt=prompt, max_tokens=count, seconds=60))


async def _bare_pieces(client: Any, prompt: str, count: int) -> AsyncGenerator[str, None]:
    """As the documentation of `tritonclient` does it."""

    async def requests() -> AsyncGenerator[dict[str, Any], None]:
        sampling = json.dumps({"max_tokens": count, "temperature": 0.0})
        yield {
            "model_name": "scripted",
            "inputs": [
                _input("text_input", [prompt.encode()]),
                _input("stream", [True], "BOOL"),
                _input("sampling_parameters", [sampling.encode()]),
                *(_input(name, [True], "BOOL") for name in _ASKED),
            ],
        }

    async for result, error in client.stream_infer(requests()):
        assert error is None, error
        yield result.as_numpy("text_output")[0].decode()


async def _bare_vectors(client: Any, texts: Sequence[str]) -> np.ndarray[Any, Any]:
    async def batch(at: int) -> np.ndarray[Any, Any]:
        part = [text.encode() for text in texts[at : at + _BATCH]]
        async with free:
            tensor = bare_client.InferInput("TEXT", [len(part), 1], "BYTES")
            tensor.set_data_from_numpy(np.array(part, dtype=np.object_).reshape(-1, 1))
            return (await client.infer("embedder", [tensor])).as_numpy("EMBEDDING")

    free = asyncio.Semaphore(_IN_FLIGHT)
    return np.concatenate(await asyncio.gather(*(batch(at) for at in range(0, len(texts), _BATCH))))


def _input(name: str, values: list[Any], datatype: str = "BYTES") -> Any:
    tensor = bare_client.InferInput(name, [len(values)], datatype)
    tensor.set_data_from_numpy(np.array(values, dtype=np.object_ if datatype == "BYTES" else np.bool_))
    return tensor


def _texts() -> list[str]:
    """Passages of this repository, of 2 to 40 lines."""
    lines = [line for path in sorted((_ROOT / "inference").rglob("*.py")) for line in path.read_text().split("\n")]
    texts: list[str] = []
    at = 0
    while len(texts) < _TEXTS:
        size = 2 + len(texts) * 7 % 39
        texts.append("\n".join(lines[at : at + size]) or "x")
        at = (at + size) % (len(lines) - 40)
    return texts


@asynccontextmanager
async def _clients(server: TritonServer) -> AsyncGenerator[tuple[TritonGenerator, Any], None]:
    generator = TritonGenerator(endpoint(server))
    try:
        async with _bare(server) as bare:
            yield generator, bare
    finally:
        await generator.close()


def _bare(server: TritonServer) -> Any:
    return bare_client.InferenceServerClient(f"127.0.0.1:{server.grpc}")


async def _by_turns(ways: dict[str, Callable[[], Awaitable[object]]], rounds: int) -> dict[str, Times]:
    """One round of each that does not count, then `rounds` that do; who begins alternates, as it matters on a machine
    that does other things too."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in ways if number % 2 else reversed(ways):
            started = time.perf_counter()
            await ways[name]()
            if number:
                times[name].append(time.perf_counter() - started)
    return {name: Times(tuple(each)) for name, each in times.items()}


def _throughput(times: dict[str, Times], count: int) -> Throughput:
    ours, bare = times["ours"], times["bare"]
    return Throughput(ours=count / ours.median, bare=count / bare.median, ratio=bare.against(ours))


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def main() -> None:
    found = await measured()
    first = found.first
    print(f"time to first: ours {statistics.median(first.ours) * 1e3:.2f} ms, ", end="")
    print(f"bare {statistics.median(first.bare) * 1e3:.2f} ms, ", end="")
    print(f"added p50 {first.added(0.5) * 1e3:+.3f} ms, p99 {first.added(0.99) * 1e3:+.3f} ms")
    for name, each in (("pieces", found.streams), ("embedded texts", found.embedding)):
        print(f"{name} per second: ours {each.ours:.0f}, bare {each.bare:.0f}, ratio {each.ratio:.3f}")
    seen = found.cancelling
    print(f"cancelled: p50 {seen.p50 * 1e3:.1f} ms, p95 {seen.p95 * 1e3:.1f} ms, most {seen.most * 1e3:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
