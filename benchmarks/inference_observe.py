"""What observing a request adds to it: in time for each request, and for each piece of its answer.

`python -P -m benchmarks.inference_observe` prints the table; `make bench` calls `measure`.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from opentelemetry.sdk.trace import TracerProvider

from inference.observe.generator import ObservedGenerator
from inference.observe.metrics import Metrics
from inference.observe.spans import Spans
from inference.ports import CompletionRequest, Finished, GenerateRequest, Generator, Message, OnFinish, Usage

_REQUEST = GenerateRequest(messages=(Message(role="user", content="hello"),))
_FINISHED = Finished(reason="stop", usage=Usage(prompt=1_000, completion=50), backend="gpu-1")
_SHORT, _LONG = 1, 501


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Beside the same generator by itself, in seconds."""

    what: str
    request: float
    piece: float


class Instant:
    """Gives its pieces at once."""

    model = "instant:model"

    def __init__(self) -> None:
        self.pieces = 0

    async def stream(self, request: object, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        del request
        for _ in range(self.pieces):
            yield "piece"
        if on_finish:
            on_finish(_FINISHED)

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        async for piece in self.stream(request, on_finish=on_finish):
            yield piece

    async def close(self) -> None:
        """Nothing is open."""


async def measure(*, rounds: int = 15, requests: int = 200) -> list[Added]:
    logging.getLogger("inference.observe").setLevel(logging.WARNING)
    ways: dict[str, Callable[[Instant], Generator]] = {
        "off": ObservedGenerator,
        "metrics": lambda inner: ObservedGenerator(inner, metrics=Metrics()),
        "spans": lambda inner: ObservedGenerator(inner, spans=Spans(TracerProvider())),
        "both": lambda inner: ObservedGenerator(inner, metrics=Metrics(), spans=Spans(TracerProvider())),
    }
    added: list[Added] = []
    for name, make in ways.items():
        inner = Instant()
        observed = make(inner)
        extra: dict[int, float] = {}
        for inner.pieces in (_SHORT, _LONG):
            differences: list[float] = []
            for _ in range(rounds):  # in turn, so that a machine that changes its speed changes both
                bare = await _seconds(inner, requests)
                differences.append(await _seconds(observed, requests) - bare)
            extra[inner.pieces] = statistics.median(differences)
        piece = (extra[_LONG] - extra[_SHORT]) / (_LONG - _SHORT)
        added.append(Added(what=name, request=extra[_SHORT], piece=piece))
    return added


async def _seconds(generator: Generator, requests: int) -> float:
    began = time.perf_counter()
    for _ in range(requests):
        async for _ in generator.stream(_REQUEST):
            pass
    return (time.perf_counter() - began) / requests


def table(added: list[Added]) -> str:
    lines = ["", "| observed by | added to a request | added to a piece |", "|---|---|---|"]
    lines += [f"| {each.what} | {each.request * 1e6:.1f} us | {each.piece * 1e6:.2f} us |" for each in added]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
