"""Short questions to a model beside the answer itself, each with a deadline; nothing depends on an answer."""

from __future__ import annotations

from contextlib import aclosing

from inference.errors import InferenceError
from inference.ports import GenerateRequest, Generator, Message


async def ask(generator: Generator, messages: tuple[Message, ...], *, seconds: float, max_tokens: int) -> str:
    """The whole answer; empty when the model fails, or has not ended in time."""
    request = GenerateRequest(messages=messages, max_tokens=max_tokens, seconds=seconds)
    most = max_tokens * 16  # characters; a server that knows no limits is stopped here
    pieces: list[str] = []
    size = 0
    try:
        async with aclosing(generator.stream(request)) as stream:
            async for piece in stream:
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    break
    except InferenceError:
        return ""
    return "".join(pieces)[:most]
