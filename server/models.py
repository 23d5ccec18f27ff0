"""The models of the settings by what they are asked for: the composition root of `inference`."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from inference.errors import InferenceError
from server.answer_cache import answer_cache, tenant_of
from server.dialect import Dialect, assumed_dialect, found_dialect
from server.endpoints import TRITON, Served, served_model
from server.identity import user_name
from server.model_settings import ModelSettings, RoutingSettings
from server.observing import Observing
from server.settings import Settings

if TYPE_CHECKING:
    from inference.fim.families import Family
    from inference.ports import Cache, CompletionRequest, GenerateRequest, Generator, OnFinish
    from inference.resilience.budget import Allowance
    from inference.resilience.health import Health, Watched
    from inference.routing.backends import Backend
    from inference.routing.router import RouterPolicy

Role = Literal["chat", "complete"]

_logger = logging.getLogger("assay.models")

_RESERVED_SHARE = 0.25
"""Of the answers at once: background work never takes the places of somebody who is typing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    """What completes at the cursor."""

    generator: Generator
    dialect: Dialect
    """What is known by now: a moment after the first request, what the served model itself showed."""
    context_tokens: int
    """What the model takes, prompt and answer together."""
    fills_in: bool = False
    """Whether the server brings both sides of a hole into its model's form by itself: llama.cpp."""

    @property
    def family(self) -> Family | None:
        """None where the model cannot fill in."""
        return self.dialect.family

    @property
    def count(self) -> Callable[[str], int]:
        """Tokens of a text, by the model's tokenizer or an estimate; remembers."""
        return self.dialect.counter.count


class Models:
    """Generators for roles, made when they are first wanted and kept until `close`.

    Whatever is wrong with a model's settings is said by whoever asks for it.
    """

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        self._settings = settings
        self._env = env
        self._made: dict[Role, tuple[Generator, Watched]] = {}
        self._cache: Cache | None = None
        self._dialect: Dialect | None = None
        self._finding: asyncio.Task[None] | None = None
        self._observing = Observing(settings.observe, env)

    @property
    def prompts(self) -> Path | None:
        """A folder of the person's own prompts."""
        return Path(self._settings.prompts).expanduser() if self._settings.prompts else None

    async def start(self) -> None:
        """Load the clients that the settings name, beside the loop, and let metrics be read."""
        if any(model.backend in TRITON for model in self._settings.models):
            from inference.triton.channel import load

            with suppress(InferenceError):  # whoever asks for the model is told
                await asyncio.to_thread(load)
        await self._observing.start()

    def chat(self) -> Generator | None:
        """What answers messages; None when no model is set up for that.

        :raises InferenceError: a model's settings cannot be used.
        """
        return self._generator("chat")

    def completer(self) -> Completer | None:
        """What completes at the cursor; None when no model is set up for that. Raises as `chat`."""
        generator = self._generator("complete")
        if generator is None:
            return None
        first = stable_first(with_role(self._settings.models, "complete"))[0]
        if self._dialect is None:
            self._dialect = assumed_dialect(first)
            self._finding = asyncio.get_running_loop().create_task(self._find(first))
        return Completer(
            generator=generator,
            dialect=self._dialect,
            context_tokens=first.context_tokens,
            fills_in=first.backend == "llamacpp",
        )

    async def _find(self, model: ModelSettings) -> None:
        """Ask the model itself, past the cache: it may be another one than last time."""
        self._dialect = await found_dialect(
            model, Asking(self._made["complete"][1], user=user_name(self._env)), self._env
        )
        _logger.info("models.%s completes: %s", model.name, self._dialect.explanation)

    def health(self, role: Role) -> Health | None:
        """How those that serve a role are, without asking them; None when there is none, or none was asked yet."""
        made = self._made.get(role)
        return made[1].health() if made else None

    async def close(self) -> None:
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.wait({self._finding})
        made, self._made = list(self._made.values()), {}
        for generator, _ in made:
            await generator.close()
        if self._cache is not None:
            await self._cache.close()
            self._cache = None
        await self._observing.close()

    def _generator(self, role: Role) -> Generator | None:
        if role not in self._made:
            models = with_role(self._settings.models, role)
            if not models:
                return None
            self._made[role] = self._composed(role, stable_first(models))
        return self._made[role][0]

    def _composed(self, role: Role, models: Sequence[ModelSettings]) -> tuple[Generator, Watched]:
        """From the outside in: the user's name, what is observed, the cache, and the router with its queue.

        Where users are sent to different variants each has its own answers: there the cache is around each of them.
        """
        from inference.resilience.slots import Places
        from inference.routing.compose import Limits, routed
        from inference.routing.variants import Split

        # Where there is another endpoint, that is the better second attempt.
        attempts = 3 if len(models) == 1 else 1
        served = [
            served_model(model, self._env, attempts=attempts, call_headers=self._observing.call_headers)
            for model in models
        ]
        shares: dict[str, float] = {}
        for model in models:
            shares[model.variant] = shares.get(model.variant, 0.0) + model.weight
        is_split = len(shares) > 1
        streams = sum(model.streams for model in models)
        places = Places(
            running=streams,
            reserved=min(streams - 1, int(streams * _RESERVED_SHARE)),
            waiting=sum(model.queue for model in models),
        )
        router = routed(
            [
                _backend(each, self._cached(each.generator, each.model) if is_split else each.generator)
                for each in served
            ],
            Limits(places=places, allowances=_allowances(self._settings.routing)),
            split=Split(shares=shares, stable=models[0].variant, salt=self._settings.routing.trial),
            policy=_policy(self._settings.routing),
            on_event=self._observing.on_event,
        )
        whole = router if is_split else self._cached(router, models[0])
        address = urlsplit(models[0].url).netloc if len(models) == 1 else ""
        observed = self._observing.around(whole, alias=models[0].name if len(models) == 1 else role, address=address)
        return Asking(observed, user=user_name(self._env)), router

    def _part(self, served: Served, *, is_split: bool) -> Generator:
        model, generator = served.model, served.generator
        if model.adapter:
            generator = Asking(generator, adapter=model.adapter)
        return self._cached(generator, model) if is_split else generator

    def _cached(self, generator: Generator, model: ModelSettings) -> Generator:
        settings = self._settings.cache
        if settings.answers == "off":
            return generator
        from inference.cache.answers import CachedGenerator

        if self._cache is None:
            self._cache = answer_cache(settings, self._env)
        return CachedGenerator(
            generator,
            Borrowed(self._cache),
            tenant=tenant_of(settings, self._env),
            version=f"{model.url}\0{model.version}\0{model.tokenizer}",
            seconds=settings.days * 86_400,
            on_look=self._observing.on_look,
        )


