"""From a hole to what is shown in it: the pipeline of completion, for one session.

Cache, latest wins, debounce, context, prompt, stream, end of the scope, filters, gate. Each step is a module of its own
and knows nothing of the others; this one only puts them in order and keeps the account.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from assist.complete.account import Account
from assist.complete.context import ContextKeeper
from assist.complete.debounce import Pace, answered, typed, wait
from assist.complete.events import Event, Ledger, Offer
from assist.complete.filters import QUICK, passed
from assist.complete.filters.syntax import question
from assist.complete.gate import RECENT, Gate, features, likelihood
from assist.complete.latest import LatestOnly, Superseded
from assist.complete.means import Means, Model
from assist.complete.prompt import MAX_TOKENS, InSecret, Prompt, prompt_for
from assist.complete.reasons import FILTERED, Code
from assist.complete.scope import end_of_scope, scope_at
from assist.complete.shape import shape_of
from assist.complete.trigger import is_wanted
from assist.complete.values import Candidate, Explanation, Hole, Item, Origin, Outcome, Shape, Wishes
from inference.cache.completions import CompletionCache, Context
from inference.errors import BackendUnavailable, BrokenStream, BudgetSpent, InferenceError, Overloaded, TimedOut
from inference.fim.clean import OutputFilter
from inference.ports import CompletionRequest, Finished, Generator

if TYPE_CHECKING:
    from inference.copying import CopyCompleter

_VARIETY = 0.7
"""The temperature of the second and third candidate: enough for them to differ, not enough to ramble."""
_MOST_CHARACTERS = 4_000
"""Of an answer, whatever the model was told."""
_COPY_CHARACTERS = 200_000
_COPY_STEP = 50_000
"""Characters before the cursor that are looked through for a copy, and by which that window moves: while it stands
still, only what is new in it is read."""
_COPY_AFTER = 4_000
_COPY_INDEXED = 2_000_000
"""Characters of other files whose index is kept, some 25 MB of memory."""
_DOCUMENTS = 50
"""Whose last prompt's files are remembered."""
_GRACE = 0.25
"""Seconds beyond its deadline after which a backend is not waited for any more."""


