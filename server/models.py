"""The models of the settings by what they are asked for: the composition root of `inference`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from inference.errors import BadRequest
from server.model_settings import ModelSettings
from server.secrets import NoSecret, resolve_secret
from server.settings import Settings

if TYPE_CHECKING:
    from inference.fim.families import Family
    from inference.openai.endpoint import OpenAIEndpoint
    from inference.ports import Generator

Role = Literal["chat", "complete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    """What completes at the cursor."""

    generator: Generator
    family: Family | None
    """None where the model has no form of fill-in-the-middle: then only what stands before the cursor is sent."""
    count: Callable[[str], int]
    """Tokens of a text, by the model's tokenizer or an estimate; remembers."""
    context_tokens: int
    """What the model takes, prompt and answer together."""


class Models:
    """Generators for roles, made when they are first wanted and kept until `close`.

    Whatever is wrong with a model's settings is said by whoever asks for it.
    """

    def __init__(self, settings: Settings, env: Mapping[str, str]) -> None:
        self._settings = settings
        self._env = env
        self._made: dict[Role, Generator] = {}

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
        from inference.fim.families import FAMILIES, family_of

        first = self._with_role("complete")[0]
        named = {family.name: family for family in FAMILIES}
        if first.family and first.family not in named:
            raise BadRequest(f"models.{first.name}: there is no family {first.family}; docs/fim.md names them.")
        return Completer(
            generator=generator,
            family=named[first.family] if first.family else family_of(first.model),
            count=lambda text: len(text) // 3 + 1,
            context_tokens=first.context_tokens,
        )

    async def close(self) -> None:
        made, self._made = list(self._made.values()), {}
        for generator in made:
            await generator.close()

    def _with_role(self, role: str) -> list[ModelSettings]:
        return [model for model in self._settings.models if role in model.roles]

    def _generator(self, role: Role) -> Generator | None:
        if role not in self._made and (models := self._with_role(role)):
            self._made[role] = self._one(models[0])
        return self._made.get(role)

    def _one(self, model: ModelSettings) -> Generator:
        try:
            if model.backend == "scripted":
                from pathlib import Path

                from inference.scripted import ScriptedGenerator

                return ScriptedGenerator(Path(model.script).expanduser())
            from inference.openai.generator import OpenAIGenerator

            return OpenAIGenerator(openai_endpoint(model, self._env))
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
    )
