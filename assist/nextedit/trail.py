"""What was changed in a document lately: keystrokes that belong together as one change of some lines."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

_PAUSE = 20.0
"""Seconds without a keystroke after which another change begins, wherever it is: longer than anybody thinks in the
middle of a name, shorter than the way from one thing to the next."""
_MOST_LINES = 40
"""Of one change. Nothing follows by a rule from more, and a model is shown no more."""
_MOST_CHARACTERS = 10_000
_KEPT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Lines that were changed together."""

    at: float
    """When the last keystroke came, in seconds of the trail's clock."""
    first: int
    """0-based line where it stands now."""
    before: tuple[str, ...]
    """The lines as they were, with their ends."""
    after: tuple[str, ...]


@dataclass(slots=True)
class Trail:
    """Owned by one document. A keystroke costs the lines that it changes."""

    clock: Callable[[], float] = time.monotonic
    _bursts: deque[Burst] = field(default_factory=lambda: deque[Burst](maxlen=_KEPT))

    def newest(self) -> tuple[Burst, ...]:
        """Changes that changed something, the last one first."""
        return tuple(burst for burst in reversed(self._bursts) if burst.before != burst.after)

    def replaced(self, first: int, old: Sequence[str], new: Sequence[str]) -> None:
        """Whole lines were replaced by others.

        :param first: 0-based line of the first of them.
        """
        now, by = self.clock(), len(new) - len(old)
        last = self._bursts.pop() if self._bursts else None
        moved = [_moved(burst, first, len(old), by) for burst in self._bursts]
        joined = _joined(last, first, old, new, now) if last is not None else None
        if joined is None and last is not None:
            moved.append(_moved(last, first, len(old), by))
        self._bursts.clear()
        self._bursts.extend(burst for burst in moved if burst is not None)
        self._add(joined or Burst(at=now, first=first, before=tuple(old), after=tuple(new)))

    def rewritten(self, old: Sequence[str], new: Sequence[str]) -> None:
        """The whole text was sent: what differs is what was changed."""
        most = min(len(old), len(new))
        front = next((at for at in range(most) if old[at] != new[at]), most)
        back = next((at for at in range(most - front) if old[-1 - at] != new[-1 - at]), most - front)
        if front < max(len(old), len(new)):
            self.replaced(front, old[front : len(old) - back], new[front : len(new) - back])

    def _add(self, burst: Burst) -> None:
        lines = max(len(burst.before), len(burst.after))
        if lines <= _MOST_LINES and sum(map(len, (*burst.before, *burst.after))) <= _MOST_CHARACTERS:
            self._bursts.append(burst)


def _moved(burst: Burst, first: int, old: int, by: int) -> Burst | None:
    """A change below others moves along; one that was written over is forgotten."""
    if first >= burst.first + len(burst.after):
        return burst
    return replace(burst, first=burst.first + by) if first + old <= burst.first else None


def _joined(last: Burst, first: int, old: Sequence[str], new: Sequence[str], now: float) -> Burst | None:
    """Both as one change, where the new one touches the last one's lines or the next to them, and soon enough."""
    end, last_end = first + len(old), last.first + len(last.after)
    if now - last.at > _PAUSE or first > last_end or end < last.first:
        return None
    above = tuple(old[: max(0, last.first - first)])
    below = tuple(old[max(0, last_end - first) :])
    start = min(first, last.first)
    after = [*above, *last.after, *below]
    after[first - start : end - start] = new
    return Burst(at=now, first=start, before=(*above, *last.before, *below), after=tuple(after))
