"""`assay doctor` on models: each is asked for something small, and says what it is."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing

from inference.errors import InferenceError
from inference.ports import CompletionRequest, GenerateRequest, Generator, Message
from server.answer_cache import answer_cache
from server.cli.checks import Check
from server.dialect import found_dialect
from server.endpoints import TRITON, embedder_of, openai_endpoint, served_model, triton_endpoint
from server.model_settings import ROLES, ModelSettings
from server.settings import Settings

_SECONDS = 30.0  # for one small answer: a server at home may have to load its model first
_HELLO = GenerateRequest(messages=(Message(role="user", content="Answer with OK."),), max_tokens=4, seconds=_SECONDS)
_CODE = CompletionRequest(prompt="def add(a, b):\n    return ", max_tokens=4, seconds=_SECONDS)


async def check_models(settings: Settings) -> list[Check]:
    """One check for each model of the settings and one for the cache of their answers."""
    if not settings.models:
        detail = "none is set up: fixes are searched for, and completions copied from your own code"
        return [Check(name="models", status="ok", detail=detail)]
    checks = await asyncio.gather(*(_checked(model) for model in settings.models))
    return [*checks, await _cache(settings)]


async def _checked(model: ModelSettings) -> Check:
    name = f"models.{model.name}"
    if unknown := sorted(set(model.roles) - set(ROLES)):
        advice = f"Roles are {', '.join(ROLES)}."
        return Check(name=name, status="warning", detail=f"there is no role {', '.join(unknown)}", advice=advice)
    try:
        found = [await _embeds(model)] if "embed" in model.roles else []
        if "chat" in model.roles or "complete" in model.roles:
            found += await _generates(model)
    except InferenceError as error:
        advice = f"Correct [{name}] in the settings (docs/settings.md), or see to the server; work goes on without it."
        return Check(name=name, status="warning", detail=str(error), advice=advice)
    return Check(name=name, status="ok", detail="; ".join(found))


async def _embeds(model: ModelSettings) -> str:
    embedder = embedder_of(model, os.environ)
    try:
        began = time.perf_counter()
        await embedder.embed(["def main(): pass"])
        return f"{embedder.id} gave a vector in {_ms(began)}"
    finally:
        await embedder.close()


async def _generates(model: ModelSettings) -> list[str]:
    generator = served_model(model, os.environ, attempts=1).generator
    try:
        found = [f"{generator.model}{await _served_by(model)}"]
        if "chat" in model.roles:
            found.append(f"answered in {await _first(generator, _HELLO)}")
        if "complete" in model.roles:
            found.append(f"completed in {await _first(generator, _CODE)}")
            if model.backend != "scripted":
                dialect = await found_dialect(model, generator, os.environ)
                found.append(dialect.explanation.rstrip("."))
                found.append(f"tokens by {dialect.counter.source}")
        return found
    finally:
        await generator.close()


async def _served_by(model: ModelSettings) -> str:
    """What the server is, as far as it says.

    :raises InferenceError: it does not answer, or does not have the model.
    """
    if model.backend in TRITON:
        from inference.triton.probe import lacking, served
        from inference.triton.profiles import PROFILES

        endpoint = triton_endpoint(model, os.environ)
        described = await served(endpoint)
        missing = lacking(described, PROFILES[endpoint.profile])
        lacks = f", whose model lacks {', '.join(missing)}" if missing and described.inputs else ""
        return f" of Triton {described.server}{lacks}"
    if model.backend == "scripted":
        return ""
    from inference.openai.catalog import served_models

    try:
        names = {each.name for each in await served_models(openai_endpoint(model, os.environ))}
    except InferenceError:
        return ""  # some have no list; what counts is the answer that follows
    return "" if not names or model.model in names else f" (not in the server's list of {len(names)})"


async def _first(generator: Generator, request: GenerateRequest | CompletionRequest) -> str:
    """How long until a first piece; an answer without one counts as whole."""
    began = time.perf_counter()
    stream = generator.stream(request) if isinstance(request, GenerateRequest) else generator.complete(request)
    async with aclosing(stream) as pieces:
        async for _ in pieces:
            break
    return _ms(began)


def _ms(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f} ms"


async def _cache(settings: Settings) -> Check:
    if settings.cache.answers == "off":
        return Check(name="answer cache", status="ok", detail="turned off in the settings")
    advice = "Correct cache.redis_url and cache.tenant (docs/caches.md), or start the server; only time is lost."
    try:
        cache = answer_cache(settings.cache, os.environ)
    except InferenceError as error:
        return Check(name="answer cache", status="warning", detail=str(error), advice=advice)
    try:
        key = b"doctor" + os.urandom(26)
        await cache.put(key, b"probe", seconds=60.0)
        # A new one, whose memory does not know it: what answers is the disk, or Redis.
        again = answer_cache(settings.cache, os.environ)
        try:
            is_kept = await again.get(key) == b"probe"
        finally:
            await again.close()
    finally:
        await cache.close()
    where = "the team's Redis" if settings.cache.redis_url else "the cache folder"
    if not is_kept:
        detail = f"what was written to {where} could not be read back"
        return Check(name="answer cache", status="warning", detail=detail, advice=advice)
    if settings.cache.redis_url and not settings.cache.tenant:
        detail = f"{where} keeps answers, and for you alone: the team has no secret in common"
        return Check(name="answer cache", status="warning", detail=detail, advice="Set cache.tenant for all of you.")
    return Check(name="answer cache", status="ok", detail=f"{where} keeps answers")
