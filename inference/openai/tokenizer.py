"""The served model's own tokenizer behind `/tokenize`, which vLLM, llama.cpp and TGI have beside the protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from inference.errors import BrokenStream
from inference.openai.answers import is_count
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.http import Connection, Deadline
from inference.tokens.counter import TokenCounter
from inference.tokens.estimate import estimated_tokens, estimating_counter

_MAX_TEXT = 1 << 20  # characters asked about at once
_TOKEN_BYTES = 512  # of JSON for one token, with TGI's text and offsets
_ENVELOPE = 65_536  # bytes of an answer beside its tokens
_AT_ONCE = 8  # questions to one server
_LEAST, _MOST = 0.5, 3.0  # a scale beyond these says that something else was counted
_MARGIN = 1.05


class ServedTokenizer:
    """Asks the server. Each question is a round trip, so prompts are counted with what `counter` returns.

    :raises ValueError: when the endpoint's certificates cannot be read.
    """

    def __init__(self, endpoint: OpenAIEndpoint, *, seconds: float = 10.0) -> None:
        self._connection = Connection(endpoint)
        self._seconds = seconds
        self._added: tuple[int, int] | None = None

    async def encode(self, text: str) -> tuple[int, ...]:
        """Ids without those that the server adds before and after.

        :raises BackendUnavailable: when the server does not answer, or has no `/tokenize`.
        """
        before, after = await self._adds()
        ids = await self._ask(text)
        return ids[before : len(ids) - after]

    async def encoder(self, texts: Iterable[str]) -> Callable[[str], Sequence[int]]:
        """A function of these texts and no others, for checks that do not wait. Raises as `encode`."""
        await self._adds()
        wanted, gate = list(dict.fromkeys(texts)), asyncio.Semaphore(_AT_ONCE)

        async def one(text: str) -> tuple[int, ...]:
            async with gate:
                return await self.encode(text)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {text: group.create_task(one(text)) for text in wanted}
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return {text: task.result() for text, task in tasks.items()}.__getitem__

    async def counter(self, sample: str) -> TokenCounter:
        """An estimate, set right by the true count of a sample, such as the file being edited. Raises as `encode`."""
        text = sample[:_MAX_TEXT]
        estimated = estimated_tokens(text)
        name = self._connection.endpoint.name
        if not estimated:
            return estimating_counter()
        scale = min(max(len(await self.encode(text)) / estimated * _MARGIN, _LEAST), _MOST)
        return estimating_counter(scale=scale, source=f"an estimate, set right by the tokenizer of {name}")

    async def close(self) -> None:
        await self._connection.close()

    async def _adds(self) -> tuple[int, int]:
        """How many ids the server puts before and after each text: TGI adds them, whatever it is asked."""
        if self._added is None:
            one, other = await self._ask("a"), await self._ask("b")
            most = min(len(one), len(other))
            before = next((n for n in range(most) if one[n] != other[n]), most)
            after = next((n for n in range(most - before) if one[-1 - n] != other[-1 - n]), most - before)
            if before + after >= len(one):
                raise BrokenStream(f"{self._connection.endpoint.name} gives every text the same tokens; see its log.")
            self._added = before, after
        return self._added

    async def _ask(self, text: str) -> tuple[int, ...]:
        endpoint = self._connection.endpoint
        body: dict[str, object] = {
            "model": endpoint.model,
            "prompt": text,  # vLLM
            "add_special_tokens": False,
            "content": text,  # llama.cpp
            "add_special": False,
            "parse_special": True,
            "inputs": text,  # TGI
        }
        most = len(text.encode("utf-8", "replace")) * _TOKEN_BYTES + _ENVELOPE
        deadline = Deadline.after(self._seconds)
        answer = await self._connection.json("POST", f"{endpoint.root}/tokenize", body, deadline, most=most)
        ids = _ids(answer)
        if ids is None:
            raise BrokenStream(f"{endpoint.name} has a /tokenize that answers with something else; give its tokenizer.")
        return ids


def _ids(answer: bytes) -> tuple[int, ...] | None:
    """From `{"tokens": [1, 2]}`, or `[{"id": 1, …}, …]`."""
    try:
        found: object = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    items = cast("dict[str, object]", found).get("tokens") if isinstance(found, dict) else found
    if not isinstance(items, list):
        return None
    ids = [_id(item) for item in cast("list[object]", items)]
    return None if None in ids else cast("tuple[int, ...]", tuple(ids))


def _id(item: object) -> int | None:
    value = cast("dict[str, object]", item).get("id") if isinstance(item, dict) else item
    return value if is_count(value) else None
