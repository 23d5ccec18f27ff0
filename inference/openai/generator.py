"""Streaming answers over `/v1/chat/completions`, `/v1/completions` and llama.cpp's `/infill`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from inference.deadline import Deadline
from inference.errors import BadRequest, BrokenStream, InferenceError
from inference.openai.answers import (
    BadAnswer,
    Delta,
    Read,
    Refused,
    chat_delta,
    completion_delta,
    infill_delta,
)
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.failures import clean, refusal
from inference.openai.http import Connection
from inference.ports import CallHeaders, CompletionRequest, Finished, GenerateRequest, OnFinish, Reason, Usage
from inference.prompts.inert import made_inert
from inference.stops import StopFilter

_MAX_STOPS = 4  # that OpenAI takes; all of them are minded here in any case
_MAX_TOKEN = 256  # characters: more than the longest of known tokenizers, which are runs of spaces
_COUNTS_SECONDS = 1.0  # to wait for the counts when the answer is whole
_DRAIN_SECONDS = 0.05  # to wait for the end of the response, so that its connection can be used again
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillFile:
    """Another file that the model sees before the prompt."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    deadline: Deadline
    stop: tuple[str, ...]
    characters: int


class OpenAIGenerator:
    """A `Generator`. `open_streams` counts answers that are being given now.

    All three ways of asking raise `InferenceError` and yield text as it comes; closing the generator closes the
    connection, at which the server stops.

    :raises ValueError: when the endpoint's certificates cannot be read.
    """

    def __init__(self, endpoint: OpenAIEndpoint, *, call_headers: CallHeaders = dict) -> None:
        self._endpoint = endpoint
        self._connection = Connection(endpoint, call_headers=call_headers)
        self.open_streams = 0

    @property
    def model(self) -> str:
        return f"openai:{self._endpoint.model}"

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """The model's answer to messages."""
        body = self._body(request.max_tokens, request.temperature, request.stop)
        # Servers take the text of a special token in a message for the token, which would end it.
        body["messages"] = [{"role": each.role, "content": made_inert(each.content)} for each in request.messages]
        limits = _limits(request.seconds, request.stop, request.max_tokens)
        url = f"{self._endpoint.base}/chat/completions"
        async with aclosing(self._answer(url, body, chat_delta, limits, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        """What follows a raw prompt. With a `suffix` the server brings both into its model's form: llama.cpp by its
        `/infill`, Ollama by its template."""
        if request.suffix and self._endpoint.api == "llamacpp":
            filled = self.infill(
                request.prompt,
                request.suffix,
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                seconds=request.seconds,
                stop=request.stop,
                on_finish=on_finish,
            )
            async with aclosing(filled) as pieces:
                async for piece in pieces:
                    yield piece
            return
        body = self._body(request.max_tokens, request.temperature, request.stop)
        body["prompt"] = request.prompt
        if request.suffix:
            body["suffix"] = request.suffix
        limits = _limits(request.seconds, request.stop, request.max_tokens)
        url = f"{self._endpoint.base}/completions"
        async with aclosing(self._answer(url, body, completion_delta, limits, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def infill(
        self,
        prefix: str,
        suffix: str,
        *,
        files: Sequence[InfillFile] = (),
        max_tokens: int,
        temperature: float = 0.0,
        seconds: float,
        stop: Sequence[str] = (),
        on_finish: OnFinish | None = None,
    ) -> AsyncGenerator[str, None]:
        """What belongs between two texts, of llama.cpp, which knows its model's form of fill-in-the-middle.

        :param seconds: the deadline for the whole answer.
        """
        if self._endpoint.api != "llamacpp":
            raise BadRequest(f"{self._endpoint.name} is not set up as llama.cpp, which alone has /infill; set its api.")
        body: dict[str, object] = {
            "model": self._endpoint.model,
            "input_prefix": prefix,
            "input_suffix": suffix,
            "input_extra": [{"filename": file.path, "text": file.text} for file in files],
            "n_predict": max_tokens,
            "temperature": temperature,
            "stop": [text for text in stop if text],
            "stream": True,
            "cache_prompt": True,
        }
        limits = _limits(seconds, stop, max_tokens)
        async with aclosing(
            self._answer(f"{self._endpoint.root}/infill", body, infill_delta, limits, on_finish)
        ) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._connection.close()

    def _body(self, max_tokens: int, temperature: float, stop: Sequence[str]) -> dict[str, object]:
        endpoint = self._endpoint
        body: dict[str, object] = {"model": endpoint.model, "stream": True}
        if endpoint.is_reasoning:
            body["max_completion_tokens"] = max_tokens
        else:
            body["max_tokens"] = max_tokens
            body["temperature"] = temperature
            if stops := [text for text in stop if text][:_MAX_STOPS]:
                body["stop"] = stops
        if endpoint.asks_usage:
            body["stream_options"] = {"include_usage": True}
        if endpoint.api == "llamacpp":
            body["cache_prompt"] = True
        return body

    async def _answer(
        self, url: str, body: dict[str, object], read: Read, limits: _Limits, on_finish: OnFinish | None
    ) -> AsyncGenerator[str, None]:
        self.open_streams += 1
        try:
            async with aclosing(self._connection.events(url, body, limits.deadline)) as events:
                stops, size = StopFilter(limits.stop), 0
                reason: Reason | None = None
                usage: Usage | None = None
                while reason is None:
                    data = await anext(events, None)
                    if data is None:
                        raise BrokenStream(f"{self._endpoint.name} ended before its answer was whole; ask again.")
                    if data.startswith(_DONE):
                        reason = "other"
                        break
                    delta = self._read(data, read)
                    size += len(delta.text)
                    if size > limits.characters:
                        raise BrokenStream(f"{self._endpoint.name} sent far more than it was asked for; see its log.")
                    if text := stops.add(delta.text):
                        yield text
                    reason, usage = ("stop" if stops.is_stopped else delta.reason), delta.usage or usage
                if not stops.is_stopped:
                    if text := stops.rest():
                        yield text
                    usage = await self._counts(events, read) or usage
            # The server's own end came, or none is needed: the stream is closed, and the answer is whole.
            if on_finish:
                on_finish(Finished(reason=reason, usage=usage))
        finally:
            self.open_streams -= 1

    def _read(self, data: str, read: Read) -> Delta:
        try:
            delta = read(data)
        except BadAnswer as error:
            raise BrokenStream(f"{self._endpoint.name} {error}; check that the url is that of a model.") from error
        if isinstance(delta, Refused):
            raise refusal(self._endpoint, delta.status, clean(self._endpoint, delta.words))
        return delta

    async def _counts(self, events: AsyncGenerator[str, None], read: Read) -> Usage | None:
        """From what follows the answer. The answer is whole, so nothing that goes wrong here matters."""
        usage: Usage | None = None
        with suppress(TimeoutError, InferenceError):
            async with asyncio.timeout(_COUNTS_SECONDS):
                async for data in events:
                    if data.startswith(_DONE):
                        break
                    usage = self._read(data, read).usage or usage
            async with asyncio.timeout(_DRAIN_SECONDS):
                await anext(events, None)
        return usage


def _limits(seconds: float, stop: Sequence[str], max_tokens: int) -> _Limits:
    return _Limits(deadline=Deadline.after(seconds), stop=tuple(stop), characters=max_tokens * _MAX_TOKEN)
