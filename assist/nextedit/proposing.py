"""The pipeline of next edits: what changed last, what follows from it, where, and in whose words."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from assist.complete.latest import LatestOnly, Superseded
from assist.nextedit.cause import Cause, cause_of, edits_in, kind_of, name_of, names_in
from assist.nextedit.foresee import InSecret, Model, foresee, region_at
from assist.nextedit.repeat import Repeat
from assist.nextedit.tokens import line_of
from assist.nextedit.values import Change, Edit, File, Origin
from inference.errors import (
    BackendUnavailable,
    BadOutput,
    BrokenStream,
    BudgetSpent,
    InferenceError,
    Overloaded,
    TimedOut,
)
from inference.prompts.files import BadPrompt

T = TypeVar("T")

_FRESH_SECONDS = 300.0
"""After which a change is not what somebody is at any more."""
_LOOK_SECONDS = 0.6
"""For the index to name files; what it has not found by then is left out."""
_GRACE = 0.25
_MOST = 20
_REMEMBERED = 100


class Sources(Protocol):
    """What the session knows. Nothing that the policy keeps back is in any answer."""

    def changes(self) -> Sequence[Change]:
        """Of open documents, the last one first."""
        ...

    def open_files(self) -> Sequence[File]: ...

    async def elsewhere(self, document: str, names: Sequence[str]) -> Mapping[str, int]:
        """How often each name is defined in other files than that of a document."""
        ...

    async def mentioning(self, name: str) -> Sequence[File]:
        """Files that are not open and have a name in them."""
        ...

    def version(self, document: str) -> int | None:
        """Now; None when it is not open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    document: str
    version: int
    offset: int
    """Of the cursor, in code points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    id: str
    file: File
    edit: Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How an answer came about, or why there is none. Of the user's text, only what `about` says of names."""

    document: str
    version: int
    reason: str = ""
    """A code of `reasons`; empty when there is an answer."""
    cause: str = ""
    """rename, signature or repeat; empty when no rule knows what the change was."""
    origin: Origin | None = None
    """Of the first edit."""
    model: str = ""
    fallback: str = ""
    """Why a rule stands in for the model: a code of `reasons.MODEL`."""
    places: tuple[tuple[str, int], ...] = ()
    """Paths and 0-based lines."""
    late: bool = False
    """Whether the index did not answer in time."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    proposals: tuple[Proposal, ...] = ()
    explanation: Explanation


@dataclass(slots=True, kw_only=True)
class _Following:
    """What is being followed while its edits are taken one by one."""

    cause: Cause
    offered: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Document, and its lines before and after."""
    done: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Document and lines that are as they should be."""


@dataclass(slots=True, kw_only=True)
class _Account:
    began: float
    cause: str = ""
    model: str = ""
    fallback: str = ""
    late: bool = False


class NextEdits:
    """The state of next edits in one session. Owned by the event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """:param clock: that of the documents' trails."""
        self.last: Explanation | None = None
        self.shown = 0
        self.accepted = 0
        self._clock = clock
        self._latest: LatestOnly[Outcome] = LatestOnly()
        self._following: _Following | None = None
        self._known: OrderedDict[str, bool] = OrderedDict()
        """Proposals by id, and whether each was shown."""

    async def propose(self, asked: Asked, sources: Sources, model: Model | None, problem: str = "") -> Outcome:
        """The edits that follow from the last change, the nearest first.

        :param problem: why there is no model although one is set up.
        :raises asyncio.CancelledError: nobody wants it any more; the model was told to stop.
        """
        account = _Account(began=self._clock(), fallback="no_backend" if problem else "")
        try:
            return await self._latest.run(asked.document, self._answer(asked, sources, model, account))
        except Superseded:
            return self._outcome(asked, account, "superseded")
        except asyncio.CancelledError:
            self._outcome(asked, account, "cancelled")
            raise

    def closed(self, document: str) -> None:
        self._latest.cancel(document)

    def was_shown(self, id_: str) -> None:
        if self._known.get(id_) is False:
            self._known[id_] = True
            self.shown += 1

    def was_accepted(self, id_: str) -> bool:
        """Whether it is known."""
        known = self._known.pop(id_, None)
        self.accepted += known is not None
        self.shown += known is False
        return known is not None

    async def _answer(self, asked: Asked, sources: Sources, model: Model | None, account: _Account) -> Outcome:
        changes = [each for each in sources.changes() if self._clock() - each.at <= _FRESH_SECONDS]
        if not changes:
            return self._outcome(asked, account, "no_change")
        following = await self._followed(changes, sources, account)
        files = {file.document: file for file in sources.open_files()}
        edits: list[Edit] = []
        if following is not None:
            account.cause = kind_of(following.cause)
            if name := name_of(following.cause):
                found = await self._in_time(sources.mentioning(name), account)
                files |= {file.document: file for file in found or () if file.document not in files}
            edits = await asyncio.to_thread(_all_edits, following, tuple(files.values()))
        edits = _in_order(edits, asked, list(files))
        if model is not None and asked.document in files:
            written = await self._ask(asked, model, files, changes, following, edits, account)
            edits = _in_order([*written, *(each for each in edits if not _meets(each, written))], asked, list(files))
        if sources.version(asked.document) != asked.version:
            return self._outcome(asked, account, "stale")
        edits = [each for each in edits if files[each.document].version == sources.version(each.document)][:_MOST]
        if following is not None:
            following.offered = [_lines_of(each, files[each.document].text) for each in edits]
        if not edits:
            return self._outcome(
                asked, account, "no_place" if following is not None and following.done else "nothing_follows"
            )
        proposals = tuple(Proposal(id=uuid.uuid4().hex[:16], file=files[each.document], edit=each) for each in edits)
        for proposal in proposals:
            self._known[proposal.id] = False
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return self._outcome(asked, account, "", proposals)

    async def _followed(self, changes: Sequence[Change], sources: Sources, account: _Account) -> _Following | None:
        """What the last change was; when it is one of the edits that were proposed, what that one followed from."""
        newest, following = changes[0], self._following
        if following is not None:
            taken = [
                (document, after)
                for document, before, after in following.offered
                if document == newest.file.document and before in newest.before and after in newest.after
            ]
            if taken:
                following.done.update(taken)
                return following
        names = await asyncio.to_thread(names_in, newest)
        elsewhere = await self._in_time(sources.elsewhere(newest.file.document, names), account) if names else None
        cause = await asyncio.to_thread(cause_of, newest, changes[1:], elsewhere)
        self._following = _Following(cause=cause) if cause is not None else None
        return self._following

    async def _in_time(self, work: Coroutine[Any, Any, T], account: _Account) -> T | None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await work
        except TimeoutError:
            account.late = True
            return None

    async def _ask(
        self,
        asked: Asked,
        model: Model,
        files: Mapping[str, File],
        changes: Sequence[Change],
        following: _Following | None,
        edits: Sequence[Edit],
        account: _Account,
    ) -> Sequence[Edit]:
        """The model's edits around the first place that a rule found, else around the cursor."""
        account.model = model.generator.model
        document, offset = (edits[0].document, edits[0].start) if edits else (asked.document, asked.offset)
        note = f"In {changes[0].file.path}, {following.cause.words}." if following is not None else ""
        try:
            async with asyncio.timeout(model.seconds + _GRACE):
                found = await foresee(model, region_at(files[document], offset), offset, changes, note)
        except InSecret:
            account.fallback = "secret"
        except (BadOutput, BadPrompt):
            account.fallback = "unusable"
        except (InferenceError, TimeoutError) as error:
            account.fallback = _code_of(error)
        else:
            account.fallback = "" if found else "empty"
            return found
        return ()

    def _outcome(self, asked: Asked, account: _Account, reason: str, proposals: tuple[Proposal, ...] = ()) -> Outcome:
        explanation = Explanation(
            document=asked.document,
            version=asked.version,
            reason=reason,
            cause=account.cause,
            origin=proposals[0].edit.origin if proposals else None,
            model=account.model,
            fallback=account.fallback,
            places=tuple((each.file.path, line_of(each.file.text, each.edit.start)) for each in proposals),
            late=account.late,
            seconds=self._clock() - account.began,
        )
        self.last = explanation
        return Outcome(proposals=proposals, explanation=explanation)


