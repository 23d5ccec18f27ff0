"""What a model is shown for a turn: numbered sources within a budget of tokens, in an order that changes little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assist.chat.conversation import Citation, Part, digest_of
from assist.chat.files import File, as_data
from inference.prompts.files import part
from retrieval.context import tokens_of

_SHARES = {
    "selection": 0.6,
    "file": 0.9,
    "symbol": 0.6,
    "git": 0.9,
    "diagnostics": 0.2,
    "terminal": 0.3,
    "focus": 0.4,
    "folder": 0.3,
    "hit": 0.9,
}
"""The most of what is left of the budget that a kind may take, in the order of service: what a person named before
what was found for them."""
_ORDER = ("hit", "folder", "symbol", "file", "git", "focus", "selection", "diagnostics", "terminal")
"""Of the text for a model."""
_NAMED = frozenset({"selection", "file", "symbol", "git", "diagnostics", "terminal", "focus", "folder"})
"""Cut to what fits rather than left out: somebody asked for them."""
_SAID = {
    "selection": "what is selected",
    "focus": "what the editor shows",
    "git": "as a diff",
    "diagnostics": "What the editor's checkers say of",
    "terminal": "The terminal's end",
    "folder": "What is in",
}
_LEAST = 40  # tokens of something that was cut; less says nothing


Order = tuple[int, str, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something that could be shown. Its text is clean: see `assist.chat.files.clean`."""

    kind: str
    source: str
    text: str
    path: str = ""
    start_line: int = 0
    """0-based."""
    end_line: int = 0
    """0-based, exclusive; 0 for what has no lines in a file, and cannot be cited."""
    digest: str = ""
    """Of the file's own lines."""
    symbol: str = ""
    score: float = 0.0
    """Within its kind, higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A piece that is shown under a number."""

    citation: Citation
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    text: str
    tokens: int
    sources: tuple[Source, ...]
    parts: tuple[Part, ...]
    """The receipt: what is shown, in the order of the text, and then what was left out."""

    def numbered(self, number: int) -> Citation | None:
        return next((source.citation for source in self.sources if source.citation.number == number), None)


def piece_of(
    file: File, start: int, end: int, *, kind: str, source: str, symbol: str = "", score: float = 0.0
) -> Piece | None:
    """Some lines of a file as a piece; None when there are none."""
    start, end = max(0, start), min(end, len(file.shown))
    lines = file.shown[start:end]
    if not any(line.strip() for line in lines):
        return None
    return Piece(
        kind=kind,
        source=source,
        text="\n".join(lines),
        path=file.path,
        start_line=start,
        end_line=end,
        digest=digest_of(file.text, start, end),
        symbol=symbol,
        score=score,
    )


def steady(piece: Piece) -> Order:
    """For a model: what is alike from turn to turn comes first, so that its server has seen the beginning before."""
    return _ORDER.index(piece.kind), piece.path, piece.start_line, piece.text


def best_first(piece: Piece) -> Order:
    """For a person: what they named, then the best of what was found."""
    return list(_SHARES).index(piece.kind), "", -piece.score, piece.text


def show(
    pieces: Sequence[Piece], budget: int, files: Sequence[File] = (), *, order: Callable[[Piece], Order] = steady
) -> Shown:
    """The pieces that fit, numbered.

    :param budget: tokens.
    :param files: where a piece that is cut gets the digest of what is left of it.
    """
    texts = {file.path: file.text for file in files}
    taken: list[Piece] = []
    left_out: list[tuple[Piece, str]] = []
    room = budget
    for kind, share in _SHARES.items():
        allowed = int(room * share)
        ranked = sorted((p for p in pieces if p.kind == kind), key=lambda p: (-p.score, p.path, p.start_line, p.text))
        for piece in ranked:
            if any(_covers(other, piece) for other in taken):
                left_out.append((piece, "there already"))
                continue
            fitting = _fitting(piece, allowed, texts.get(piece.path))
            if fitting is None:
                left_out.append((piece, "no room: over the budget"))
                continue
            taken.append(fitting)
            cost = tokens_of(_rendered(fitting, 99))
            allowed -= cost
            room -= cost
    taken.sort(key=order)
    return _numbered(taken, left_out)


