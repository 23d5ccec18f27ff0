"""What the session knows that may help to complete a document: recent edits, diagnostics, the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assist.complete.values import Hole, Snippet
from retrieval.errors import RetrievalError
from retrieval.question import Question
from server.errors import NotInWorkspace
from server.session import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retrieval.host.client import IndexClient
    from server.session import Session

_AROUND = 12
"""Lines above and below a recent edit."""
_MOST_EDITS = 4
_MOST_HITS = 6
_MOST_PROBLEMS = 5
_MOST_OTHERS = 10
_OTHER_CHARACTERS = 200_000
_ALL_CHARACTERS = 500_000
"""Of open documents that may be copied from: indexing them takes 80 ns for each, when they are new."""
PROBLEMS = "problems.txt"
"""The name under which a model sees diagnostics, among the other files."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionSources:
    """A `Sources` of `assist.complete.context`."""

    session: Session
    root: Path
    client: IndexClient | None
    """None where there is no index."""

    def at_hand(self, hole: Hole) -> Sequence[Snippet]:
        return [*self._edits(hole), *self._problems()]

    async def definitions(self, hole: Hole, names: Sequence[str]) -> Sequence[Snippet]:
        if self.client is None:
            return ()
        try:
            found = await self.client.definitions(names)
        except RetrievalError:
            return ()
        return [
            Snippet(
                kind="definition",
                source=f"imports {definition.name}",
                path=path,
                text=definition.signature,
                start_line=definition.line,
                end_line=definition.end_line,
                score=1.0 - place / 100,
            )
            for place, (path, definition) in enumerate(found)
            if path != hole.path and definition.signature
        ][: 2 * _MOST_HITS]

    async def related(self, hole: Hole, query: str) -> Sequence[Snippet]:
        if self.client is None or not query:
            return ()
        try:
            answer = await self.client.search(Question(text=query, limit=_MOST_HITS))
        except RetrievalError:
            return ()
        return [
            Snippet(
                kind="hit",
                source="search",
                path=hit.chunk.path,
                text=hit.chunk.text,
                start_line=hit.chunk.start_line,
                end_line=hit.chunk.end_line,
                score=hit.score,
            )
            for hit in answer.hits
            if hit.chunk.path != hole.path
        ]

    def _edits(self, hole: Hole) -> Iterator[Snippet]:
        found = 0
        for place, (key, line) in enumerate(self.session.recent.newest()):
            document = self.session.documents.get(key)
            if document is None or not document.in_sync or key == hole.document:
                continue
            path = readable_path(self.session, self.root, document.uri)
            if path is None:
                continue
            first = max(0, line - _AROUND)
            text = document.excerpt(first, line + _AROUND + 1)
            if text.strip():
                yield Snippet(
                    kind="edit",
                    source="edited lately",
                    path=path,
                    text=text,
                    start_line=first,
                    end_line=line + _AROUND + 1,
                    score=1.0 / (1 + place),
                )
                found += 1
            if found == _MOST_EDITS:
                return

    def _problems(self) -> Iterator[Snippet]:
        lines: list[str] = []
        for uri, problems in self.session.results.shown.items():
            path = readable_path(self.session, self.root, uri)
            if path is not None:
                lines += [f"{path}:{problem.line + 1}: {problem.message}" for problem in problems.values()]
        if lines:
            text = "\n".join(line.partition("\n")[0][:200] for line in lines[:_MOST_PROBLEMS])
            yield Snippet(kind="diagnostic", source="failing tests", path=PROBLEMS, text=text)


def readable_path(session: Session, root: Path, uri: str) -> str | None:
    """A document's path below a root, if it may be shown to a model."""
    try:
        place = session.place_of(uri)
        path = (place.root / place.path).relative_to(root).as_posix()
    except (NotInWorkspace, ValueError):
        return None
    return path if session.allowed.may_read(root, path) else None


def copied_from(session: Session, key: str) -> Sequence[str]:
    """The texts of other open documents, those that were changed last first; nothing that may not be shown."""
    order = [other for other, _ in session.recent.newest()]
    order += [other for other in session.documents if other not in order]
    texts: list[str] = []
    room = _ALL_CHARACTERS
    for other in order:
        document = session.documents.get(other)
        if other == key_of(key) or document is None or not document.in_sync:
            continue
        if document.uri.startswith("file:"):
            try:
                place = session.place_of(document.uri)
            except NotInWorkspace:
                continue
            if not session.allowed.may_read(place.root, place.path):
                continue
        text = document.snapshot().text
        if 0 < len(text) <= min(room, _OTHER_CHARACTERS):
            texts.append(text)
            room -= len(text)
        if len(texts) == _MOST_OTHERS:
            break
    return texts
