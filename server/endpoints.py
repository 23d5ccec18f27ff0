"""A model of the settings as something that can be asked, whichever backend serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.errors import BadRequest
from server.model_settings import ModelSettings
from server.secrets import NoSecret, resolve_secret

if TYPE_CHECKING:
    from inference.openai.endpoint import OpenAIEndpoint
    from inference.ports import CallHeaders, Generator, Message
    from inference.triton.endpoint import TritonEndpoint
    from inference.triton.generator import Template
    from retrieval.ports import Embedder

TRITON = ("triton", "triton-trtllm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    model: ModelSettings
    generator: Generator
    probe: Callable[[], Awaitable[None]] | None
    """A small real request; raises `InferenceError` when it fails."""


def served_model(
    model: ModelSettings, env: Mapping[str, str], *, attempts: int = 3, call_headers: CallHeaders = dict
) -> Served:
    """:param call_headers: asked once for each call, as for those of its trace.
    :raises BadRequest: the model's settings cannot be used; the sentence begins with the model's name.
    :raises InferenceError: the same, of what they name."""
    try:
        if model.backend == "scripted":
            from inference.scripted import ScriptedGenerator

            return Served(model=model, generator=ScriptedGenerator(Path(model.script).expanduser()), probe=None)
        if model.backend in TRITON:
            return _by_triton(model, replace(triton_endpoint(model, env), attempts=attempts), call_headers)
        return _by_openai(model, replace(openai_endpoint(model, env), attempts=attempts), call_headers)
    except (ValueError, NoSecret) as error:
        raise BadRequest(f"models.{model.name}: {error}") from error


def _by_triton(model: ModelSettings, endpoint: TritonEndpoint, call_headers: CallHeaders) -> Served:
    from inference.triton.generator import TritonGenerator, plain
    from inference.triton.probe import probe_generator

    async def probe() -> None:
        await probe_generator(endpoint)

    generator = TritonGenerator(endpoint, template=chat_template(model) or plain, call_headers=call_headers)
    return Served(model=model, generator=generator, probe=probe)


def _by_openai(model: ModelSettings, endpoint: OpenAIEndpoint, call_headers: CallHeaders) -> Served:
    from inference.openai.generator import OpenAIGenerator
    from inference.ports import GenerateRequest, Message

    generator = OpenAIGenerator(endpoint, call_headers=call_headers)
    hello = GenerateRequest(messages=(Message(role="user", content="Say OK."),), max_tokens=1, seconds=_PROBE_SECONDS)

    async def probe() -> None:
        async for _ in generator.stream(hello):
            pass

    return Served(model=model, generator=generator, probe=probe)


_PROBE_SECONDS = 10.0  # hosted services queue, and a server at home may have to load its model


def chat_template(model: ModelSettings) -> Template | None:
    """The model's own, of the folder that its tokenizer is in; None without one.

    :raises ValueError: it cannot be read.
    """
    file = tokenizer_file(model)
    if file is None:
        return None
    from inference.prompts.chat import BadTemplate, load_template, render
    from inference.tokens.local import LocalTokenizer

    found = load_template(file.parent, special_tokens=LocalTokenizer(file).special_tokens)
    if found is None:
        return None

    def templated(messages: Sequence[Message]) -> str:
        try:
            return render(found, messages)
        except BadTemplate as error:
            raise BadRequest(f"models.{model.name}: {error}") from error

    return templated


def tokenizer_file(model: ModelSettings) -> Path | None:
    if not model.tokenizer:
        return None
    path = Path(model.tokenizer).expanduser()
    return path / "tokenizer.json" if path.is_dir() else path


def embedder_of(model: ModelSettings, env: Mapping[str, str]) -> Embedder:
    """Of the shape that retrieval asks for; its errors are `InferenceError`.

    :raises BadRequest: the model's settings cannot be used.
    """
    try:
        if model.backend == "scripted":
            raise ValueError("a script of answers makes no vectors; name another backend.")
        if model.backend in TRITON:
            from inference.triton.embedder import TritonEmbedder

            return TritonEmbedder(triton_endpoint(model, env), revision=model.revision, dimension=model.dimension)
        from inference.openai.embedder import OpenAIEmbedder

        return OpenAIEmbedder(openai_endpoint(model, env), revision=model.revision, dimension=model.dimension)
    except (ValueError, NoSecret) as error:
        raise BadRequest(f"models.{model.name}: {error}") from error


def openai_endpoint(model: ModelSettings, env: Mapping[str, str]) -> OpenAIEndpoint:
    """:raises ValueError: the address or a value cannot be used.
    :raises NoSecret: a key or a header's value is not where the settings say."""
    from inference.openai.endpoint import OpenAIEndpoint

    return OpenAIEndpoint(
        url=model.url,
        model=model.model,
        api="llamacpp" if model.backend == "llamacpp" else "openai",
        api_key=resolve_secret(model.key, env),
        headers=_headers(model, env),
        is_reasoning=model.reasoning == "on",
        first_seconds=model.first_seconds,
        idle_seconds=model.idle_seconds,
        ca=_path(model.ca),
        certificate=_path(model.certificate),
        certificate_key=_path(model.certificate_key),
    )


def triton_endpoint(model: ModelSettings, env: Mapping[str, str]) -> TritonEndpoint:
    """Raises as `openai_endpoint`."""
    from inference.triton.endpoint import TritonEndpoint

    return TritonEndpoint(
        url=model.url,
        model=model.model,
        version=model.version,
        profile="tensorrt_llm" if model.backend == "triton-trtllm" else "vllm",
        token=resolve_secret(model.key, env),
        headers=_headers(model, env),
        first_seconds=model.first_seconds,
        idle_seconds=model.idle_seconds,
        ca=_path(model.ca),
        certificate=_path(model.certificate),
        certificate_key=_path(model.certificate_key),
    )


def _headers(model: ModelSettings, env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for number, header in enumerate(model.headers, 1):
        name, equals, value = header.partition("=")
        if not equals:
            raise ValueError(f"header {number} is not written as Name=value.")
        headers.append((name.strip(), resolve_secret(value.strip(), env)))
    return tuple(headers)


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None
