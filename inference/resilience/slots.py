"""A bounded queue for a bounded number of places: who is typing before whoever is not, and a clear "busy"."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from inference.errors import Overloaded
from inference.ports import Priority
from inference.resilience.events import OnEvent, Queued, unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    running: int = 16
    """Requests at once."""
    reserved: int = 2
    """Of the places, those that background work can never take."""
    waiting: int = 32
    """Requests of each priority that wait at once."""
    wait_seconds: float = 10.0
    """The longest wait, if the deadline does not come first."""

    def __post_init__(self) -> None:
        if not 0 <= self.reserved < self.running or self.waiting < 0 or self.wait_seconds < 0:
            raise ValueError(
                "There is a place for background work besides the reserved ones, and no limit is negative."
            )


class Slots:
    """Invariant: nobody waits who could run. So whoever comes and finds a place for them overtakes nobody."""

    def __init__(
        self, places: Places, *, on_event: OnEvent = unheard, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._places = places
        self._on_event = on_event
        self._clock = clock
        self._waiting: dict[Priority, deque[asyncio.Future[None]]] = {"interactive": deque(), "background": deque()}
        self.running = 0

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def is_full(self) -> bool:
        """Whether an interactive request that comes now is refused."""
        return not self._has_place("interactive") and self._is_crowded("interactive")

    @asynccontextmanager
    async def slot(self, priority: Priority, *, within: float) -> AsyncGenerator[float, None]:
        """A place, as long as the context lasts, and the seconds that it took. First come, first served in a priority.

        :param within: seconds until the request's deadline.
        :raises Overloaded: when too many wait, or it took too long.
        """
        seconds = 0.0
        if self._has_place(priority):
            self.running += 1
        else:
            began = self._clock()
            try:
                await self._wait(priority, within)
            except Overloaded:
                self._on_event(Queued(priority=priority, seconds=self._clock() - began, is_refused=True))
                raise
            seconds = self._clock() - began
        try:
            self._on_event(Queued(priority=priority, seconds=seconds))
            yield seconds
        finally:
            self._release()

    async def _wait(self, priority: Priority, within: float) -> None:
        if self._is_crowded(priority):
            raise self._busy("try again in a moment")
        queue = self._waiting[priority]
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        limit = max(0.0, min(self._places.wait_seconds, within))
        try:
            async with asyncio.timeout(limit):
                await place
        except BaseException as error:
            if place in queue:
                queue.remove(place)
            elif place.done() and not place.cancelled():
                self._release()  # given in the same moment, and nobody is there to use it
            if isinstance(error, TimeoutError):
                raise self._busy(f"none became free within {limit:.3g} s; try again in a moment") from error
            raise

    def _has_place(self, priority: Priority) -> bool:
        free = self._places.running - self.running
        return free > (0 if priority == "interactive" else self._places.reserved)

    def _is_crowded(self, priority: Priority) -> bool:
        return len(self._waiting[priority]) >= self._places.waiting

    def _release(self) -> None:
        self.running -= 1
        for priority in ("interactive", "background"):
            queue = self._waiting[priority]
            while queue and self._has_place(priority):
                place = queue.popleft()
                if not place.done():  # a waiter that was cancelled takes itself out of the queue a little later
                    place.set_result(None)
                    self.running += 1

    def _busy(self, what: str) -> Overloaded:
        wait = f"{self.waiting} request{' waits' if self.waiting == 1 else 's wait'}"
        return Overloaded(f"The model is busy: all {self._places.running} places are taken and {wait}; {what}.")
