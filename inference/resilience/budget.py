"""How much a user, or everybody together, may ask for in a minute or a day. In memory: a restart forgives.

A token bucket (RFC 2697 and ATM's GCRA are of its kind): as much at once as the whole allowance, which comes back
evenly. What an answer costs is known when it is over, so the most that it can cost is taken first, and the rest given
back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from inference.errors import BudgetSpent

_MAX_USERS = 10_000  # of whom there is a bucket; the one not seen for longest is forgotten, in the user's favour


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    of: Literal["requests", "tokens"]
    most: int
    """In so many `seconds`, and at once."""
    seconds: float
    per: Literal["user", "all"] = "user"

    def __post_init__(self) -> None:
        if self.most < 1 or self.seconds <= 0:
            raise ValueError("An allowance is for at least one in more than no time.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    level: float
    """Below 0 when more was used than was there."""
    at: float
    """On the clock of whoever keeps it."""


def filled(bucket: Bucket, allowance: Allowance, now: float) -> Bucket:
    """As it is now."""
    more = max(0.0, now - bucket.at) * allowance.most / allowance.seconds
    return Bucket(level=min(allowance.most, bucket.level + more), at=max(now, bucket.at))


def seconds_until(bucket: Bucket, allowance: Allowance, price: float) -> float:
    """Until so much is in it; 0 when it is now."""
    return max(0.0, price - bucket.level) * allowance.seconds / allowance.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What was taken for one request, to be settled once."""

    user: str
    prices: tuple[float, ...]
    """By allowance."""


class Budgets:
    def __init__(self, allowances: Sequence[Allowance], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowances = tuple(allowances)
        self._clock = clock
        self._buckets: list[dict[str, Bucket]] = [{} for _ in self._allowances]

    def charge(self, user: str, *, tokens: int) -> Charge:
        """Take one request and so many tokens, or nothing.

        :param tokens: the most that it can cost. What is larger than an allowance takes all of it, or it could never
            run.
        :raises BudgetSpent: when an allowance has not enough left.
        """
        now = self._clock()
        prices: list[float] = []
        for allowance, buckets in zip(self._allowances, self._buckets, strict=True):
            price = min(1 if allowance.of == "requests" else tokens, allowance.most)
            bucket = self._bucket(allowance, buckets, user, now)
            if wait := seconds_until(bucket, allowance, price):
                raise BudgetSpent(_sentence(allowance, wait), retry_after=wait)
            prices.append(price)
        charge = Charge(user=user, prices=tuple(prices))
        self._take(charge, charge.prices, now)
        return charge

    def settle(self, charge: Charge, *, tokens: int) -> None:
        """:param tokens: what it did cost."""
        pairs = zip(self._allowances, charge.prices, strict=True)
        self._take(charge, [tokens - price if a.of == "tokens" else 0 for a, price in pairs], self._clock())

    def forgive(self, charge: Charge) -> None:
        """Give all of it back: no model did anything for it."""
        self._take(charge, [-price for price in charge.prices], self._clock())

    def _take(self, charge: Charge, prices: Sequence[float], now: float) -> None:
        for allowance, buckets, price in zip(self._allowances, self._buckets, prices, strict=True):
            bucket = self._bucket(allowance, buckets, charge.user, now)
            name = charge.user if allowance.per == "user" else ""
            buckets.pop(name, None)
            buckets[name] = Bucket(level=min(allowance.most, bucket.level - price), at=bucket.at)
            if len(buckets) > _MAX_USERS:
                del buckets[next(iter(buckets))]

    def _bucket(self, allowance: Allowance, buckets: dict[str, Bucket], user: str, now: float) -> Bucket:
        name = user if allowance.per == "user" else ""
        return filled(buckets.get(name, Bucket(level=allowance.most, at=now)), allowance, now)


def _sentence(allowance: Allowance, wait: float) -> str:
    whose = "Your budget" if allowance.per == "user" else "Everybody's budget together"
    return (
        f"{whose} of {allowance.most:,} {allowance.of} {_span(allowance.seconds)} is used up; "
        f"there is enough again in {_rounded(wait)}."
    )


def _span(seconds: float) -> str:
    named = {60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
    return named.get(seconds, f"in {seconds:g} s")


def _rounded(seconds: float) -> str:
    """Up, so that whoever waits so long does not come too early."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds > 2 * size:
            return f"{int(seconds // size) + 1} {unit}"
    return f"{int(seconds) + 1} s"