def _numbered(taken: Sequence[Piece], left_out: Sequence[tuple[Piece, str]]) -> Shown:
    sources: list[Source] = []
    parts: list[Part] = []
    texts: list[str] = []
    for piece in taken:
        number = len(sources) + 1 if piece.digest else 0
        if number:
            citation = Citation(
                number=number,
                path=piece.path,
                start_line=piece.start_line,
                end_line=piece.end_line,
                digest=piece.digest,
                symbol=piece.symbol,
            )
            sources.append(Source(citation=citation, text=piece.text))
        texts.append(_rendered(piece, number))
        parts.append(_part(piece, number=number))
    text = "\n".join(texts)
    parts += [_part(piece, left_out=why) for piece, why in left_out]
    return Shown(text=text, tokens=tokens_of(text), sources=tuple(sources), parts=tuple(parts))


def _fitting(piece: Piece, tokens: int, whole: str | None) -> Piece | None:
    """The piece, or the beginning of it when somebody asked for it; None when it does not fit."""
    if tokens_of(_rendered(piece, 99)) <= tokens:
        return piece
    if piece.kind not in _NAMED or tokens < _LEAST:
        return None
    lines = piece.text.split("\n")
    keeps_end = piece.kind == "terminal"  # what failed is said last
    while lines and tokens_of(_rendered(_with(piece, "\n".join(lines)), 99)) > tokens:
        drop = max(1, len(lines) // 10)
        lines = lines[drop:] if keeps_end else lines[:-drop]
    if not any(line.strip() for line in lines):
        return None
    cut = _with(piece, "\n".join(lines), source=f"{piece.source} (cut)")
    if not piece.digest or whole is None or piece.kind == "git":
        return cut
    end = piece.start_line + len(lines)
    return _with(cut, cut.text, end_line=end, digest=digest_of(whole, piece.start_line, end))


def _with(piece: Piece, text: str, *, source: str = "", end_line: int = 0, digest: str = "") -> Piece:
    return Piece(
        kind=piece.kind,
        source=source or piece.source,
        text=text,
        path=piece.path,
        start_line=piece.start_line,
        end_line=end_line or piece.end_line,
        digest=digest or piece.digest,
        symbol=piece.symbol,
        score=piece.score,
    )


def _rendered(piece: Piece, number: int) -> str:
    text = as_data(piece.text.rstrip())
    if number:
        first, last = str(piece.start_line + 1), str(piece.end_line)
        path = piece.path if piece.kind not in _SAID else f"{piece.path} ({_SAID[piece.kind]})"
        return part("passage", number=str(number), path=path, source=text, first_line=first, last_line=last)
    return f"{_SAID.get(piece.kind, piece.kind)} {piece.path}".strip() + f":\n\nBEGIN {piece.kind}\n{text}\nEND\n"


def _covers(taken: Piece, piece: Piece) -> bool:
    """Whether what is shown already holds a good part of a piece. A diff is another view of the same lines."""
    if not piece.digest or not taken.digest or taken.path != piece.path or "git" in (taken.kind, piece.kind):
        return False
    shared = min(taken.end_line, piece.end_line) - max(taken.start_line, piece.start_line)
    return shared > 0 and (piece.kind == "hit" or shared == piece.end_line - piece.start_line)


def _part(piece: Piece, *, number: int = 0, left_out: str = "") -> Part:
    return Part(
        kind=piece.kind,
        source=piece.source,
        path=piece.path,
        start_line=piece.start_line,
        end_line=piece.end_line,
        tokens=tokens_of(_rendered(piece, number)),
        number=number,
        left_out=left_out,
    )
