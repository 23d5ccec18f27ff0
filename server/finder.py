"""The index of a folder as chat asks it: places to look at, and what is missing as notes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assist.chat.ports import Found, Place
from retrieval.errors import RetrievalError
from retrieval.question import Question

if TYPE_CHECKING:
    from retrieval.chunk import Definition
    from retrieval.host.client import IndexClient

_SETTLE_SECONDS = 3.0
"""For an index that is being made; what it lacks after that is said as a note."""

_NAMES = 4  # of a piece of code that defines several


@dataclass(frozen=True, slots=True)
class IndexFinder:
    client: IndexClient

    async def find(self, query: str, *, limit: int, prefix: str = "") -> Found:
        try:
            await self._caught_up()
            answer = await self.client.search(Question(text=query, limit=limit, path_prefix=prefix))
        except RetrievalError as error:
            return Found(notes=(str(error),))
        places = tuple(
            Place(
                path=hit.chunk.path,
                start_line=hit.chunk.start_line,
                end_line=hit.chunk.end_line,
                symbol=hit.chunk.symbol if len(hit.chunk.names) < 2 else ", ".join(hit.chunk.names[:_NAMES]),
                score=hit.score,
                reasons=hit.reasons,
            )
            for hit in answer.hits
            if hit.chunk.source == "workspace"
        )
        return Found(places=places, notes=answer.notes)

    async def _caught_up(self) -> None:
        """Whoever asks right after a folder was opened waits a little rather than finding nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self.client.settled()

    async def beginning(self, prefix: str) -> Found:
        try:
            await self._caught_up()
            found = await self.client.beginning(prefix)
        except RetrievalError as error:
            return Found(notes=(str(error),))
        return Found(places=tuple(_place(path, one) for path, one in found))

    async def defined(self, name: str) -> Found:
        """By the simple name, or by a part of the qualified one: `Cart.total` is `Shop.Cart.total`."""
        try:
            await self._caught_up()
            found = await self.client.definitions([name.rpartition(".")[2]])
        except RetrievalError as error:
            return Found(notes=(str(error),))
        return Found(places=tuple(_place(path, one) for path, one in found if f".{one.qualified}".endswith(f".{name}")))


def _place(path: str, definition: Definition) -> Place:
    return Place(path=path, start_line=definition.line, end_line=definition.end_line, symbol=definition.qualified)
