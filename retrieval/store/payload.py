"""Chunks as the flat JSON objects that both Qdrant engines keep beside the vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from retrieval.chunk import Chunk
from retrieval.ports import Entry

PATH, WINDOW, LANGUAGE, SOURCE = "path", "window", "language", "source"
"""What searches are narrowed by; both engines index these."""

TEXT = "text"
"""The one large field. A search leaves it where it is."""

META = "meta"
"""All the other fields of a chunk, as one JSON text: the engines hand out one field much faster than eleven."""


def payload_of(entry: Entry) -> dict[str, Any]:
    """All fields of the chunk, and the window."""
    chunk = entry.chunk
    meta = (
        chunk.path,
        chunk.language,
        chunk.kind,
        chunk.symbol,
        chunk.scope,
        chunk.names,
        chunk.start_byte,
        chunk.end_byte,
        chunk.start_line,
        chunk.end_line,
        chunk.header,
        chunk.source,
    )
    return {
        PATH: chunk.path,
        WINDOW: entry.window,
        LANGUAGE: chunk.language,
        SOURCE: chunk.source,
        META: json.dumps(meta, ensure_ascii=False, separators=(",", ":")),
        TEXT: chunk.text,
    }


def chunk_of(payload: Mapping[str, Any]) -> Chunk:
    """The chunk of a payload; its text is empty when the payload came without.

    :raises KeyError, TypeError, ValueError: for a payload that `payload_of` did not make.
    """
    path, language, kind, symbol, scope, names, start_byte, end_byte, start_line, end_line, header, source = json.loads(
        payload[META]
    )
    return Chunk(
        path=path,
        language=language,
        kind=kind,
        symbol=symbol,
        scope=scope,
        names=tuple(names),
        start_byte=start_byte,
        end_byte=end_byte,
        start_line=start_line,
        end_line=end_line,
        header=header,
        text=payload.get(TEXT, ""),
        source=source,
    )
