"""Working along in one session: what runs unasked, what it may spend, and the fix that it has ready."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assist.along.budget import Spending
from assist.along.choose import touched_by
from assist.along.rest import POWER, load_per_core, on_battery

if TYPE_CHECKING:
    from assist.task import Outcome
    from sandbox.receipt import Receipt
    from server.settings import AlongSettings
    from workspace.project import Project

_MOST_SEEN = 2000
"""Files whose tests are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A fix that was seen to work on the files as they were."""

    root: Path
    test: str
    title: str
    outcome: Outcome
    project: Project
    stamp: str


class Along:
    """Owned by the event loop. One thing runs at a time, for whatever was saved last."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        power: Path = POWER,
        load: Callable[[], float] = load_per_core,
    ) -> None:
        self.spending = Spending(clock)
        self.state = "resting"
        """resting, waiting, running or fixing."""
        self.message = ""
        self.task: asyncio.Task[Any] | None = None
        self._power, self._load = power, load
        self._ready: Ready | None = None
        self._seen: dict[tuple[Path, str], frozenset[str]] = {}

    def stop(self) -> bool:
        """Cancel what runs; whether anything did. Its sandbox is killed before its task is over."""
        if self.task is None or self.task.done():
            return False
        self.task.cancel()
        return True

    def why_not_now(self, settings: AlongSettings, typed: float, now: float) -> str:
        """battery or budget, which ends the waiting; typing or load, which prolongs it; empty when it may begin."""
        if on_battery(self._power):
            return "battery"
        if self.spending.left(settings.seconds_per_hour) < min(_LEAST_SECONDS, settings.seconds_per_hour):
            return "budget"
        if now - typed < settings.quiet_seconds:
            return "typing"
        return "load" if self._load() > settings.load else ""

    def learn(self, root: Path, receipt: Receipt) -> None:
        """Which tests were seen to execute which files."""
        for path, tests in touched_by(receipt).items():
            self._seen[root, path] = self._seen.pop((root, path), frozenset()) | tests
        while len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    def seen(self, root: Path, path: str) -> frozenset[str]:
        return self._seen.get((root, path), frozenset())

    def keep(self, ready: Ready) -> None:
        self._ready = ready

    def forget(self) -> None:
        """A file changed: what was seen to work was seen with another."""
        self._ready = None

    def title_of(self, root: Path, test: str) -> str | None:
        """The title of a fix that is ready for a test."""
        ready = self._ready
        return ready.title if ready is not None and (ready.root, ready.test) == (root, test) else None

    async def take(self, root: Path, test: str, buffers: Mapping[str, bytes]) -> Outcome | None:
        """The fix that is ready, if every file still is what it was tested with.

        :param buffers: open documents by path.
        """
        ready = self._ready
        if ready is None or (ready.root, ready.test) != (root, test):
            return None
        self._ready = None
        return ready.outcome if await asyncio.to_thread(_is_as_tested, ready, buffers) else None


_LEAST_SECONDS = 5.0
"""Left of an hour's budget; with less, no tests would come to their end."""


def _is_as_tested(ready: Ready, buffers: Mapping[str, bytes]) -> bool:
    return stamp_of(ready.project) == ready.stamp and all(
        ready.project.read(path) == content for path, content in buffers.items() if path in ready.project.files
    )


def stamp_of(project: Project) -> str:
    """Changes with any file of the project on disk."""
    digest = hashlib.blake2b(digest_size=16)
    for path in project.files:
        try:
            found = (project.root / path).stat()
        except OSError:
            digest.update(f"{path}\0-\0".encode())
            continue
        digest.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0".encode())
    return digest.hexdigest()
