"""Streaming answers of a model in Triton, by the vLLM backend or an ensemble of TensorRT-LLM."""

from __future__ import annotations

import json
from codecs import getincrementaldecoder
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from inference.deadline import Deadline
from inference.errors import BadRequest, BrokenStream
from inference.ports import CompletionRequest, Finished, GenerateRequest, Message, OnFinish, Reason, Usage
from inference.stops import StopFilter
from inference.triton.channel import Answer, CallHeaders, Channel, Inference
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
        async with aclosing(self._answer(self._template(request.messages), request, on_finish)) as pieces:
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
        most, size, version = request.max_tokens * _MAX_TOKEN, 0, ""
        reason: Reason = "other"
        counts = _Counts()
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
                    version = answer.version or version
                    counts.add(answer, profile)
                    reason = _reason(answer, profile) or reason
                    if text := stops.add(text):
                        yield text
                    if stops.is_stopped:
                        break
            if text := stops.rest():
                yield text
            if on_finish:
                usage = None if stops.is_stopped else counts.usage()
                backend = f"{self._endpoint.model}@{version} on {self._endpoint.address}" if version else ""
                on_finish(Finished(reason="stop" if stops.is_stopped else reason, usage=usage, backend=backend))
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


class _Counts:
    """Tokens of an answer, as far as they are told. A class, as they come with each response."""

    def __init__(self) -> None:
        self._prompt: int | None = None
        self._given: int | None = None

    def add(self, answer: Answer, profile: GeneratorProfile) -> None:
        prompt = one_count(answer.tensors.get(profile.prompt_count))
        given = one_count(answer.tensors.get(profile.count))
        self._prompt = self._prompt if prompt is None else prompt
        self._given = self._given if given is None else (self._given or 0) + given

    def usage(self) -> Usage | None:
        if self._prompt is None or self._given is None:
            return None
        return Usage(prompt=self._prompt, completion=self._given)


def _text(answer: Answer, profile: GeneratorProfile) -> bytes:
    """:raises BadTensor: when there is none; the last response alone may be without."""
    received = answer.tensors.get(profile.text)
    if received is not None:
        return one_text(received)
    if answer.is_final:
        return b""
    raise BadTensor(f"sent a response without {profile.text}")


def _reason(answer: Answer, profile: GeneratorProfile) -> Reason | None:
    received = answer.tensors.get(profile.reason)
    if received is None:
        return None
    try:
        return _REASONS.get(one_text(received))  # "None" until the last one
    except BadTensor:
        return None


def _sampling(request: GenerateRequest | CompletionRequest, stops: list[str]) -> dict[str, object]:
    """vLLM's `SamplingParams`, and the adapter."""
    sampling: dict[str, object] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
    if stops:
        sampling["stop"] = stops
    if request.adapter:
        sampling["lora_name"] = request.adapter
    return sampling
