"""The index of a folder as chat asks it: places to look at, and what is missing as notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assist.chat.ports import Found, Place
from retrieval.errors import RetrievalError
from retrieval.question import Question

if TYPE_CHECKING:
    from retrieval.host.client import IndexClient


@dataclass(frozen=True, slots=True)
class IndexFinder:
    client: IndexClient

    async def find(self, query: str, *, limit: int, prefix: str = "") -> Found:
        try:
            answer = await self.client.search(Question(text=query, limit=limit, path_prefix=prefix))
        except RetrievalError as error:
            return Found(notes=(str(error),))
        places = tuple(
            Place(
                path=hit.chunk.path,
                start_line=hit.chunk.start_line,
                end_line=hit.chunk.end_line,
                symbol=hit.chunk.symbol,
                score=hit.score,
                reasons=hit.reasons,
            )
            for hit in answer.hits
            if hit.chunk.source == "workspace"
        )
        return Found(places=places, notes=answer.notes)

    async def defined(self, name: str) -> Found:
        """By the simple name, or by a part of the qualified one: `Cart.total` is `Shop.Cart.total`."""
        try:
            found = await self.client.definitions([name.rpartition(".")[2]])
        except RetrievalError as error:
            return Found(notes=(str(error),))
        return Found(
            places=tuple(
                Place(path=path, start_line=one.line, end_line=one.end_line, symbol=one.qualified)
                for path, one in found
                if f".{one.qualified}".endswith(f".{name}")
            )
        )
