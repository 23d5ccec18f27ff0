"""What servers send in an event, as values. Fields that are missing, of another type or unknown are passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard, cast

from inference.ports import Reason, Usage

_MAX_COUNT = 1 << 31
_REASONS: dict[str, Reason] = {
    "stop": "stop",
    "eos": "stop",
    "word": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "limit": "length",
    "content_filter": "content_filter",
}


class BadAnswer(ValueError):
    """Not what the protocol says; the text completes "the server …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error in the place of an event."""

    status: int
    """As in HTTP; 500 when the server does not say."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    text: str = ""
    reason: Reason | None = None
    """Set in the last event that has text."""
    usage: Usage | None = None


Read = Callable[[str], Delta | Refused]


def chat_delta(data: str) -> Delta | Refused:
    """An event of `/v1/chat/completions`.

    :raises BadAnswer: when it is no JSON object.
    """
    return _choice(json_object(data), lambda choice: _dict(choice.get("delta")).get("content"))


def completion_delta(data: str) -> Delta | Refused:
    """An event of `/v1/completions`. Raises as `chat_delta`."""
    return _choice(json_object(data), lambda choice: choice.get("text"))


def infill_delta(data: str) -> Delta | Refused:
    """An event of llama.cpp's `/infill`. Raises as `chat_delta`."""
    fields = json_object(data)
    if refused := _refused(fields):
        return refused
    if fields.get("stop") is not True:
        return Delta(text=_text(fields.get("content")))
    reason = _REASONS.get(_text(fields.get("stop_type")), "other")
    for flag, older in (("stopped_eos", "stop"), ("stopped_word", "stop"), ("stopped_limit", "length")):
        if reason == "other" and fields.get(flag) is True:
            reason = _REASONS[older]
    usage = _usage(fields.get("tokens_evaluated"), fields.get("tokens_predicted"), None)
    return Delta(text=_text(fields.get("content")), reason=reason, usage=usage)


def json_object(data: str | bytes) -> dict[str, object]:
    """:raises BadAnswer:"""
    try:
        found: object = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("sent something that is not JSON") from error
    if not isinstance(found, dict):
        raise BadAnswer("sent JSON that is not an object")
    return cast("dict[str, object]", found)


def is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _choice(fields: dict[str, object], text_of: Callable[[dict[str, object]], object]) -> Delta | Refused:
    if refused := _refused(fields):
        return refused
    counts = _dict(fields.get("usage"))
    details = _dict(counts.get("prompt_tokens_details"))
    usage = _usage(counts.get("prompt_tokens"), counts.get("completion_tokens"), details.get("cached_tokens"))
    choices = fields.get("choices")
    if not isinstance(choices, list) or not choices:
        return Delta(usage=usage)  # the event with the counts has no choice; Azure's first one neither
    choice = _dict(cast("list[object]", choices)[0])
    if choice.get("index", 0) != 0:
        return Delta(usage=usage)
    ended = choice.get("finish_reason")
    reason = _REASONS.get(ended, "other") if isinstance(ended, str) and ended else None
    return Delta(text=_text(text_of(choice)), reason=reason, usage=usage)


def _refused(fields: dict[str, object]) -> Refused | None:
    error = fields.get("error")
    if not error and fields.get("object") != "error":  # vLLM before 0.11 has the error's fields at the top
        return None
    inner = _dict(error) if error else fields
    code = inner.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    words = error if isinstance(error, str) else inner.get("message")
    return Refused(status=status, words=_text(words))


def _usage(prompt: object, completion: object, cached: object) -> Usage | None:
    if not is_count(prompt) or not is_count(completion):
        return None
    reused = cached if is_count(cached) and cached <= prompt else 0
    return Usage(prompt=prompt, completion=completion, cached=reused)


def _dict(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Half a surrogate pair, which JSON allows, becomes a replacement character: it cannot be written anywhere."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
