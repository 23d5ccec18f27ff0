"""Assemble what a model should see for a task within a budget of tokens, and say what was taken and what was not.

Parts come in an order that changes little from one request to the next, the repository map first and diagnostics
last, so that a model server's prefix cache has the longest run of text that it has seen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workspace.secrets import redact

BYTES_PER_TOKEN = 3.2
"""Of source in UTF-8; code tokenisers of the common families give 3.0 to 3.6 on this repository's own files. An
estimate, since each served model counts otherwise; budgets have room for that."""

_SHARES = {"diagnostic": 0.10, "edit": 0.15, "definition": 0.35, "hit": 0.60, "map": 0.15}
"""The most of a budget that a kind may take; what one leaves over is another's. Kinds are served in this order:
what is known to matter before what was found, and the map last, since it fills whatever there is."""
_ORDER = ("map", "definition", "hit", "edit", "diagnostic")
"""Of the text: from what changes least to what changes most."""
_TITLES = {
    "map": "Repository map",
    "definition": "Definitions of symbols in use",
    "hit": "Related code",
    "edit": "Recent edits",
    "diagnostic": "Diagnostics",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something that could be shown."""

    kind: str
    """map, definition, hit, edit or diagnostic."""
    source: str
    """What proposed it, for people: `search`, `uses total`, `pyright`."""
    text: str
    path: str = ""
    start_line: int = 0
    """0-based."""
    end_line: int = 0
    """0-based, exclusive."""
    score: float = 0.0
    """Within its kind, higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A line of the context receipt."""

    kind: str
    source: str
    path: str
    start_line: int
    end_line: int
    score: float
    tokens: int
    """Estimated."""
    left_out: str = ""
    """Why; empty for what is in the context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    text: str
    budget: int
    tokens: int
    """Estimated, of the text."""
    considered: tuple[Considered, ...]
    """The context receipt: everything proposed, in the order of the text and then what was left out."""
    notes: tuple[str, ...] = ()


def tokens_of(text: str) -> int:
    """An estimate, rounded up."""
    return -int(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def assemble(
    pieces: Sequence[Piece],
    budget: int,
    *,
    on_screen: tuple[str, int, int] = ("", 0, 0),
    notes: tuple[str, ...] = (),
) -> Context:
    """The best pieces that fit, each whole: half a function misleads more than it tells.

    :param budget: tokens.
    :param on_screen: path and lines (0-based, exclusive) that the prompt has already.
    """
    taken: list[Piece] = []
    left_out: list[tuple[Piece, str]] = []
    room = budget
    for kind, share in _SHARES.items():
        allowed = min(room, int(budget * share))
        ranked = sorted((p for p in pieces if p.kind == kind), key=lambda p: (-p.score, p.path, p.start_line, p.text))
        for piece in ranked:
            cost = tokens_of(_shown(piece))
            if _overlaps(piece, *on_screen):
                left_out.append((piece, "on the screen already"))
            elif any(_overlaps(piece, other.path, other.start_line, other.end_line) for other in taken):
                left_out.append((piece, "there already"))
            elif cost > allowed:
                left_out.append((piece, "no room: over the budget"))
            else:
                taken.append(piece)
                allowed -= cost
                room -= cost
    taken.sort(key=lambda p: (_ORDER.index(p.kind), p.path, p.start_line, p.text))
    text = _rendered(taken)
    return Context(
        text=text,
        budget=budget,
        tokens=tokens_of(text),
        considered=tuple(_line(p) for p in taken) + tuple(_line(p, why) for p, why in left_out),
        notes=notes,
    )


def _rendered(pieces: Sequence[Piece]) -> str:
    parts: list[str] = []
    last = ""
    for piece in pieces:
        if piece.kind != last:
            parts.append(f"## {_TITLES[piece.kind]}\n")
            last = piece.kind
        parts.append(_shown(piece))
    return redact("\n".join(parts))


def _shown(piece: Piece) -> str:
    where = f"{piece.path}:{piece.start_line + 1}-{piece.end_line}\n" if piece.path and piece.end_line else ""
    return f"{where}{piece.text.rstrip()}\n"


def _overlaps(piece: Piece, path: str, start: int, end: int) -> bool:
    return bool(path) and piece.path == path and piece.start_line < end and start < piece.end_line


def _line(piece: Piece, left_out: str = "") -> Considered:
    return Considered(
        kind=piece.kind,
        source=piece.source,
        path=piece.path,
        start_line=piece.start_line,
        end_line=piece.end_line,
        score=round(piece.score, 6),
        tokens=tokens_of(_shown(piece)),
        left_out=left_out,
    )
