"""A generator with budgets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from inference.errors import BudgetSpent, InferenceError
from inference.ports import CompletionRequest, GenerateRequest, OnFinish
from inference.resilience.budget import Budgets
from inference.resilience.events import BudgetRefused, OnEvent, unheard
from inference.resilience.health import Health, Watched

_CHARACTERS_PER_TOKEN = 4  # a common estimate for code, where there is no tokenizer

Count = Callable[[str], int]
"""The tokens of a text."""


def estimate(text: str) -> int:
    """Tokens of a text, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


class Budgeted:
    """A `Watched` generator that asks the budgets first.

    Tokens are counted here: what a backend says of them may be anything. An answer that was closed early costs its
    prompt and what came of it; one that failed before its first piece costs nothing.
    """

    def __init__(
        self, inner: Watched, budgets: Budgets, *, count: Count = estimate, on_event: OnEvent = unheard
    ) -> None:
        self._inner = inner
        self._budgets = budgets
        self._count = count
        self._on_event = on_event

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def open_streams(self) -> int:
        return self._inner.open_streams

    def health(self) -> Health:
        return self._inner.health()

    async def stream(self, request: GenerateRequest, *, on_finish: OnFinish | None = None) -> AsyncGenerator[str, None]:
        """:raises BudgetSpent: before anything is asked. Else as the generator behind it."""
        prompt = sum(self._count(message.content) for message in request.messages)
        pieces = self._inner.stream(request, on_finish=on_finish)
        async with aclosing(self._paid(request, prompt, pieces)) as paid:
            async for piece in paid:
                yield piece

    async def complete(
        self, request: CompletionRequest, *, on_finish: OnFinish | None = None
    ) -> AsyncGenerator[str, None]:
        """Raises as `stream`."""
        prompt = self._count(request.prompt) + self._count(request.suffix)
        pieces = self._inner.complete(request, on_finish=on_finish)
        async with aclosing(self._paid(request, prompt, pieces)) as paid:
            async for piece in paid:
                yield piece

    async def close(self) -> None:
        await self._inner.close()

    async def _paid(
        self, request: GenerateRequest | CompletionRequest, prompt: int, pieces: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        try:
            charge = self._budgets.charge(request.user, tokens=prompt + request.max_tokens)
        except BudgetSpent as error:
            self._on_event(BudgetRefused(seconds=error.retry_after or 0.0))
            raise
        given = 0
        is_free = False
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    given += self._count(piece)
                    yield piece
        except InferenceError:
            is_free = given == 0
            raise
        finally:
            if is_free:
                self._budgets.forgive(charge)
            else:
                self._budgets.settle(charge, tokens=prompt + given)
