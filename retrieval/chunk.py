"""The values that retrieval passes around: chunks, the symbols around them, and where they were found."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHUNKER_VERSION = 1
"""Part of an index's place on disk: a change of what chunks look like starts a new index."""

_NAMESPACE = uuid.UUID("5f1a3f6e-2f0b-5d0e-9a3c-6f2f7c1f6a10")  # any constant does: RFC 9562, section 5.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of one file (or of another source), small enough to be read at once."""

    path: str
    """Relative to the workspace's root, with forward slashes; for other sources, `SOURCE:NAME`."""
    language: str
    """As in `retrieval.chunking.languages`: python, tsx, markdown, text."""
    kind: str
    """function, method, class, module, section, lines, commit, ..."""
    symbol: str
    """Qualified name of the first or only definition in it, `Shop.Cart.total`; empty without one."""
    scope: str
    """Qualified name of what encloses it; empty at the top of a file."""
    names: tuple[str, ...]
    """Simple names of all the symbols that this chunk defines (not those that it uses)."""
    start_byte: int
    end_byte: int
    """Exclusive."""
    start_line: int
    """0-based."""
    end_line: int
    """0-based, exclusive."""
    header: str
    """One line that says where the text is from: path and qualified name. Indexed and embedded with the text."""
    text: str
    source: str = "workspace"
    """workspace, history, ..."""

    def __reduce__(self) -> tuple[Callable[..., Chunk], tuple[object, ...]]:
        """Between processes: a slotted dataclass's own way asks for its fields each time, and costs thrice as much."""
        return _chunk, (
            self.path, self.language, self.kind, self.symbol, self.scope, self.names, self.start_byte, self.end_byte,
            self.start_line, self.end_line, self.header, self.text, self.source,
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """Hex of BLAKE2b-128 over header and text: what an embedding is cached under."""
        return hashlib.blake2b(f"{self.header}\n{self.text}".encode(), digest_size=16).hexdigest()


def _chunk(*fields: Any) -> Chunk:
    return Chunk(**dict(zip(_FIELDS, fields, strict=True)))


_FIELDS = tuple(field.name for field in dataclasses.fields(Chunk))


def chunk_id(workspace: str, chunk: Chunk, occurrence: int = 0, window: str = "", digest: str = "") -> str:
    """UUIDv5 of workspace, path, symbol and content: the same wherever and whenever the same content is indexed.

    :param workspace: the workspace's key.
    :param occurrence: 0 for the first chunk of a file with this symbol and content, 1 for the second, ...
    :param window: that of an unsaved buffer; empty for what is on disk.
    :param digest: the chunk's, where it is known already.
    """
    content = digest or chunk.digest
    return str(
        uuid.uuid5(_NAMESPACE, "\0".join((workspace, chunk.path, chunk.symbol, content, str(occurrence), window)))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A symbol where it is defined."""

    name: str
    qualified: str
    kind: str
    """function, method, class, struct, interface, enum, module, constant, ..."""
    line: int
    """0-based."""
    end_line: int
    """0-based, exclusive."""
    signature: str
    """Its first line or lines up to the body, on one line and stripped; for the repository map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedFile:
    """All that one file gives to the index."""

    path: str
    language: str
    chunks: tuple[Chunk, ...]
    """In the file's order; they do not overlap, and together they hold all that is not blank."""
    definitions: tuple[Definition, ...]
    references: tuple[tuple[str, int], ...]
    """Simple names that are used, with how often, sorted; without the names of keywords and literals."""
    problem: str = ""
    """Why it could not be parsed and was cut by lines: a missing grammar, a broken file. Empty when all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An answer to a search."""

    chunk: Chunk
    """With its text."""
    score: float
    """After ranking: comparable within one answer, and nowhere else."""
    reasons: tuple[str, ...] = ()
    """What lifted or lowered it, for people: `defines total`, `test file`."""
