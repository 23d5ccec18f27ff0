"""How the model that completes wants its prompts: its form of fill-in-the-middle, and how its tokens are counted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.errors import BadRequest, InferenceError
from server.endpoints import openai_endpoint, tokenizer_file
from server.model_settings import ModelSettings
from server.secrets import NoSecret

if TYPE_CHECKING:
    from inference.fim.check import Encode
    from inference.fim.families import Family
    from inference.ports import Generator
    from inference.tokens.counter import TokenCounter
    from inference.tokens.local import LocalTokenizer

_SAMPLE = "def total(prices: list[float]) -> float:\n    return sum(price for price in prices if price > 0)\n" * 20

_logger = logging.getLogger("assay.models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    family: Family | None
    """None when the model is not to be asked to fill in."""
    counter: TokenCounter
    explanation: str
    """One sentence for people: what was found out, or what is taken for granted so far."""


def assumed_dialect(model: ModelSettings) -> Dialect:
    """By the settings and the model's name alone.

    :raises BadRequest: the settings name a family that there is not, or a tokenizer that cannot be read.
    """
    from inference.fim.families import family_of
    from inference.tokens.estimate import estimating_counter

    family = _named_family(model) or family_of(model.model)
    tokenizer = _tokenizer(model)
    return Dialect(
        family=family,
        counter=tokenizer.counter() if tokenizer else estimating_counter(),
        explanation=f"{family.name}, not tried yet." if family else f"The name {model.model} says no family.",
    )


async def found_dialect(model: ModelSettings, generator: Generator, env: Mapping[str, str]) -> Dialect:
    """By asking the model that is served: its tokenizer, and six holes to fill in.

    :raises BadRequest: as `assumed_dialect`. A model that does not answer is no error: the explanation says so.
    """
    from inference.fim.settle import settle
    from inference.tokens.estimate import estimating_counter

    tokenizer = _tokenizer(model)
    if tokenizer is not None:
        encode: Encode | None = tokenizer.encode
        counter = tokenizer.counter()
    else:
        encode, served = await _served_tokenizer(model, env)
        counter = served or estimating_counter()
    found = await settle(generator, encode, _named_family(model))
    return Dialect(family=found.family, counter=counter, explanation=found.explanation)


async def _served_tokenizer(model: ModelSettings, env: Mapping[str, str]) -> tuple[Encode | None, TokenCounter | None]:
    """What the server itself says of its tokens; nothing where it has no `/tokenize`."""
    if model.backend not in ("openai", "llamacpp"):
        return None, None
    from inference.fim.families import SPECIAL_TOKENS
    from inference.openai.tokenizer import ServedTokenizer

    try:
        served = ServedTokenizer(openai_endpoint(model, env))
    except (ValueError, NoSecret):
        return None, None
    try:
        counter = await served.counter(_SAMPLE)
        return await served.encoder(SPECIAL_TOKENS), counter
    except InferenceError as error:
        _logger.info("%s has no tokenizer to ask: %s", model.name, type(error).__name__)
        return None, None
    finally:
        await served.close()


def _tokenizer(model: ModelSettings) -> LocalTokenizer | None:
    """:raises BadRequest:"""
    file = tokenizer_file(model)
    if file is None:
        return None
    from inference.tokens.local import LocalTokenizer

    try:
        return LocalTokenizer(file)
    except ValueError as error:
        raise BadRequest(f"models.{model.name}: {error}") from error


def _named_family(model: ModelSettings) -> Family | None:
    """:raises BadRequest: there is no such family."""
    from inference.fim.families import FAMILIES

    if not model.family:
        return None
    for family in FAMILIES:
        if family.name == model.family:
            return family
    raise BadRequest(f"models.{model.name}: there is no family {model.family}; docs/fim.md names them all.")
