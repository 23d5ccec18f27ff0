"""Tensors as values, and their bytes (KServe's "Binary Tensor Data Extension")."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Datatype = Literal["BYTES", "BOOL", "INT32", "FP32"]

_LENGTH = 4  # bytes before each text: its length, little-endian


class BadTensor(ValueError):
    """Not what its name promises; the text completes "the server …"."""


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: bytes
    """Little-endian, in rows."""


class Received(NamedTuple):
    """What came, of which nothing is checked yet. A tuple, as it is made for each piece of an answer."""

    datatype: str
    shape: Sequence[int]
    data: bytes


def texts(name: str, values: Sequence[str], shape: tuple[int, ...]) -> Tensor:
    """Half a surrogate pair becomes a question mark."""
    parts: list[bytes] = []
    for value in values:
        encoded = value.encode("utf-8", "replace")
        parts += (len(encoded).to_bytes(_LENGTH, "little"), encoded)
    return Tensor(name, "BYTES", shape, b"".join(parts))


def flag(name: str, shape: tuple[int, ...]) -> Tensor:
    """One that is true."""
    return Tensor(name, "BOOL", shape, b"\x01")


def int32(name: str, value: int, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, "INT32", shape, value.to_bytes(4, "little", signed=True))


def float32(name: str, value: float, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, "FP32", shape, struct.pack("<f", value))


def one_text(received: Received) -> bytes:
    """The only one there is.

    :raises BadTensor:
    """
    data = received.data
    if received.datatype != "BYTES" or len(data) < _LENGTH:
        raise BadTensor("sent something in the place of text")
    if int.from_bytes(data[:_LENGTH], "little") != len(data) - _LENGTH:
        raise BadTensor("sent several texts where one was asked for, or a broken one")
    return data[_LENGTH:]


def one_count(received: Received | None) -> int | None:
    """A number of tokens; None when it is none."""
    if received is None or received.datatype not in ("UINT32", "INT32") or len(received.data) != _LENGTH:
        return None
    count = int.from_bytes(received.data, "little")
    return count if count < 1 << 31 else None


def rows(received: Received, count: int) -> NDArray[np.float32]:
    """So many rows of numbers.

    :raises BadTensor:
    """
    shape = tuple(received.shape)
    if received.datatype != "FP32" or len(shape) != 2 or min(shape) < 1:
        raise BadTensor("sent something that is no table of numbers of 32 bits")
    if shape[0] != count:
        raise BadTensor(f"sent {shape[0]:,} vectors for {count:,} texts")
    if len(received.data) != shape[0] * shape[1] * 4:
        raise BadTensor("sent another number of bytes than its vectors have")
    return np.frombuffer(received.data, dtype="<f4").reshape(shape)
