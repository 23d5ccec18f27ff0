"""What is the same in every store when files come in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from retrieval.errors import StoreError
from retrieval.ports import Entry


def refuse_unstorable(files: Mapping[str, Sequence[Entry]], window: str) -> None:
    """:raises StoreError: for a chunk of another path or window than it is given for, a text that is no Unicode, as
    the names of some files are not, or a weight that is no number."""
    for path, entries in files.items():
        _encode(path, window)
        for entry in entries:
            chunk = entry.chunk
            if chunk.path != path or entry.window != window:
                raise StoreError("A chunk was given for another path or window than its own.")
            _encode(chunk.symbol, chunk.scope, *chunk.names, chunk.header, chunk.text)
            if not all(map(math.isfinite, entry.lexical.values)):
                raise StoreError("A lexical vector holds NaN or infinities.")


def grouped(files: Mapping[str, Sequence[Entry]], size: int) -> list[dict[str, Sequence[Entry]]]:
    """The files in groups of at most `size` chunks; a larger file is a group of its own."""
    groups: list[dict[str, Sequence[Entry]]] = []
    filled = size
    for path, entries in files.items():
        weight = max(1, len(entries))
        if filled + weight > size:
            groups.append({})
            filled = 0
        groups[-1][path] = entries
        filled += weight
    return groups


def _encode(*texts: str) -> None:
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as error:
        raise StoreError("A file's name or text is no Unicode, so it cannot be stored.") from error
