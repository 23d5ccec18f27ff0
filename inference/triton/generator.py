"""Streaming answers of a model in Triton, by the vLLM backend or an ensemble of TensorRT-LLM."""

from __future__ import annotations

import asyncio
import json
from codecs import getincrementaldecoder
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from inference.deadline import Deadline
from inference.errors import BadRequest, BrokenStream
from inference.ports import (
    CallHeaders,
    CompletionRequest,
    Finished,
    GenerateRequest,
    Message,
    OnFinish,
    Reason,
    Usage,
)
from inference.stops import StopFilter
from inference.triton.channel import Answer, Channel, Inference
from inference.triton.endpoint import TritonEndpoint
from inference.triton.profiles import PROFILES, GeneratorProfile
from inference.triton.tensors import BadTensor, Tensor, flag, float32, int32, one_count, one_text, texts

_MAX_TOKEN = 256  # characters: more than the longest of known tokenizers, which are runs of spaces
_LEVELS = {"interactive": 1, "background": 2}  # of Triton's `priority_levels`, where 1 comes first
_REASONS: dict[bytes, Reason] = {b"stop": "stop", b"length": "length", b"content_filter": "content_filter"}

Template = Callable[[Sequence[Message]], str]
"""Messages as the one text that the model was trained on."""


def plain(messages: Sequence[Message]) -> str:
    """A layout for models whose own is not known: each message after its role and a colon, an empty line between two,
    and at the end the name of the one whose turn it is."""
    said = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n\n".join([*said, "Assistant:"])


class TritonGenerator:
    """A `Generator`. `open_streams` counts answers that are being given now.

    Both ways of asking raise `InferenceError` and yield text as it comes; closing the generator cancels the call, at
    which the model stops.

    :param template: the model's own, as it takes a single text.
    :param call_headers: asked once for each call, as for those of its trace.
    :raises ValueError: when the endpoint's certificates cannot be read.
    :raises BackendUnavailable: when the client's library is not installed.
    """

    def __init__(
        self, endpoint: TritonEndpoint, *, template: Template = plain, call_headers: CallHeaders = dict
    ) -> None:
        self._endpoint = endpoint
        self._profile = PROFILES[endpoint.profile]
        self._channel = Channel(endpoint, call_headers=call_headers)
        self._template = template
        self.open_streams = 0

    @property
    def model(self) -> str:
        return f"triton:{self._endpoint.model}"

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """The model's answer to messages, brought into one text by the template."""
        # A template is a program, if a small and metered one: it does not hold the loop up.
        self.open_streams += 1
        try:
            prompt = await asyncio.to_thread(self._template, request.messages)
        finally:
            self.open_streams -= 1
        async with aclosing(self._answer(prompt, request, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        """What follows a raw prompt. A `suffix` is refused: a model in Triton takes the text as it is."""
        if request.suffix:
            raise BadRequest(f"{self._endpoint.name} takes no suffix; put it into the prompt in the model's own form.")
        async with aclosing(self._answer(request.prompt, request, on_finish)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._channel.close()

    async def _answer(
        self, prompt: str, request: GenerateRequest | CompletionRequest, on_finish: OnFinish | None
    ) -> AsyncGenerator[str, None]:
        name, profile = self._endpoint.name, self._profile
        deadline = Deadline.after(request.seconds)
        inference = self._inference(prompt, request)
        stops, decoder = StopFilter(request.stop), getincrementaldecoder("utf-8")("replace")
        most, size, told = request.max_tokens * _MAX_TOKEN, 0, _Told(profile)
        self.open_streams += 1
        try:
            async with aclosing(self._channel.stream(inference, deadline)) as answers:
                async for answer in answers:
                    try:
                        text = decoder.decode(_text(answer, profile), answer.is_final)
                    except BadTensor as error:
                        raise BrokenStream(f"{name} {error}; check its profile and its version.") from error
                    size += len(text)
                    if size > most:
                        raise BrokenStream(f"{name} sent far more than it was asked for; see its log.")
                    told.add(answer)
                    if text := stops.add(text):
                        yield text
                    if stops.is_stopped:
                        break
            if text := stops.rest():
                yield text
            if on_finish:
                version = told.version()
                on_finish(
                    Finished(
                        reason="stop" if stops.is_stopped else told.reason(),
                        usage=None if stops.is_stopped else told.usage(),
                        backend=f"{self._endpoint.model}@{version} on {self._endpoint.address}" if version else "",
                    )
                )
        finally:
            self.open_streams -= 1

    def _inference(self, prompt: str, request: GenerateRequest | CompletionRequest) -> Inference:
        profile, stops = self._profile, [text for text in request.stop if text]
        one = (1, 1) if profile.is_batched else (1,)
        inputs: list[Tensor] = [texts(profile.prompt, [prompt], one), flag(profile.stream, one)]
        if profile.sampling:
            sampling = _sampling(request, stops)
            inputs.append(texts(profile.sampling, [json.dumps(sampling, ensure_ascii=False)], one))
        elif request.adapter:
            raise BadRequest(f"{self._endpoint.name} takes no adapter by its name; serve it as a model of its own.")
        else:
            inputs.append(int32(profile.max_tokens, request.max_tokens, one))
            inputs.append(float32(profile.temperature, request.temperature, one))
            if stops:
                inputs.append(texts(profile.stops, stops, (1, len(stops))))
        if profile.exclude_prompt:
            inputs.append(flag(profile.exclude_prompt, one))
        if self._endpoint.asks_usage:
            asked = (profile.return_reason, profile.return_prompt_count, profile.return_count)
            inputs += [flag(name, one) for name in asked if name]
        return Inference(inputs=tuple(inputs), outputs=profile.asked_outputs, priority=_LEVELS.get(request.priority, 0))


class _Told:
    """What the responses say of the answer beside its text. All but the counts of tokens stands in the last one that
    is not empty, so the others are not searched for it."""

    def __init__(self, profile: GeneratorProfile) -> None:
        self._profile = profile
        self._last: Answer | None = None
        self._tokens: int | None = None

    def add(self, answer: Answer) -> None:
        if not answer.is_empty:
            self._last = answer
        if self._profile.count:
            tokens = one_count(answer.get(self._profile.count))
            if tokens is not None:
                self._tokens = (self._tokens or 0) + tokens

    def version(self) -> str:
        return self._last.version if self._last else ""

    def usage(self) -> Usage | None:
        prompt = one_count(self._last.get(self._profile.prompt_count)) if self._last else None
        if prompt is None or self._tokens is None:
            return None
        return Usage(prompt=prompt, completion=self._tokens)

    def reason(self) -> Reason:
        received = self._last.get(self._profile.reason) if self._last else None
        try:
            return _REASONS.get(one_text(received), "other") if received else "other"
        except BadTensor:
            return "other"


def _text(answer: Answer, profile: GeneratorProfile) -> bytes:
    """:raises BadTensor: when there is none; the last response alone may be without."""
    received = answer.get(profile.text)
    if received is not None:
        return one_text(received)
    if answer.is_final:
        return b""
    raise BadTensor(f"sent a response without {profile.text}")


def _sampling(request: GenerateRequest | CompletionRequest, stops: list[str]) -> dict[str, object]:
    """vLLM's `SamplingParams`, and the adapter."""
    sampling: dict[str, object] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
    if stops:
        sampling["stop"] = stops
    if request.adapter:
        sampling["lora_name"] = request.adapter
    return sampling
