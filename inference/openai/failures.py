"""A server's refusal as an error of ours, in a sentence that says what the reader can do."""

from __future__ import annotations

import json
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, cast

from inference.errors import (
    BackendUnavailable,
    BadRequest,
    BrokenStream,
    CredentialsRejected,
    InferenceError,
    ModelNotReady,
    Overloaded,
    TimedOut,
)
from inference.openai.endpoint import OpenAIEndpoint
from inference.words import shown

RETRIED = frozenset({429, 502, 503})
"""Statuses after which the same request may succeed a little later."""

_MAX_WAIT = 86_400.0  # seconds; what asks for longer is nonsense


def refusal(endpoint: OpenAIEndpoint, status: int, said: str, retry_after: float | None = None) -> InferenceError:
    """:param said: the server's words, from `server_message`."""
    name = endpoint.name
    because = f": {said}" if said else ""
    match status:
        case 401 | 403:  # without the server's words: some repeat parts of the key
            what = "rejects the key" if endpoint.api_key else "wants a key and there is none"
            return CredentialsRejected(f"{name} {what} ({status}); set a key that may use this model.")
        case 404:
            return BadRequest(f"{name} is not known there (404){because}; check the model's name and the url.")
        case 429:
            return Overloaded(f"{name} has too many requests (429){because}; try later.", retry_after=retry_after)
        case 503 if "loading" in said.lower():
            return ModelNotReady(f"{name} is still loading (503); try again in a minute.")
        case 503:
            return Overloaded(f"{name} is overloaded (503){because}; try later.", retry_after=retry_after)
        case 408 | 504:
            return TimedOut(f"{name} was given up on by a server before it ({status}); ask for less, or try later.")
        case _ if 300 <= status < 400:
            return BadRequest(f"{name} redirects ({status}), which is not followed; set the url to where it leads.")
        case _ if 400 <= status < 500:
            return BadRequest(f"{name} does not take the request ({status}){because or '; see the log of the server.'}")
        case _ if status >= 500:
            return BackendUnavailable(f"{name} failed ({status}){because or '; see the log of the server.'}")
        case _:
            return BrokenStream(f"{name} answers with status {status}; check the url.")


def server_message(endpoint: OpenAIEndpoint, body: bytes) -> str:
    """What the server says in its JSON, on one line, cut, and empty when it repeats a part of a secret."""
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return clean(endpoint, words_in(answer))


def words_in(answer: object) -> str:
    """The text of an error in any of the forms that servers use; empty when there is none."""
    for _ in range(4):  # {"error": {"message": …}}, {"detail": [{"msg": …}]}
        if isinstance(answer, str):
            return answer
        if isinstance(answer, list):
            answer = next(iter(cast("list[object]", answer)), None)
        if isinstance(answer, dict):
            fields = cast("dict[str, object]", answer)
            answer = next((fields[key] for key in ("error", "message", "detail", "msg") if fields.get(key)), None)
    return answer if isinstance(answer, str) else ""


def clean(endpoint: OpenAIEndpoint, text: str) -> str:
    return shown(text, [endpoint.api_key, *(value for _, value in endpoint.headers)])


def seconds_to_wait(retry_after: str | None) -> float | None:
    """From a Retry-After header: seconds, or a date. None when it is missing or nonsense."""
    if not retry_after or len(retry_after) > 64:
        return None
    try:
        if retry_after.isascii() and retry_after.isdigit():
            seconds = float(retry_after)
        else:
            date: Any = parsedate_to_datetime(retry_after)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if seconds <= _MAX_WAIT else None
