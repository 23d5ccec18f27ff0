"""How soon a model sees that its answer is not wanted any more; also for the benchmarks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from inference.ports import CompletionRequest
from inference.triton.generator import TritonGenerator
from tests.inference.triton.scripted import once_noted, script


async def times_to_cancel(generator: TritonGenerator, record: Path, *, count: int) -> list[float]:
    """Seconds from closing a stream to the model's seeing it, for each of so many. The model looks every 2 ms.

    :param record: a file that the model may make.
    """
    closed: dict[str, float] = {}
    for number in range(count):
        prompt = script(say="x" * 80_000, delay=0.005, record=record, name=str(number))
        pieces = generator.complete(CompletionRequest(prompt=prompt, max_tokens=10_000, seconds=60))
        await anext(pieces)
        await asyncio.sleep(0.001 * (number % 7))  # at any place between two pieces
        closed[str(number)] = time.monotonic()
        await pieces.aclose()
    return [note["at"] - closed[note["name"]] for note in await once_noted(record, "cancelled", count)]
