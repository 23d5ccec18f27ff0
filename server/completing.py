"""Completion of one session: its state, what it may use, and where its events are kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from assist.complete.complete import Completion
from assist.complete.events import Event
from assist.complete.gate import Gate
from assist.complete.history import append_events, read_events
from assist.complete.means import Means, Model
from assist.complete.prompt import Dialect
from assist.complete.values import Hole, Wishes
from inference.errors import InferenceError
from server.completion_sources import SessionSources, copied_from
from server.configuration import state_folder
from server.syntax_judge import SyntaxJudge
from workspace.trust import Trust

if TYPE_CHECKING:
    from server.session import Session
    from server.settings import CompleteSettings

EVENTS = "completions.jsonl"
_WRITE_EACH = 10
"""Events that are written at once, and after which the gate is trained anew."""


class Completing:
    """Owned by the event loop."""

    def __init__(self, session: Session) -> None:
        self.pipeline = Completion(time.monotonic, self._ended)
        self._session = session
        self._file = state_folder(session.configuration.env) / EVENTS
        self._events: list[Event] = []
        self._judge = SyntaxJudge()
        session.spawn(self._train(), "training of the gate")

    def get_ready(self) -> None:
        """Make the model's connection before it is needed."""
        self._judge.start()
        self._model()

    def means(self, hole: Hole, root: Path | None) -> Means:
        """What may be used for a hole.

        :param root: that its path is relative to; None for a document that is not a file.
        """
        session = self._session
        model, problem = self._model()
        sources = None
        if root is not None:
            client = session.known_indexes().get(root)
            sources = SessionSources(session=session, root=root, client=client)

        def version() -> int | None:
            document = session.documents.get(hole.document)
            return document.version if document is not None else None

        return Means(
            model=model,
            problem=problem,
            sources=sources,
            others=lambda: copied_from(session, hole.document),
            is_worse=self._judge.is_worse,
            version=version,
        )

    def focused(self, document: str) -> None:
        """Another document is in front; empty is none of them."""
        for other in self._session.documents:
            if other != document:
                self.pipeline.ledger.gone(other)

    async def close(self) -> None:
        await self.pipeline.close()
        await self._judge.close()
        events, self._events = self._events, []
        if events:
            await asyncio.to_thread(_append, self._file, events)

    def _model(self) -> tuple[Model | None, str]:
        """The model that completes, or why there is none although one is set up. Nothing is sent without trust."""
        settings = self._session.settings
        if settings.trust is not Trust.TRUSTED:
            return None, ""
        try:
            completer = self._session.models.get(settings).completer()
        except InferenceError as error:
            return None, str(error)
        if completer is None:
            return None, ""
        dialect = Dialect(
            family=completer.family,
            count=completer.count,
            context_tokens=completer.context_tokens,
            fills_in=completer.fills_in,
        )
        return Model(generator=completer.generator, dialect=dialect), ""

    def _ended(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) >= _WRITE_EACH:
            events, self._events = self._events, []
            self._session.spawn(self._keep(events), "events of completion")

    async def _keep(self, events: list[Event]) -> None:
        await asyncio.to_thread(_append, self._file, events)
        await self._train()

    async def _train(self) -> None:
        self.pipeline.gate = await asyncio.to_thread(_trained, self._file)


def wishes_of(settings: CompleteSettings) -> Wishes:
    return Wishes(
        seconds=settings.seconds,
        least_wait=settings.least_wait_ms / 1000,
        most_wait=settings.most_wait_ms / 1000,
        multiline=settings.multiline,
        gate=settings.gate,
        candidates=settings.candidates,
    )


def _append(file: Path, events: list[Event]) -> None:
    # A full or read-only disk costs the gate its lessons, and nobody a suggestion.
    with contextlib.suppress(OSError):
        append_events(file, events)


def _trained(file: Path) -> Gate:
    from assist.complete.training import train

    return train(read_events(file))
