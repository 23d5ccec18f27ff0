"""Propose what a context could hold: hits, definitions of the symbols in use, the map, edits, diagnostics."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from retrieval.chunk import Definition
from retrieval.context import Context, Piece, assemble
from retrieval.index.index import Index
from retrieval.index.manifest import Manifest
from retrieval.question import Question
from retrieval.repomap import FileSymbols, repository_map
from workspace.errors import WorkspaceError
from workspace.policy import READ_LIMIT
from workspace.walk import why_not

_HITS = 24
"""Proposed; a budget of 8,000 tokens takes about half of them."""
_NAMES = 60
"""Symbols of the focus that are looked up, the most used first."""
_AMBIGUOUS = 4
"""A name with more definitions than this says nothing about which one is meant."""
_DEFINITION_LINES = 60
"""Of a definition that is longer, its beginning: the signature and the documentation."""
_RECENT = 600.0
"""Seconds: files edited since then draw the map towards them."""
_MAP_SHARE = 0.14
"""Of the budget: a little below what `assemble` allows, since both only estimate."""
_WORD = re.compile(r"[^\W\d]\w{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a context is for."""

    task: str
    """In words: the instruction, the question, the failing test's message."""
    budget: int
    """Tokens."""
    path: str = ""
    """Of the file in focus."""
    text: str = ""
    """Of the code in focus, as on the screen; its symbols are looked up."""
    start_line: int = 0
    """0-based, of the text."""
    end_line: int = 0
    diagnostics: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    """Recent edits as diffs, the latest first."""
    window: str = ""


async def context_for(index: Index, need: Need) -> Context:
    """:raises StoreError: when the store cannot answer."""
    question = Question(text=need.task, limit=_HITS, window=need.window)
    answer = await index.search(question)
    pieces = [
        Piece(
            kind="hit",
            source="search" + (f": {', '.join(hit.reasons)}" if hit.reasons else ""),
            text=hit.chunk.text,
            path=hit.chunk.path,
            start_line=hit.chunk.start_line,
            end_line=hit.chunk.end_line,
            score=hit.score,
        )
        for hit in answer.hits
        if _may_show(index, hit.chunk.path)
    ]
    pieces += _definitions(index, need)
    pieces += [
        Piece(kind="diagnostic", source="editor", text=text, score=-n) for n, text in enumerate(need.diagnostics)
    ]
    pieces += [Piece(kind="edit", source="editor", text=text, score=-n) for n, text in enumerate(need.edits)]
    pieces += await _map(index, need, {piece.path for piece in pieces if piece.path})
    return assemble(pieces, need.budget, on_screen=(need.path, need.start_line, need.end_line), notes=answer.notes)


async def map_of(index: Index, focus: frozenset[str], budget: int) -> str:
    """The repository map of an index. In another process: it takes hundreds of milliseconds of pure Python.

    :param focus: paths that it should lean towards.
    :param budget: tokens.
    """
    return await index.workers.run(render_map, index.manifest_file, index.indexer.writes, focus, budget)


def render_map(manifest_file: Path, writes: int, focus: frozenset[str], budget: int) -> str:
    """:param writes: another number than the last time means that the manifest must be read again."""
    global _symbols  # noqa: PLW0603 - of a worker process, for its life
    key = (manifest_file, writes)
    if _symbols is None or _symbols[0] != key:
        manifest = Manifest.open(manifest_file)
        try:
            files = [
                FileSymbols(path=one.path, definitions=one.definitions, references=one.references)
                for one in manifest.symbols()
            ]
        finally:
            manifest.close()
        _symbols = (key, files)
    return repository_map(_symbols[1], focus=focus, budget_tokens=budget)


_symbols: tuple[tuple[Path, int], list[FileSymbols]] | None = None


async def _map(index: Index, need: Need, found: set[str]) -> list[Piece]:
    recent = {path for path, age in index.indexer.recent().items() if age < _RECENT}
    text = await map_of(
        index, frozenset(found | recent | ({need.path} if need.path else set())), int(need.budget * 0.14)
    )
    return [Piece(kind="map", source="references", text=text)] if text.strip() else []


def _definitions(index: Index, need: Need) -> list[Piece]:
    used = Counter(_WORD.findall(need.text))
    names = [name for name, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))[:_NAMES]]
    if not names:
        return []
    by_name: dict[str, list[tuple[str, Definition]]] = {}
    for path, found in index.manifest.defined(names, limit=_NAMES * (_AMBIGUOUS + 1) * 4):
        by_name.setdefault(found.name, []).append((path, found))
    pieces: list[Piece] = []
    for name in names:
        here = by_name.get(name, [])
        if 0 < len(here) <= _AMBIGUOUS:
            pieces += [piece for path, found in here if (piece := _definition(index, path, found, used[name]))]
    return pieces


def _definition(index: Index, path: str, found: Definition, uses: int) -> Piece | None:
    if not _may_show(index, path):
        return None
    try:
        with (index.root / path).open("rb") as file:
            lines = file.read(READ_LIMIT).decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    end = min(found.end_line, found.line + _DEFINITION_LINES, len(lines))
    return Piece(
        kind="definition",
        source=f"uses {found.name}",
        text="\n".join(lines[found.line : end]),
        path=path,
        start_line=found.line,
        end_line=end,
        score=float(uses),
    )


def _may_show(index: Index, path: str) -> bool:
    """Asked again at the last moment: a file may have become secret or ignored since it was indexed."""
    try:
        return why_not(index.root, path) is None and (index.root / path).is_file()
    except WorkspaceError:
        return False
