"""Holes in real files, cut where the syntax has a seam: what is taken out is what a completer should write."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from retrieval.chunking.chunker import chunk_file
from retrieval.chunking.grammars import CannotParse, parse
from retrieval.chunking.languages import FUNCTIONS, language_named, language_of
from retrieval.chunking.symbols import symbols_of

if TYPE_CHECKING:
    from retrieval.chunking.grammars import Node

Kind = Literal["line", "block", "call arguments", "cross-file", "humaneval"]
KINDS: tuple[Kind, ...] = ("line", "block", "call arguments", "cross-file")

SEED = 20261120
_ARGUMENTS = frozenset({"argument_list", "arguments"})
_PROSE = frozenset(
    {"comment", "line_comment", "block_comment", "string", "string_literal", "interpreted_string_literal"}
)
_LEAST = 3
"""Characters of a hole that tell one completer from another."""
_MOST_LINES = 12
"""Of a block; nobody expects longer ones to be guessed."""
_MOST_CHARACTERS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalHole:
    id: str
    kind: Kind
    path: str
    language: str
    before: str
    after: str
    wanted: str


def cut(files: Mapping[str, str], most: int) -> list[EvalHole]:
    """At most so many holes of each kind, the same ones each time.

    :param files: text by path, of one repository.
    """
    defined_in = _definitions(files)
    found: defaultdict[Kind, list[EvalHole]] = defaultdict(list)
    for path in sorted(files):
        for hole in holes_in(path, files[path], defined_in):
            found[hole.kind].append(hole)
    chosen: list[EvalHole] = []
    for kind in KINDS:
        candidates = found[kind]
        random.Random(SEED).shuffle(candidates)
        seen: set[tuple[str, str]] = set()
        for hole in candidates:
            if (hole.path, hole.wanted) not in seen and len(seen) < most:
                seen.add((hole.path, hole.wanted))
                chosen.append(hole)
    return chosen


def holes_in(path: str, text: str, defined_in: Mapping[str, frozenset[str]]) -> Iterator[EvalHole]:
    """Every hole that a file has, for lines one in each.

    :param defined_in: paths by the names that are defined in them.
    """
    name = language_of(path, text[:4096].encode())
    language = language_named(name)
    content = text.encode()
    try:
        root = parse(language, content)
    except CannotParse:
        return
    if root.has_error or len(content) != len(text):  # byte offsets are code points
        return

    def hole(kind: Kind, start: int, end: int) -> Iterator[EvalHole]:
        wanted = text[start:end]
        if len(wanted.strip()) >= _LEAST and len(wanted) <= _MOST_CHARACTERS:
            yield EvalHole(
                id=f"{path}:{text.count(chr(10), 0, start) + 1}:{kind}",
                kind=kind,
                path=path,
                language=name,
                before=text[:start],
                after=text[end:],
                wanted=wanted,
            )

    rows: defaultdict[int, list[Node]] = defaultdict(list)
    for leaf in (leaf for leaf in _leaves(root) if text[leaf.start_byte : leaf.end_byte].strip()):
        rows[leaf.start_point[0]].append(leaf)
    order = random.Random(f"{SEED}{path}")
    for row in rows.values():
        first = row[0]
        line_end = text.find("\n", first.start_byte)
        line_end = len(text) if line_end < 0 else line_end
        if first.type in _PROSE:
            continue
        at = order.choice(row).start_byte
        yield from hole("line", at, line_end)
        for leaf in row[1:]:
            word = text[leaf.start_byte : leaf.end_byte]
            places = defined_in.get(word, frozenset())
            if places and path not in places:
                yield from hole("cross-file", leaf.start_byte, line_end)
                break
    for node in _nodes(root):
        if node.type in _ARGUMENTS and node.start_point[0] == node.end_point[0]:
            yield from hole("call arguments", node.start_byte + 1, node.end_byte - 1)
    for symbol in symbols_of(root, content, language):
        if symbol.kind in FUNCTIONS:
            body = _body(text, symbol.start, symbol.end)
            if body is not None and text.count("\n", *body) < _MOST_LINES:
                yield from hole("block", *body)


def read_humaneval(file: Path) -> list[EvalHole]:
    """The holes of HumanEval-Infilling (Bavarian and others, arXiv 2207.14255), from its JSON lines."""
    holes: list[EvalHole] = []
    for line in file.read_text().split("\n"):
        if line.strip():
            row = json.loads(line)
            holes.append(
                EvalHole(
                    id=str(row["task_id"]),
                    kind="humaneval",
                    path="solution.py",
                    language="python",
                    before=str(row["prompt"]),
                    after=str(row["suffix"]),
                    wanted=str(row["canonical_solution"]),
                )
            )
    return holes


def neighbours(files: Mapping[str, str], path: str, most: int = 8) -> Sequence[str]:
    """Texts of files that somebody who edits this one is likely to have open: of its folder, those next to it first."""
    folder = path.rpartition("/")[0]
    here = sorted(other for other in files if other.rpartition("/")[0] == folder)
    at = here.index(path)
    near = sorted((abs(place - at), other) for place, other in enumerate(here) if other != path)
    return [files[other] for _, other in near[:most]]


def _definitions(files: Mapping[str, str]) -> dict[str, frozenset[str]]:
    places: defaultdict[str, set[str]] = defaultdict(set)
    for path, text in files.items():
        for definition in chunk_file(path, text.encode()).definitions:
            if len(definition.name) > _LEAST:
                places[definition.name].add(path)
    return {name: frozenset(paths) for name, paths in places.items()}


def _body(text: str, start: int, end: int) -> tuple[int, int] | None:
    """From the end of the line that opens a function's body to the end of what is in it."""
    at = start
    while (line_end := text.find("\n", at, end)) >= 0:
        line = text[at:line_end].rstrip()
        if line.endswith((":", "{")):
            last = text.rfind("\n", line_end, end) if line.endswith("{") else end
            return (line_end, last) if last > line_end else None
        at = line_end + 1
    return None


def _nodes(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def _leaves(root: Node) -> Iterator[Node]:
    """Tokens in order; a string or a comment is one."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not node.children or node.type in _PROSE:
            yield node
        else:
            waiting.extend(reversed(node.children))
