"""What a model fills in, as it may be shown: streamed, and ended by the first token or stop of its family."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from inference.fim.clean import OutputFilter
from inference.fim.prompt import FimPrompt
from inference.ports import CompletionRequest, Generator, OnFinish, Priority


async def fill(
    generator: Generator,
    prompt: FimPrompt,
    *,
    max_tokens: int,
    seconds: float,
    priority: Priority = "interactive",
    user: str = "",
    on_finish: OnFinish | None = None,
) -> AsyncGenerator[str, None]:
    """Pieces of the middle. No special token of any family is in them, however the model's pieces fall.

    The model is told to stop there too; it is closed when it does not. Closing this closes it.

    :param seconds: the deadline of the whole answer.
    :param on_finish: is not called when the answer was ended here: the model had not said that it was whole.
    :raises InferenceError: as the generator.
    """
    request = CompletionRequest(
        prompt=prompt.text, stop=prompt.stops, max_tokens=max_tokens, seconds=seconds, priority=priority, user=user
    )
    until = OutputFilter(prompt.stops)
    async with aclosing(generator.complete(request, on_finish=on_finish)) as pieces:
        async for piece in pieces:
            if text := until.feed(piece):
                yield text
            if until.ended_by is not None:
                return
    if text := until.finish():
        yield text
