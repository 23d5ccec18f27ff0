"""Whole answers as bytes. A shared cache is not trusted: a value that this tenant did not write under this key is none.

One byte of version, 16 of authentication (keyed BLAKE2b over the key, the form and the rest), one of form, and JSON,
compressed when it is long. Somebody who can write to a team's Redis, but has not the tenant's secret, can make answers
go, and cannot make any up; neither can they give the answer to one question to another one.
"""

from __future__ import annotations

import hmac
import json
import zlib
from dataclasses import dataclass
from typing import Any, Literal

from inference.cache.keys import Tenant
from inference.ports import Usage

_VERSION = b"\x01"
_PLAIN, _DEFLATED = b"p", b"z"
_PROOF_BYTES = 16
_COMPRESS_FROM = 512  # bytes; less gains nothing
_MOST_BYTES = 4 * 1024 * 1024
"""Of an answer, so that a small value cannot become a huge one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    text: str
    reason: Literal["stop", "length"]
    usage: Usage | None


def encoded(answer: Answer, *, key: bytes, tenant: Tenant) -> bytes:
    usage = answer.usage
    counts = None if usage is None else [usage.prompt, usage.completion, usage.cached]
    data = json.dumps([answer.text, answer.reason, counts], separators=(",", ":")).encode()
    form = _PLAIN
    if len(data) >= _COMPRESS_FROM:
        form, data = _DEFLATED, zlib.compress(data, 1)
    return _VERSION + _proof(form, data, key, tenant) + form + data


def decoded(value: bytes, *, key: bytes, tenant: Tenant) -> Answer | None:
    """The answer; None for bytes that `encoded` did not make of one for this key and tenant."""
    head = len(_VERSION) + _PROOF_BYTES
    proof, form, data = value[1:head], value[head : head + 1], value[head + 1 :]
    if value[:1] != _VERSION or not hmac.compare_digest(proof, _proof(form, data, key, tenant)):
        return None
    if form == _DEFLATED:
        if (data := _inflated(data)) is None:
            return None
    elif form != _PLAIN:
        return None
    try:
        return _read(json.loads(data))
    except (ValueError, RecursionError):
        return None


def _proof(form: bytes, data: bytes, key: bytes, tenant: Tenant) -> bytes:
    return tenant.digest((key, form, data), purpose=b"assay cache val", size=_PROOF_BYTES)


def _inflated(data: bytes) -> bytes | None:
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, _MOST_BYTES)
    except zlib.error:
        return None
    return text if stream.eof else None


def _read(found: Any) -> Answer | None:
    match found:
        case [str(text), "stop" | "length" as reason, None]:
            return Answer(text=text, reason=reason, usage=None)
        case [str(text), "stop" | "length" as reason, [int(prompt), int(completion), int(cached)]]:
            usage = Usage(prompt=prompt, completion=completion, cached=cached)
            return Answer(text=text, reason=reason, usage=usage)
        case _:
            return None
