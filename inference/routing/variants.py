"""Who gets which variant of a model: a canary's share of users, or the two sides of an A/B test. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_BITS = 52  # of a hash: with half a bit more, a float holds it exactly, and is never 0 or 1


def _all_stable() -> Mapping[str, float]:
    return {"stable": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """:raises ValueError: when no share is above 0, or the stable variant has none of its own."""

    shares: Mapping[str, float] = field(default_factory=_all_stable)
    """Of users, by variant, relative to each other."""
    stable: str = "stable"
    """Who has no name gets this one, and whose variant has no endpoint that works."""
    salt: str = ""
    """Names the trial, so that another one draws its users anew."""

    def __post_init__(self) -> None:
        _check(self.shares)
        if self.stable not in self.shares:
            raise ValueError("The stable variant must be among the shares; give it 0 when nobody should start in it.")

    def of(self, user: str) -> str:
        return variant(user, self.shares, self.salt) if user else self.stable


def variant(user: str, weights: Mapping[str, float], salt: str) -> str:
    """Always the same for the same user and weights, and each name's share of users is its share of the weight.

    Weighted rendezvous hashing: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998), with
    the logarithmic method of Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (2005). When one weight
    grows, users move to that name only; when it shrinks, only from it; and no more of them than the shares demand.

    :raises ValueError: when no weight is above 0, or one is negative or no number.
    """
    _check(weights)
    draws = {name: _exponential(user, name, salt) / weight for name, weight in weights.items() if weight > 0}
    return min(draws, key=lambda name: (draws[name], name))


def _exponential(user: str, name: str, salt: str) -> float:
    """Distributed as waiting times are: of several, the chance to be the first is in proportion to the rate."""
    key = json.dumps([salt, user, name]).encode()
    bits = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> (64 - _BITS)
    return -math.log((bits + 0.5) / (1 << _BITS))


def _check(weights: Mapping[str, float]) -> None:
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not any(weights.values()):
        raise ValueError("The weights of variants are numbers from 0, and at least one is above it.")
