"""Cut a file into chunks at its definitions: what is too large is split, small neighbours are merged.

After cAST (Zhang et al., "cAST: Enhancing Code Retrieval-Augmented Generation with Structural Chunking via Abstract
Syntax Tree", 2025), with definitions in the place of all nodes: only what is larger than a chunk is opened.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import sub

from retrieval.chunk import Chunk, ChunkedFile, Definition
from retrieval.chunking.grammars import CannotParse, keywords, parse
from retrieval.chunking.keys import yaml_keys
from retrieval.chunking.languages import CLASSES, SCOPES, Language, Lexis, language_named, language_of
from retrieval.chunking.lines import BLANKS, Lines, cut
from retrieval.chunking.prose import markdown_sections, rst_sections
from retrieval.chunking.references import references
from retrieval.chunking.symbols import Symbol, symbols_of

TARGET = 1_500
"""Bytes that are not blank; neighbours are merged up to this. About 400 tokens of code."""
MOST = 1_800
"""Bytes that are not blank; a definition up to this size stays whole."""
_LINE_LIMIT = 4_000
"""Bytes of a piece of one long line: minified code, data."""
_BOM = b"\xef\xbb\xbf"
_HEAD = 4096  # bytes that tell the language
_LONG_LINE = 5_000  # bytes; in minified code
_MANY_LINES, _REPEATED = 1_000, 50
"""A file of more lines than this is parsed when at least one in so many is different: the error recovery of
tree-sitter takes time with the square of what is left open."""
_MOSTLY = 0.5  # share of a file that is in ERROR nodes, and nothing recognised, from which on it counts as broken


def chunk_file(path: str, content: bytes) -> ChunkedFile:
    """All that a file gives to the index. Raises nothing for what a file may hold.

    Takes time in proportion to the size of the file, except for input made to be hard: see `grammars.parse`.

    :param path: relative to the workspace's root, with forward slashes.
    """
    language = language_named(language_of(path, content[:_HEAD]))
    lines = Lines.of(content)
    if language.name == "rst":
        return _chunked(path, language, lines, rst_sections(content))
    if language.name == "yaml":
        return _chunked(path, language, lines, yaml_keys(content))
    if language.grammar is None:
        return _chunked(path, language, lines, [])
    if reason := _not_worth_parsing(lines):
        return chunk_lines(path, content, reason)
    try:
        symbols = _parsed(language, content)
    except CannotParse as error:
        return chunk_lines(path, content, str(error))
    uses: tuple[tuple[str, int], ...] = ()
    if language.is_code:
        uses = references(content, language.lexis, keywords(language.grammar), [symbol.name for symbol in symbols])
    return _chunked(path, language, lines, symbols, uses)


def chunk_lines(path: str, content: bytes, reason: str) -> ChunkedFile:
    """A file cut by its lines alone, for one that could not be parsed, or whose parser had to be killed.

    :param reason: why, for the reader.
    """
    language = language_named(language_of(path, content[:_HEAD]))
    return _chunked(path, language, Lines.of(content), [], problem=f"{reason}; cut by lines")


def _not_worth_parsing(lines: Lines) -> str:
    """Why a file is taken for machine-made, with names that nobody looks for; empty when it is not."""
    starts, size = lines.starts, len(lines.content)
    if size > _LONG_LINE:
        long = sum(length for length in map(sub, starts[1:], starts) if length > _LONG_LINE)
        if 2 * long > size:
            return f"most of it is in lines of more than {_LONG_LINE:,} bytes"
    if lines.count > _MANY_LINES and _REPEATED * len(set(lines.content.splitlines())) < lines.count:
        return "it repeats the same few lines"
    return ""


def _chunked(
    path: str,
    language: Language,
    lines: Lines,
    symbols: list[Symbol],
    uses: tuple[tuple[str, int], ...] = (),
    problem: str = "",
) -> ChunkedFile:
    return ChunkedFile(
        path=path,
        language=language.name,
        chunks=tuple(_chunks(path, language, lines, symbols)),
        definitions=tuple(_definitions(lines, symbols)),
        references=uses,
        problem=problem,
    )


def _parsed(language: Language, content: bytes) -> list[Symbol]:
    root = parse(language, content)
    if language.name == "markdown":
        return markdown_sections(root, content)
    symbols = symbols_of(root, content, language)
    if root.has_error and not symbols and language.is_code and content.strip():
        wrong = sum(node.end_byte - node.start_byte for node in (root, *root.children) if node.type == "ERROR")
        if wrong > _MOSTLY * len(content):
            raise CannotParse(f"most of it does not read as {language.name}")
    return symbols


def _definitions(lines: Lines, symbols: Sequence[Symbol]) -> list[Definition]:
    starts = lines.starts
    return [
        Definition(
            name=symbol.name,
            qualified=symbol.qualified,
            kind=symbol.kind,
            line=bisect_right(starts, symbol.start) - 1,
            end_line=bisect_right(starts, max(symbol.start, symbol.end - 1)),
            signature=symbol.signature,
        )
        for symbol in symbols
        if symbol.kind not in SCOPES
    ]


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    """Line."""
    end: int
    """Line, exclusive."""
    within: int
    """Index of the symbol that it is a part of; -1 at the top."""
    whole: bool
    """Whether it may be merged with its neighbours."""


def _chunks(path: str, language: Language, lines: Lines, symbols: list[Symbol]) -> list[Chunk]:
    pieces = _pieces(lines, symbols, language)
    starts = [symbol.start for symbol in symbols]
    chunks: list[Chunk] = []
    for piece in pieces:
        for start, end in _byte_ranges(lines, piece):
            chunks.append(_chunk(path, language, lines, symbols, starts, piece.within, start, end))
    return chunks


def _pieces(lines: Lines, symbols: Sequence[Symbol], language: Language) -> list[_Piece]:
    """Ranges of whole lines, in order, that hold all that is not blank."""
    leading = _leading(language.lexis)
    inner: dict[int, list[int]] = {}
    for index, symbol in enumerate(symbols):
        inner.setdefault(symbol.parent, []).append(index)
    result: list[_Piece] = []

    def split(start: int, end: int, within: int) -> None:
        """Recursion is bounded by the depth of symbols."""
        units: list[_Piece] = []
        at = start
        children = inner.get(within, ())
        for child, (first, last) in zip(children, _spans(lines, [symbols[i] for i in children], leading), strict=True):
            first, last = max(first, at), min(last, end)
            if first >= last:
                continue
            units += _gap(lines, at, first, within)
            at = last
            if lines.weight(first, last) <= MOST:
                units.append(_Piece(first, last, within, True))
                continue
            _merge(lines, units, result)
            units = []
            if child in inner:
                split(first, last, child)
            else:
                result.extend(_Piece(*part, child, False) for part in cut(lines, first, last, TARGET, MOST))
        units += _gap(lines, at, end, within)
        _merge(lines, units, result)

    split(0, lines.count, -1)
    return result


def _gap(lines: Lines, start: int, end: int, within: int) -> list[_Piece]:
    if lines.weight(start, end) == 0:
        return []
    return [_Piece(*part, within, True) for part in cut(lines, start, end, TARGET, MOST)]


def _merge(lines: Lines, units: Sequence[_Piece], result: list[_Piece]) -> None:
    current: _Piece | None = None
    for unit in units:
        if current is not None and lines.weight(current.start, unit.end) <= TARGET:
            current = _Piece(current.start, unit.end, current.within, True)
            continue
        if current is not None:
            result.append(current)
        current = unit
    if current is not None:
        result.append(current)


@dataclass(frozen=True, slots=True)
class _Leading:
    """How the lines above a definition begin that belong to it."""

    starts: tuple[bytes, ...]
    block_starts: tuple[bytes, ...]
    block_ends: tuple[bytes, ...]


@lru_cache
def _leading(lexis: Lexis) -> _Leading:
    return _Leading(
        starts=tuple(mark.encode() for mark in (*lexis.line_comments, *lexis.leading)),
        block_starts=tuple(begin.encode() for begin, _ in lexis.block_comments),
        block_ends=tuple(end.encode() for _, end in lexis.block_comments),
    )


_LONGEST_COMMENT = 200  # lines


def _spans(lines: Lines, siblings: Sequence[Symbol], leading: _Leading) -> list[tuple[int, int]]:
    """The lines of each. A comment that the grammar counts to one definition goes to the next if it is right above."""
    spans = [_span(lines, symbol, leading) for symbol in siblings]
    for at in range(len(spans) - 1):
        (first, last), (following, _) = spans[at], spans[at + 1]
        if first < following < last:
            spans[at] = (first, following)
    return spans


def _span(lines: Lines, symbol: Symbol, leading: _Leading) -> tuple[int, int]:
    """The lines of a symbol, with the comments and decorators right above it."""
    first = bisect_right(lines.starts, symbol.lead) - 1
    last = bisect_right(lines.starts, max(symbol.start, symbol.end - 1))
    highest = max(0, first - _LONGEST_COMMENT)
    while first > highest and (leading.starts or leading.block_ends):
        above = lines.line(first - 1).strip()
        if leading.block_ends and above.endswith(leading.block_ends):
            opening = first - 1
            while opening > highest:
                if lines.line(opening).lstrip().startswith(leading.block_starts):
                    break
                opening -= 1
            if not lines.line(opening).lstrip().startswith(leading.block_starts):
                break
            first = opening
        elif leading.starts and above.startswith(leading.starts):
            first -= 1
        else:
            break
    return first, last


def _byte_ranges(lines: Lines, piece: _Piece) -> list[tuple[int, int]]:
    """Of a piece, without the blank lines around it; more than one where a single line is too long."""
    content = lines.content
    first, last = piece.start, piece.end
    while first < last and lines.weight(first, first + 1) == 0:
        first += 1
    while first < last and lines.weight(last - 1, last) == 0:
        last -= 1
    start, end = lines.starts[first], lines.starts[last]
    if start == 0 and content.startswith(_BOM):
        start = len(_BOM)
    ranges: list[tuple[int, int]] = []
    while end - start > _LINE_LIMIT and lines.weight(first, last) > MOST:
        at = start + _LINE_LIMIT
        while at > start + 1 and 0x80 <= content[at] < 0xC0:  # not within a character
            at -= 1
        ranges.append((start, at))
        start = at
    if start < end:
        ranges.append((start, end))
    return [(begin, stop) for begin, stop in ranges if content[begin:stop].strip(BLANKS)]


def _chunk(
    path: str,
    language: Language,
    lines: Lines,
    symbols: Sequence[Symbol],
    starts: Sequence[int],
    within: int,
    start: int,
    end: int,
) -> Chunk:
    first = bisect_right(starts, start - 1)
    begins = symbols[first : bisect_right(starts, end - 1, first)]
    names = tuple(dict.fromkeys([symbol.name for symbol in begins if symbol.kind not in SCOPES]))
    main = _main(begins, start, end)
    if main is None and within >= 0:
        main = symbols[within]
    if main is not None:
        symbol, kind, scope = main.qualified, main.kind, main.scope
    else:
        symbol, scope = "", ""
        kind = "section" if language.is_prose else "module" if language.grammar is not None else "lines"
    return Chunk(
        path=path,
        language=language.name,
        kind=kind,
        symbol=symbol,
        scope=scope,
        names=names,
        start_byte=start,
        end_byte=end,
        start_line=bisect_right(lines.starts, start) - 1,
        end_line=bisect_right(lines.starts, end - 1),
        header=" ".join(f"{language.comment} {path} {symbol}".split()),  # one line, whatever the path holds
        text=lines.content[start:end].decode("utf-8", "replace"),
    )


def _main(begins: Sequence[Symbol], start: int, end: int) -> Symbol | None:
    """The symbol that a chunk is named for: the one that takes most of it, of those that say enough.

    A namespace or a module does not beside a class, a constant only when it takes half of the chunk.
    """
    chosen, most = None, 0
    for symbol in begins:
        size = (symbol.end if symbol.end < end else end) - symbol.start
        kind = symbol.kind
        if kind in SCOPES or (kind == "module" and any(it.kind in CLASSES and it.kind not in SCOPES for it in begins)):
            size = 1
        elif kind == "constant" and 2 * size < end - start:
            continue
        if size > most:
            chosen, most = symbol, size
    return chosen