class Asking:
    """A `Generator` that sets the same parts of each request."""

    def __init__(self, inner: Generator, **parts: str) -> None:
        """:param parts: of both kinds of request, such as `user`."""
        self._inner = inner
        self._parts: dict[str, Any] = dict(parts)

    @property
    def model(self) -> str:
        return self._inner.model

    def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        return self._inner.stream(dataclasses.replace(request, **self._parts), on_finish=on_finish)

    def complete(self, request: CompletionRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        return self._inner.complete(dataclasses.replace(request, **self._parts), on_finish=on_finish)

    async def close(self) -> None:
        await self._inner.close()


class Borrowed:
    """A `Cache` that several use and its owner closes."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.get = cache.get
        self.put = cache.put

    async def close(self) -> None:
        """Left to the owner."""


def with_role(models: Sequence[ModelSettings], role: str) -> list[ModelSettings]:
    return [model for model in models if role in model.roles]


def stable_first(models: Sequence[ModelSettings]) -> list[ModelSettings]:
    """The variant `stable` before others; without one, the first variant that was named is the stable one."""
    stable = "stable" if any(model.variant == "stable" for model in models) else models[0].variant
    return sorted(models, key=lambda model: model.variant != stable)


def _allowances(settings: RoutingSettings) -> tuple[Allowance, ...]:
    from inference.resilience.budget import Allowance

    found: list[Allowance] = []
    if settings.requests_per_minute:
        found.append(Allowance(of="requests", most=settings.requests_per_minute, seconds=60.0))
    if settings.tokens_per_day:
        found.append(Allowance(of="tokens", most=settings.tokens_per_day, seconds=86_400.0))
    return tuple(found)


def _policy(settings: RoutingSettings) -> RouterPolicy:
    from inference.routing.hedging import Hedging
    from inference.routing.router import RouterPolicy

    return RouterPolicy(hedging=Hedging(seconds=settings.hedge_seconds) if settings.hedge_seconds else None)


def _backend(served: Served, generator: Generator) -> Backend:
    from inference.routing.backends import Backend

    model = served.model
    return Backend(
        name=model.name,
        generator=generator,
        variant=model.variant,
        version=model.version,
        most=model.streams,
        probe=served.probe,
    )
