"""Between an editor's text and the bytes of a Python file, by the encoding that the file declares (PEP 263)."""

from __future__ import annotations

import io
import tokenize

_MARK = "\ufeff"  # a byte order mark, which editors keep to themselves


def encode(text: str) -> bytes:
    """The bytes an editor would save. A lone surrogate, which no encoding has, survives the way there and back."""
    data = text.encode("utf-8", "surrogatepass")
    encoding = _declared(data)
    if encoding == "utf-8":
        return data
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:  # the editor could not save it like this either
        return data


def decode(data: bytes) -> str:
    """The text an editor would show, without a byte order mark.

    :raises UnicodeDecodeError: the bytes are not in the encoding that they declare.
    """
    encoding = _declared(data)
    errors = "surrogatepass" if encoding == "utf-8" else "strict"
    return data.decode(encoding, errors).removeprefix(_MARK)


def _declared(data: bytes) -> str:
    if b"coding" not in data[:1000]:
        return "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data[:1000]).readline)
    except SyntaxError:  # an encoding nobody knows, or bytes that are not UTF-8 and declare nothing
        return "utf-8"
    return "utf-8" if encoding == "utf-8-sig" else encoding