class Completion:
    """The state of completion in one session. Owned by the event loop."""

    def __init__(self, clock: Callable[[], float], on_event: Callable[[Event], None] | None = None) -> None:
        """:param clock: seconds that only grow."""
        self.last: Explanation | None = None
        """Of the last request that somebody still waited for."""
        self.gate = Gate()
        self.pace = Pace()
        self.ledger = Ledger(clock, self._ended)
        self._clock = clock
        self._on_event = on_event
        self._cache = CompletionCache(clock=clock)
        self._context = ContextKeeper(clock)
        self._shown: dict[str, tuple[str, ...]] = {}
        self._latest: LatestOnly[Outcome] = LatestOnly()
        self._copier: CopyCompleter | None = None
        self._items: dict[str, tuple[Item, ...]] = {}
        """By document: what was suggested last."""
        self._recent: deque[bool] = deque(maxlen=RECENT)

    def typed(self) -> None:
        """A document was changed."""
        self.pace = typed(self.pace, self._clock())

    def closed(self, document: str) -> None:
        self.ledger.gone(document)
        self._items.pop(document, None)
        self._context.forget(document)
        self._latest.cancel(document)

    async def close(self) -> None:
        await self._context.close()

    async def complete(self, hole: Hole, means: Means, wishes: Wishes) -> Outcome:
        """What to show at the cursor; nothing, with the reason, when there is nothing.

        :raises asyncio.CancelledError: nobody wants it any more; the model was told to stop.
        """
        account = Account(began=self._clock())
        if not is_wanted(hole.before, hole.after, invoked=hole.invoked):
            self._latest.cancel(hole.document)
            return self._outcome(hole, account, "place")
        context = _context(hole, means, wishes)
        if not hole.invoked and (hit := self._cache.look(context)) is not None:
            self._latest.cancel(hole.document)
            account.cache_hit = True
            account.model = means.model.generator.model if means.model is not None else ""
            if not hit.text.strip():
                return self._outcome(hole, account, "empty")
            return self._outcome(hole, account, "", (self._along(hole.document, hit.text, means),))
        try:
            return await self._latest.run(hole.document, self._answer(hole, means, wishes, context, account))
        except Superseded:
            return self._outcome(hole, account, "debounced" if account.waiting else "superseded")
        except asyncio.CancelledError:
            self._outcome(hole, account, "cancelled")
            raise

    async def _answer(self, hole: Hole, means: Means, wishes: Wishes, context: Context, account: Account) -> Outcome:
        before, after = hole.before, hole.after
        account.shape = shape_of(before, after, hole.language, wishes.multiline)
        origin: Origin = "model"
        texts: list[str] = []
        reason: Code | str = ""
        if means.model is not None:
            await self._wait(hole, wishes, account)
            try:
                texts = await self._ask(hole, means, means.model, wishes, account)
                reason = "" if texts else "empty"
            except InSecret:
                return self._outcome(hole, account, "policy")
            except (InferenceError, TimeoutError, ValueError) as error:
                reason = _code_of(error)
                account.detail = str(error) if isinstance(error, InferenceError) else ""
        elif means.problem:
            reason, account.detail = "no_backend", means.problem
        if means.model is None or (reason and reason != "empty"):
            account.fallback = reason if means.model is not None or means.problem else ""
            if copied := self._copied(before, after, means):
                texts, reason, origin = [copied], "", "copied"
            elif not reason:
                reason = "no_match"
        if reason:
            if reason == "empty":
                self._cache.keep(context, "")
            return self._outcome(hole, account, reason)
        items = await self._fit(hole, texts, origin, means, account)
        if not items:
            return self._outcome(hole, account, FILTERED + account.dropped[0])
        if not account.fallback:
            self._cache.keep(context, items[0].text)
        if means.version() != hole.version:
            return self._outcome(hole, account, "stale")
        return self._judged(hole, items, wishes, account)

    async def _wait(self, hole: Hole, wishes: Wishes, account: Account) -> None:
        """Until the typing rests; somebody who asked by a key is not kept waiting."""
        if hole.invoked:
            return
        seconds = wait(self.pace, least=wishes.least_wait, most=wishes.most_wait)
        account.waiting = True
        await asyncio.sleep(seconds)
        account.waiting = False
        account.waited = self._clock() - account.began

    async def _ask(self, hole: Hole, means: Means, model: Model, wishes: Wishes, account: Account) -> list[str]:
        """The model's answers, cut at the end of the scope; without those that are blank or the same.

        :raises InSecret: the cursor stands in a secret.
        :raises InferenceError: there is none.
        """
        account.model = model.generator.model
        family = model.dialect.family
        account.family = family.name if family is not None else ""
        if means.sources is not None and family is not None and family.repository is not None:
            looked = self._clock()
            account.found = await self._context.gather(means.sources, hole)
            account.context_seconds = self._clock() - looked
        last = self._shown.pop(hole.document, ())
        account.prompt = prompt = prompt_for(hole, model.dialect, account.shape, account.found.snippets, last)
        self._shown[hole.document] = prompt.paths
        if len(self._shown) > _DOCUMENTS:
            del self._shown[next(iter(self._shown))]
        count = wishes.candidates if hole.invoked else 1
        asked = self._clock()
        # The others are welcome, and missed by nobody.
        async with asyncio.timeout(wishes.seconds + _GRACE):
            first, *more = await asyncio.gather(
                *(
                    self._stream(
                        model.generator, hole, prompt, wishes, account, temperature=_VARIETY if number else 0.0
                    )
                    for number in range(count)
                ),
                return_exceptions=True,
            )
        self.pace = answered(self.pace, self._clock() - asked)
        texts = [text for text in (first, *more) if isinstance(text, str)]
        if not texts and isinstance(first, BaseException):
            raise first
        return list({text.strip(): text for text in reversed(texts) if text.strip()}.values())[::-1]

    async def _stream(
        self,
        generator: Generator,
        hole: Hole,
        prompt: Prompt,
        wishes: Wishes,
        account: Account,
        *,
        temperature: float,
    ) -> str:
        scope = scope_at(hole.before, hole.after, hole.language, account.shape, tab_size=hole.tab_size)
        request = CompletionRequest(
            prompt=prompt.text,
            suffix=prompt.suffix,
            max_tokens=MAX_TOKENS[account.shape],
            temperature=temperature,
            seconds=wishes.seconds,
            stop=prompt.stops,
        )

        def finished(how: Finished) -> None:
            account.backend = account.backend or how.backend

        until = OutputFilter(prompt.stops)
        text = ""
        async with aclosing(generator.complete(request, on_finish=finished)) as pieces:
            async for piece in pieces:
                if account.first is None:
                    account.first = self._clock() - account.began
                text += until.feed(piece)
                if (end := end_of_scope(text, scope)) is not None:
                    return text[:end]
                if until.ended_by is not None or len(text) > _MOST_CHARACTERS:
                    break
        text += until.finish()
        return text[: end_of_scope(text, scope, is_whole=True)]

    def _copied(self, before: str, after: str, means: Means) -> str | None:
        if self._copier is None:
            from inference.copying import CopyCompleter

            self._copier = CopyCompleter(characters=_COPY_INDEXED)
        start = max(0, len(before) - _COPY_CHARACTERS)
        found = self._copier.complete(
            before[-(-start // _COPY_STEP) * _COPY_STEP :], means.others(), after=after[:_COPY_AFTER]
        )
        return found.text

    async def _fit(
        self, hole: Hole, texts: Sequence[str], origin: Origin, means: Means, account: Account
    ) -> tuple[Item, ...]:
        """What the filters let through, each once."""
        shown: dict[str, Item] = {}
        for text in texts:
            result = passed(_candidate(hole, text, account.shape), QUICK)
            if result.by:
                account.dropped.append(result.by)
            elif await _is_worse(_candidate(hole, result.text, account.shape), means):
                account.dropped.append("syntax")
            elif result.text not in shown:
                shown[result.text] = Item(id=uuid.uuid4().hex[:16], text=result.text, origin=origin)
        return tuple(shown.values())

    def _judged(self, hole: Hole, items: tuple[Item, ...], wishes: Wishes, account: Account) -> Outcome:
        """Show it, or do not, and begin to wait for what becomes of it."""
        candidate = _candidate(hole, items[0].text, account.shape)
        share = sum(self._recent) / len(self._recent) if self._recent else 0.0
        since = self._clock() - self.pace.last if self.pace.last is not None else 0.0
        values = features(candidate, items[0].origin, taken_share=share, since_key=since)
        account.gate = likelihood(self.gate, values) if wishes.gate == "auto" else None
        if account.gate is not None and account.gate < self.gate.line and not hole.invoked:
            return self._outcome(hole, account, "suppressed")
        for item in items:
            self.ledger.offered(
                Offer(
                    id=item.id,
                    document=hole.document if item is items[0] else f"{hole.document}\0{item.id}",
                    model=account.model if item.origin == "model" else "",
                    language=hole.language,
                    features=values,
                    length=len(item.text),
                )
            )
        return self._outcome(hole, account, "", items)

    def _along(self, document: str, text: str, means: Means) -> Item:
        """The item of a cached answer: the one on the screen, where this is what is left of it."""
        for item in self._items.get(document, ()):
            if item.text.endswith(text):
                self.ledger.typed(item.id, len(text))
                return Item(id=item.id, text=text, origin=item.origin)
        return Item(id=uuid.uuid4().hex[:16], text=text, origin="model" if means.model is not None else "copied")

    def _outcome(self, hole: Hole, account: Account, reason: str, items: tuple[Item, ...] = ()) -> Outcome:
        now = self._clock()
        if items:
            self._items[hole.document] = items
        elif reason not in ("debounced", "superseded", "cancelled"):
            self.ledger.gone(hole.document)
        explanation = account.explanation(hole, reason, items, now)
        self.last = explanation
        return Outcome(items=items, explanation=explanation)

    def _ended(self, event: Event) -> None:
        self._recent.append(event.ending != "rejected")
        if self._on_event is not None:
            self._on_event(event)


async def _is_worse(candidate: Candidate, means: Means) -> bool:
    asked = question(candidate) if means.is_worse is not None else None
    return asked is not None and means.is_worse is not None and await means.is_worse(asked)


def _candidate(hole: Hole, text: str, shape: Shape) -> Candidate:
    return Candidate(
        text=text,
        before=hole.before,
        after=hole.after,
        language=hole.language,
        shape=shape,
        insert_spaces=hole.insert_spaces,
        tab_size=hole.tab_size,
    )


def _context(hole: Hole, means: Means, wishes: Wishes) -> Context:
    model = means.model.generator.model if means.model is not None else "copied"
    version = f"{model}\0{wishes.multiline}"
    return Context(document=hole.document, prefix=hole.before, suffix=hole.after, version=version)


def _code_of(error: Exception) -> Code:
    if isinstance(error, (Overloaded, BudgetSpent)):
        return "busy"
    if isinstance(error, (TimedOut, TimeoutError)):
        return "timeout"
    if isinstance(error, BackendUnavailable) and not isinstance(error, BrokenStream):
        return "no_backend"
    return "error"
