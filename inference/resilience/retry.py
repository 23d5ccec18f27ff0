"""The one place where a request is made again: before its first byte of answer, and inside its deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from inference.errors import InferenceError

T = TypeVar("T")

BASE_SECONDS = 0.25
"""The longest first wait; it doubles with each attempt."""

MOST_SECONDS = 8.0


class Again(Exception):
    """What an attempt raises when another one may succeed."""

    def __init__(self, error: InferenceError, *, after: float | None = None) -> None:
        """:param error: for the caller when there is no other attempt.
        :param after: seconds the server asks to wait."""
        super().__init__(str(error))
        self.error = error
        self.after = after


async def with_retries(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int,
    left: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    draw: Callable[[float, float], float] = random.uniform,
) -> T:
    """The first attempt's result that is one. Waits have full jitter ("Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015), on top of what the server asks for.

    :param left: seconds until the deadline. A wait that would pass it is not begun.
    :raises InferenceError: the last attempt's.
    """
    number = 0
    while True:
        number += 1
        try:
            return await attempt()
        except Again as again:
            wait = (again.after or 0.0) + draw(0.0, min(MOST_SECONDS, BASE_SECONDS * 2 ** (number - 1)))
            if number >= attempts or wait >= left():
                raise again.error from again.__cause__
        await sleep(wait)
