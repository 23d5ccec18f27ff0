"""What other code a model should see, within a time budget: what does not come in time is left out, not awaited.

What was found for one request serves those that follow near the same place, and is looked for again meanwhile. So a
request waits for a search only where nothing is known yet, and the beginning of the prompt changes seldom.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assist.complete.values import Hole, Snippet
from workspace.secrets import redact

_AT_MOST = 0.004
"""Seconds that a request waits for context when none is known: the goal is 5 ms to the model's first byte, and a search
in 50,000 chunks takes 12 (benchmarks/reports/retrieval.md)."""
_SEARCH_SECONDS = 2.0
"""For a look that nobody waits for."""
_NEAR = 20
"""Lines within which a place counts as the same."""
_FRESH = 10.0
"""Seconds after which what is known is looked for again, also at the same place."""
_DOCUMENTS = 50
"""Whose context is kept."""
_QUERY_LINES = 8
_QUERY_CHARACTERS = 400
_MOST_NAMES = 12
_MOST_SNIPPETS = 12
_IMPORT = re.compile(
    r"^\s*(?:from\s+\S+\s+import\s+(.+)|import\s+(.+?)(?:\s+from\s+\S+)?|use\s+(.+?);|"
    r"(?:const|let|var)\s+(.+?)\s*=\s*require\b.*|using\s+(.+?);)\s*$",
    re.MULTILINE,
)
_IMPORT_LINES = 200
_NAME = re.compile(r"[^\W\d]\w{2,}")
_NOT_NAMES = frozenset({"import", "from", "as", "type", "static", "default", "pub", "crate", "self", "super", "mod"})


class Sources(Protocol):
    """Where snippets come from. Only what may be read and sent: the policy was asked for each path.

    Implementation: `server.completion_sources.SessionSources`.
    """

    def at_hand(self, hole: Hole) -> Sequence[Snippet]:
        """Recent edits and diagnostics: what is known without looking, under 1 ms."""
        ...

    async def definitions(self, hole: Hole, names: Sequence[str]) -> Sequence[Snippet]:
        """Where imported names are defined; empty when that cannot be told."""
        ...

    async def related(self, hole: Hole, query: str) -> Sequence[Snippet]:
        """What a search finds; empty when there is no index."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    snippets: tuple[Snippet, ...] = ()
    """The most relevant first."""
    late: tuple[str, ...] = ()
    """Sources that did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    line: int
    at: float
    snippets: tuple[Snippet, ...]


class ContextKeeper:
    """What was found for each document, and the looks that go on. Owned by the event loop."""

    def __init__(self, clock: Callable[[], float], *, seconds: float = _AT_MOST) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def gather(self, sources: Sources, hole: Hole) -> Found:
        """The snippets for a place, the most relevant first."""
        line = hole.text.count("\n", 0, hole.offset)
        kept = self._kept.get(hole.document)
        is_near = kept is not None and abs(kept.line - line) <= _NEAR
        if kept is None or not is_near or self._clock() - kept.at > _FRESH:
            task = self._look(sources, hole, line)
            if kept is None:
                await asyncio.wait({task}, timeout=self._seconds)
                kept = self._kept.get(hole.document)
        at_hand = tuple(sources.at_hand(hole))
        late = ("search",) if kept is None else ()
        return Found(snippets=_ranked((*at_hand, *(kept.snippets if kept is not None else ()))), late=late)

    def forget(self, document: str) -> None:
        """A document was closed."""
        self._kept.pop(document, None)
        if (task := self._looking.pop(document, None)) is not None:
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _look(self, sources: Sources, hole: Hole, line: int) -> asyncio.Task[None]:
        """One look for each document at a time."""
        if (running := self._looking.get(hole.document)) is not None:
            return running
        task = asyncio.create_task(self._keep(sources, hole, line), name="completion context")
        self._looking[hole.document] = task
        task.add_done_callback(lambda done: self._looked(hole.document, done))
        return task

    async def _keep(self, sources: Sources, hole: Hole, line: int) -> None:
        works: list[Coroutine[Any, Any, Sequence[Snippet]]] = [_in_time(sources.related(hole, query_of(hole)))]
        if names := imported_names(hole):
            works.append(_in_time(sources.definitions(hole, names)))
        found = [snippet for snippets in await asyncio.gather(*works) for snippet in snippets]
        self._kept[hole.document] = _Kept(line=line, at=self._clock(), snippets=tuple(found[:_MOST_SNIPPETS]))
        self._kept.move_to_end(hole.document)
        while len(self._kept) > _DOCUMENTS:
            self._kept.popitem(last=False)

    def _looked(self, document: str, task: asyncio.Task[None]) -> None:
        if self._looking.get(document) is task:
            del self._looking[document]
        if not task.cancelled():
            task.exception()


async def _in_time(work: Awaitable[Sequence[Snippet]]) -> Sequence[Snippet]:
    try:
        async with asyncio.timeout(_SEARCH_SECONDS):
            return await work
    except TimeoutError:
        return ()


def query_of(hole: Hole) -> str:
    """What to search for: the last lines before the cursor, without secrets."""
    lines = hole.before[-4 * _QUERY_CHARACTERS :].split("\n")[-_QUERY_LINES:]
    return redact("\n".join(lines))[-_QUERY_CHARACTERS:].strip()


def imported_names(hole: Hole) -> list[str]:
    """Names that the document imports, those first that stand near the cursor, the nearest of these first."""
    head = "\n".join(hole.text[: 80 * _IMPORT_LINES].split("\n")[:_IMPORT_LINES])
    imported: dict[str, None] = {}
    for match in _IMPORT.finditer(head):
        for name in _NAME.findall(next(group for group in match.groups() if group)):
            if name not in _NOT_NAMES:
                imported[name] = None
    near = _NAME.findall(hole.text[max(0, hole.offset - 1_500) : hole.offset])
    used = [name for name in dict.fromkeys(reversed(near)) if name in imported]
    return list(dict.fromkeys((*used, *imported)))[:_MOST_NAMES]


_ORDER = {"definition": 0, "edit": 1, "hit": 2, "diagnostic": 3}


def _ranked(snippets: Sequence[Snippet]) -> tuple[Snippet, ...]:
    """What is known to matter before what was found; each place once."""
    seen: dict[tuple[str, int, int], Snippet] = {}
    for snippet in sorted(snippets, key=lambda each: (_ORDER.get(each.kind, 9), -each.score)):
        seen.setdefault((snippet.path, snippet.start_line, snippet.end_line), snippet)
    return tuple(seen.values())
