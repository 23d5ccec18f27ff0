"""Conversations as values: turns, the sources they cite, and what a model was shown for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

Topic = Literal["code", "write", "talk"]
"""What a question is about: this code, code to be written, or neither."""

Reason = Literal[
    "answered", "no_sources", "no_backend", "backend_failed", "too_long", "special_token", "searched", "acted"
]
"""How a turn ended. `no_sources`: the model cited nothing. `no_backend`, `searched`, `acted`: none was asked.
`backend_failed`: it failed, before the first piece or midway. `too_long`, `special_token`: the answer was cut there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source that an answer names by its number."""

    number: int
    path: str
    start_line: int
    """0-based."""
    end_line: int
    """0-based, exclusive."""
    digest: str
    """Of these lines when the model was shown them: see `digest_of`."""
    symbol: str = ""
    is_current: bool = True
    """Whether the lines were still the same when the answer was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A line of the context receipt: something that was proposed to be shown."""

    kind: str
    """selection, focus, file, symbol, folder, diagnostics, git, terminal or hit."""
    source: str
    """What proposed it, for people: `@file`, `search: defines total`."""
    path: str = ""
    start_line: int = 0
    end_line: int = 0
    tokens: int = 0
    """Estimated."""
    number: int = 0
    """By which the model may cite it; 0 for what has no place in a file, and for what was left out."""
    left_out: str = ""
    """Why; empty for what was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextReceipt:
    """What an answer rests on."""

    topic: Topic = "code"
    query: str = ""
    """What was searched for; empty when nothing was."""
    query_by: str = ""
    """question, rules or model: who wrote the query."""
    budget: int = 0
    """Tokens that sources could take."""
    tokens: int = 0
    """Estimated, of those that were shown."""
    parts: tuple[Part, ...] = ()
    rules: tuple[str, ...] = ()
    """Rules files that were shown, nearest first."""
    turns: int = 0
    """Earlier turns that were shown as they were; those before them as a summary."""
    notes: tuple[str, ...] = ()
    """What was left out or went wrong, a sentence each."""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """A block of code in an answer, as the model wrote it."""

    text: str
    language: str = ""
    path: str = ""
    """That it names, not yet judged."""
    is_edit: bool = False
    """Whether it has a form that can be applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    number: int
    """From 1."""
    question: str
    """Redacted, as everything that is kept."""
    text: str = ""
    command: str = ""
    citations: tuple[Citation, ...] = ()
    blocks: tuple[CodeBlock, ...] = ()
    receipt: ContextReceipt = field(default_factory=ContextReceipt)
    reason: Reason = "answered"
    seconds: float = 0.0
    created: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    id: str
    root: str
    """The workspace folder it is about; empty without one."""
    title: str = ""
    created: float = 0.0
    updated: float = 0.0
    summary: str = ""
    """Of the turns up to `summarised`."""
    summarised: int = 0
    """The number of the last turn that the summary covers."""
    turns: tuple[Turn, ...] = ()


def digest_of(text: str, start_line: int, end_line: int) -> str:
    """Hex of SHA-256 over some lines of a text (0-based, exclusive), with `\\n` between them and none at the end."""
    lines = text.split("\n")[start_line:end_line]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
