"""Answers that need not be asked for again: those to requests that leave nothing to chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from inference.cache.codec import Answer, decoded, encoded
from inference.cache.keys import Tenant, cache_key
from inference.ports import Cache, CompletionRequest, Finished, GenerateRequest, Generator, OnFinish

BACKEND = "cache"
"""In `Finished.backend` of an answer that no model was asked for."""

_SECONDS = 86_400.0
_PIECE = 64  # characters that come at once
_MOST_CHARACTERS = 256 * 1024
_MOST_WRITES = 16
"""Answers that are being written; more are not kept."""


class CachedGenerator:
    """A `Generator` that asks another one only for what the cache has not. `open_streams` counts answers that are being
    given now.

    Only answers at temperature 0 are kept, and only whole ones: neither broken nor closed ones, nor those that a filter
    ended or whose end has no known reason. What is kept is given for every user and priority alike, so this belongs
    around each backend of a router that sends users to different ones, not around the router.

    :param cache: closed with this.
    :param version: of the model and of how it is asked; another one finds nothing of this one's.
    :param seconds: how long an answer is kept.
    :param on_look: told the kind of request, and whether the cache had its answer.
    """

    def __init__(
        self,
        generator: Generator,
        cache: Cache,
        *,
        tenant: Tenant,
        version: str = "",
        seconds: float = _SECONDS,
        on_look: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._generator = generator
        self._cache = cache
        self._tenant = tenant
        self._version = version
        self._seconds = seconds
        self._on_look = on_look
        self._writes: set[asyncio.Task[None]] = set()
        self.open_streams = 0

    @property
    def model(self) -> str:
        return self._generator.model

    def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        if request.temperature != 0:
            return self._generator.stream(request, on_finish=on_finish)
        prompt = [part for message in request.messages for part in (message.role, message.content)]
        key = self._key("chat", request, prompt)
        return self._answer("chat", key, lambda done: self._generator.stream(request, on_finish=done), on_finish)

    def complete(self, request: CompletionRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        if request.temperature != 0:
            return self._generator.complete(request, on_finish=on_finish)
        key = self._key("completion", request, [request.prompt, request.suffix])
        return self._answer(
            "completion", key, lambda done: self._generator.complete(request, on_finish=done), on_finish
        )

    async def close(self) -> None:
        if self._writes:
            await asyncio.wait(self._writes)
        await self._generator.close()
        await self._cache.close()

    def _key(self, kind: str, request: GenerateRequest | CompletionRequest, prompt: list[str]) -> bytes:
        parameters = (str(request.max_tokens), request.adapter, *request.stop)
        return cache_key(
            self._tenant,
            kind=kind,
            model=self._generator.model,
            version=self._version,
            parameters=parameters,
            prompt=prompt,
        )

    async def _answer(
        self, kind: str, key: bytes, ask: Callable[[OnFinish], AsyncGenerator[str, None]], on_finish: OnFinish | None
    ) -> AsyncGenerator[str, None]:
        self.open_streams += 1
        try:
            value = await self._cache.get(key)
            answer = None if value is None else decoded(value, key=key, tenant=self._tenant)
            if self._on_look:
                self._on_look(kind, answer is not None)
            if answer is not None:
                for at in range(0, len(answer.text), _PIECE):
                    yield answer.text[at : at + _PIECE]
                if on_finish:
                    on_finish(Finished(reason=answer.reason, usage=answer.usage, backend=BACKEND))
                return
            pieces: list[str] = []
            ends: list[Finished] = []
            async with aclosing(ask(ends.append)) as stream:
                async for piece in stream:
                    pieces.append(piece)
                    yield piece
            for finished in ends:
                self._keep(key, "".join(pieces), finished)
                if on_finish:
                    on_finish(finished)
        finally:
            self.open_streams -= 1

    def _keep(self, key: bytes, text: str, finished: Finished) -> None:
        """Write it while the caller goes on."""
        reason = finished.reason
        if reason not in ("stop", "length") or not 0 < len(text) <= _MOST_CHARACTERS:
            return
        if len(self._writes) >= _MOST_WRITES:
            return
        value = encoded(Answer(text=text, reason=reason, usage=finished.usage), key=key, tenant=self._tenant)
        task = asyncio.create_task(self._cache.put(key, value, seconds=self._seconds))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
