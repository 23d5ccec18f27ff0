"""What became of suggestions: shown, taken, taken in part, passed over. Numbers only, never what was written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

SHOWN_SECONDS = 0.75
"""On the screen before a suggestion counts as shown: Cody's `COMPLETION_VISIBLE_DELAY_MS`. What flashes by while
somebody types on was not judged by anybody."""
_REMEMBERED = 200
"""Suggestions whose end is awaited."""

Ending = Literal["accepted", "partial", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A suggestion that went to the editor."""

    id: str
    document: str
    model: str
    """Empty for a copy."""
    language: str
    features: tuple[float, ...]
    """As in `gate`."""
    length: int
    """Code points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    ending: Ending
    model: str
    language: str
    length: int
    taken: int
    """Code points that were taken."""
    seconds: float
    """On the screen."""
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    offer: Offer
    since: float
    taken: int = 0


class Ledger:
    """Suggestions on their way to an end. Owned by the event loop; each ending is given to `on_event` once."""

    def __init__(self, clock: Callable[[], float], on_event: Callable[[Event], None]) -> None:
        self._clock = clock
        self._on_event = on_event
        self._shown: OrderedDict[str, _Shown] = OrderedDict()

    def offered(self, offer: Offer) -> None:
        """It is on the screen from now on, as far as one can tell, and whatever was there in this document is not."""
        if offer.id in self._shown:
            return  # what is left of it after its beginning was typed
        self.gone(offer.document)
        self._shown[offer.id] = _Shown(offer=offer, since=self._clock())
        while len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)

    def shown(self, id_: str) -> None:
        """The editor says that it is on the screen since now."""
        if (known := self._shown.get(id_)) is not None:
            self._shown[id_] = replace(known, since=self._clock())

    def partially_accepted(self, id_: str, length: int) -> None:
        """:param length: code points that were taken so far, from its beginning."""
        if (known := self._shown.get(id_)) is not None:
            self._shown[id_] = replace(known, taken=max(known.taken, min(length, known.offer.length)))

    def typed(self, id_: str, left: int) -> None:
        """Its beginning was typed by hand. From the half on that is no chance, and counts as taken.

        :param left: code points of it that were not typed.
        """
        if (known := self._shown.get(id_)) is not None and 2 * left <= known.offer.length:
            self.partially_accepted(id_, known.offer.length - left)

    def accepted(self, id_: str) -> bool:
        """Whether it was known, and so counts."""
        if (known := self._shown.pop(id_, None)) is None:
            return False
        self._end(known, "accepted", known.offer.length)
        return True

    def gone(self, document: str) -> None:
        """Nothing of the document's suggestions is on the screen any more."""
        for id_ in [id_ for id_, known in self._shown.items() if known.offer.document == document]:
            known = self._shown.pop(id_)
            if known.taken:
                self._end(known, "partial", known.taken)
            elif self._clock() - known.since >= SHOWN_SECONDS:
                self._end(known, "rejected", 0)

    def _end(self, known: _Shown, ending: Ending, taken: int) -> None:
        offer = known.offer
        self._on_event(
            Event(
                ending=ending,
                model=offer.model,
                language=offer.language,
                length=offer.length,
                taken=taken,
                seconds=round(self._clock() - known.since, 3),
                features=offer.features,
            )
        )
