"""What a booking costs, in cents."""

from __future__ import annotations

from dataclasses import dataclass

from .interval import Interval


@dataclass(frozen=True)
class Tariff:
    per_hour: int
    per_day: int
    evening_from: int = 17
    evening_surcharge: int = 20
    """Per cent."""


def price(when: Interval, tariff: Tariff) -> int:
    """By the started half hour, never more than a day's price; a surcharge when it ends in the evening."""
    seconds = int(when.length.total_seconds())
    half_hours = -(-seconds // 1800)
    amount = min(half_hours * tariff.per_hour // 2, tariff.per_day)
    if when.end.hour >= tariff.evening_from:
        amount += amount * tariff.evening_surcharge // 100
    return amount
