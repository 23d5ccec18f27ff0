"""Next edits of one session: their state, and what the session knows that they follow from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assist.nextedit.foresee import Model
from assist.nextedit.proposing import NextEdits
from assist.nextedit.values import Change, File
from inference.errors import InferenceError
from retrieval.chunking.languages import language_of
from retrieval.errors import RetrievalError
from retrieval.question import Question
from server.completion_sources import readable_path
from server.session import key_of
from workspace.trust import Trust

if TYPE_CHECKING:
    from retrieval.host.client import IndexClient
    from server.documents import Document
    from server.session import Session

_MOST_OPEN = 20
_MOST_FOUND = 20
"""Files that are not open."""
_MOST_HITS = 60
_MOST_CHARACTERS = 256 << 10
"""Of one file."""


class NextEditing:
    """Owned by the event loop."""

    def __init__(self, session: Session) -> None:
        self.pipeline = NextEdits(time.monotonic)
        self._session = session

    def model(self) -> tuple[Model | None, str]:
        """The model that writes, or why there is none although one is set up. Nothing is sent without trust."""
        settings = self._session.settings
        if settings.trust is not Trust.TRUSTED:
            return None, ""
        try:
            models = self._session.models.get(settings)
            generator = models.chat()
        except InferenceError as error:
            return None, str(error)
        if generator is None:
            return None, ""
        return Model(generator=generator, seconds=settings.complete.seconds, prompts=models.prompts), ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionChanges:
    """A `Sources` of `assist.nextedit.proposing`: everything in it may be shown to a model."""

    session: Session
    root: Path | None
    """Of the document that is asked about; None when it is no file, and then it stands alone."""
    document: str
    client: IndexClient | None
    """None where there is no index."""

    def changes(self) -> Sequence[Change]:
        found = [
            Change(
                file=file,
                first=burst.first,
                before="".join(burst.before),
                after="".join(burst.after),
                at=burst.at,
            )
            for document in self._documents()
            if (bursts := document.trail.newest()) and (file := self._file(document)) is not None
            for burst in bursts
        ]
        return sorted(found, key=lambda change: -change.at)

    def open_files(self) -> Sequence[File]:
        order = [self.document, *(key for key, _ in self.session.recent.newest())]
        order += [key for key in self.session.documents if key not in order]
        documents = [self.session.documents[key] for key in dict.fromkeys(order) if key in self.session.documents]
        files = (self._file(document) for document in documents[:_MOST_OPEN])
        return [file for file in files if file is not None]

    async def elsewhere(self, document: str, names: Sequence[str]) -> Mapping[str, int]:
        if self.client is None or self.root is None:
            return {}
        known = self.session.documents.get(document)
        own = readable_path(self.session, self.root, known.uri) if known is not None else None
        try:
            found = await self.client.definitions(names)
        except RetrievalError:
            return {}
        counts: dict[str, int] = {}
        for path, definition in found:
            if path != own:
                counts[definition.name] = counts.get(definition.name, 0) + 1
        return counts

    async def mentioning(self, name: str) -> Sequence[File]:
        if self.client is None or self.root is None:
            return ()
        try:
            answer = await self.client.search(Question(text=name, limit=_MOST_HITS))
        except RetrievalError:
            return ()
        root = self.root
        paths = dict.fromkeys(hit.chunk.path for hit in answer.hits if hit.chunk.source == "workspace")
        allowed = [path for path in paths if self.session.allowed.may_read(root, path)]
        texts = await asyncio.to_thread(_read, root, allowed, name)
        files = [
            File(
                document=key_of(self.session.uri_in(root, path)),
                path=path,
                language=language_of(path, text[:4096].encode("utf-8", "replace")),
                text=text,
            )
            for path, text in texts
        ]
        return [file for file in files if file.document not in self.session.documents]

    def version(self, document: str) -> int | None:
        known = self.session.documents.get(document)
        return known.version if known is not None and known.in_sync else None

    def _documents(self) -> Sequence[Document]:
        if self.root is None:
            known = self.session.documents.get(self.document)
            return [known] if known is not None else []
        return list(self.session.documents.values())

    def _file(self, document: Document) -> File | None:
        """None for what may not be shown, and for what is not of this workspace."""
        if not document.in_sync:
            return None
        if self.root is None:
            if key_of(document.uri) != self.document:
                return None
            path = self.document.rpartition("/")[2].rpartition(":")[2][:100]
        else:
            found = readable_path(self.session, self.root, document.uri)
            if found is None:
                return None
            path = found
        snapshot = document.snapshot()
        if len(snapshot.text) > _MOST_CHARACTERS:
            return None
        language = language_of(path, snapshot.text[:4096].encode("utf-8", "replace"))
        return File(
            document=key_of(document.uri),
            path=path,
            language=language if language != "text" else snapshot.language_id,
            text=snapshot.text,
            version=document.version,
        )


def _read(root: Path, paths: Sequence[str], name: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in paths:
        try:
            content = (root / path).read_bytes()
            text = content.decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if name in text and len(text) <= _MOST_CHARACTERS:
            found.append((path, text))
        if len(found) == _MOST_FOUND:
            break
    return found
