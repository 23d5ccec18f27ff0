"""Where an answer ends: servers take few stops, and some take none."""

from __future__ import annotations

from collections.abc import Sequence


class StopFilter:
    """Text in pieces, up to the first stop. What may be a stop's beginning waits for the next piece."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.is_stopped = False

    def add(self, piece: str) -> str:
        """What of the text so far can be given; when `is_stopped`, there is no more."""
        if not self._stops:
            return piece
        text = self._held + piece
        self._held = ""
        ends = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.is_stopped = True
            return text[: min(ends)]
        hold = max((_begun(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - hold :]
        return text[: len(text) - hold]

    def rest(self) -> str:
        """What waited, at the end of the answer."""
        held, self._held = self._held, ""
        return held


def _begun(text: str, stop: str) -> int:
    """How many characters at the text's end are the beginning of the stop."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
