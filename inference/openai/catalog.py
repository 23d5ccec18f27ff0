"""Which models a server has, by `/v1/models`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from inference.deadline import Deadline
from inference.errors import BrokenStream
from inference.openai.answers import BadAnswer, is_count, json_object
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.http import Connection

_MAX_ANSWER = 8 << 20  # bytes; hosted catalogues of hundreds of models are under one megabyte
_MAX_NAME = 256  # characters
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window")  # vLLM; OpenRouter; Groq


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    name: str
    context: int | None = None
    """Tokens, when the server says."""


async def served_models(endpoint: OpenAIEndpoint, *, seconds: float = 10.0) -> tuple[ServedModel, ...]:
    """In the server's order. What has no proper name is left out.

    :raises BackendUnavailable: when the server does not answer, or refuses.
    :raises ValueError: when the endpoint's certificates cannot be read.
    """
    connection = Connection(endpoint)
    try:
        answer = await connection.json(
            "GET", f"{endpoint.base}/models", None, Deadline.after(seconds), most=_MAX_ANSWER
        )
    finally:
        await connection.close()
    try:
        data = json_object(answer).get("data")
    except BadAnswer as error:
        raise BrokenStream(f"{endpoint.name} {error}; check the url.") from error
    items = cast("list[object]", data) if isinstance(data, list) else []
    return tuple(model for item in items if (model := _model(item)))


def _model(item: object) -> ServedModel | None:
    fields = cast("dict[str, object]", item) if isinstance(item, dict) else {}
    name = fields.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        return None
    sizes = [fields.get(field) for field in _CONTEXT_FIELDS]
    context = next((size for size in sizes if is_count(size) and size), None)
    return ServedModel(name=name, context=context)
