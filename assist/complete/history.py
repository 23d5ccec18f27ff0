"""The file of events in the user's state folder: what the gate is trained on. It holds numbers, and no text."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from assist.complete.events import Event

_MOST = 20_000
"""Events; some 4 MB, and half a year of somebody who takes a hundred a day."""
_MOST_BYTES = 8 << 20


def append_events(file: Path, events: Sequence[Event]) -> None:
    """Add events at the end. A file that has grown too long loses its older half.

    :raises OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(asdict(event), separators=(",", ":")) + "\n" for event in events)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as stream:
        stream.write(lines)
    if file.stat().st_size > _MOST_BYTES:
        kept = file.read_text().splitlines(keepends=True)[-_MOST // 2 :]
        shorter = file.with_suffix(".new")
        shorter.write_text("".join(kept))
        shorter.replace(file)


def read_events(file: Path) -> list[Event]:
    """The newest events, the oldest of them first; what cannot be read is passed over, a missing file is empty."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _MOST_BYTES))
            lines = stream.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    found = (_event(line) for line in lines[-_MOST:] if line)
    return [event for event in found if event is not None]


def _event(line: str) -> Event | None:
    try:
        data = cast("dict[str, Any]", json.loads(line))
        if data["ending"] not in ("accepted", "partial", "rejected"):
            return None
        return Event(
            ending=data["ending"],
            model=str(data["model"]),
            language=str(data["language"]),
            length=int(data["length"]),
            taken=int(data["taken"]),
            seconds=float(data["seconds"]),
            features=tuple(float(value) for value in data["features"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