def _all_edits(following: _Following, files: Sequence[File]) -> list[Edit]:
    """By rule; what was taken already is left alone. A repeated change stays in the files that are open."""
    found: list[Edit] = []
    for file in files:
        if isinstance(following.cause, Repeat) and file.version is None:
            continue
        for edit in edits_in(following.cause, file):
            _, before, _ = _lines_of(edit, file.text)
            if (file.document, before) not in following.done:
                found.append(edit)
    return found


def _in_order(edits: Sequence[Edit], asked: Asked, documents: Sequence[str]) -> list[Edit]:
    """Below the cursor, then above it, then in other files as they were named."""

    def place(edit: Edit) -> tuple[int, bool, int]:
        here = edit.document == asked.document
        return (-1 if here else documents.index(edit.document), here and edit.end < asked.offset, edit.start)

    return sorted(edits, key=place)


def _meets(edit: Edit, others: Sequence[Edit]) -> bool:
    return any(
        edit.document == other.document and edit.start <= other.end and edit.end >= other.start for other in others
    )


def _lines_of(edit: Edit, text: str) -> tuple[str, str, str]:
    """The document, and the lines that an edit is in before and after it, without their last end."""
    first = text.rfind("\n", 0, edit.start) + 1
    last = text.find("\n", edit.end)
    last = last if last >= 0 else len(text)
    return edit.document, text[first:last], text[first : edit.start] + edit.text + text[edit.end : last]


def _code_of(error: Exception) -> str:
    if isinstance(error, (Overloaded, BudgetSpent)):
        return "busy"
    if isinstance(error, (TimedOut, TimeoutError)):
        return "timeout"
    if isinstance(error, BackendUnavailable) and not isinstance(error, BrokenStream):
        return "no_backend"
    return "error"
