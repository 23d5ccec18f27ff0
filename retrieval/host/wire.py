"""Messages between an index host and its clients: a length of four bytes (big endian), then JSON in UTF-8."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any

import cattrs

converter = cattrs.Converter(forbid_extra_keys=True)
"""Values to JSON's types and back; both sides use this one."""

LARGEST = 64 << 20
"""Bytes. Beyond that it is no message of ours."""
VERSION = 1
"""Of the protocol; a host and a client of different versions do not talk."""

Message = dict[str, Any]


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None at the end of the stream.

    :raises ValueError: for what is no message.
    """
    try:
        (size,) = struct.unpack(">I", await reader.readexactly(4))
        if size > LARGEST:
            raise ValueError(f"a message of {size} bytes")
        message = json.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")
    return message  # pyright: ignore[reportUnknownVariableType]


def write(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    content = json.dumps(message, separators=(",", ":")).encode()
    writer.write(struct.pack(">I", len(content)) + content)
