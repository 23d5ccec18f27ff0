"""What a server says, made fit for a sentence of ours."""

from __future__ import annotations

from collections.abc import Iterable

_MAX_MESSAGE = 300  # characters of a server's own words
_KEY_PIECE = 8  # characters of a secret in a row that are too many to show


def shown(text: str, secrets: Iterable[str]) -> str:
    """On one line, cut, and empty when it repeats a part of a secret."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * _MAX_MESSAGE]).split())
    for secret in secrets:
        size = min(_KEY_PIECE, len(secret))
        if size and any(secret[at : at + size] in text for at in range(len(secret) - size + 1)):
            return ""
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"
