"""Rules files: what a workspace wants of whoever writes its code. Text of the workspace, so never an order to us."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from assist.chat.errors import Refused
from assist.chat.files import Files

NAMES = ("AGENTS.md", "CLAUDE.md", ".cursorrules", ".github/copilot-instructions.md")
"""In the order of priority. Of one folder the first that exists counts: teams keep copies for several tools."""
MAX_RULES = 8_000
"""Characters of all of them together."""
_MAX_FOLDERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    text: str = ""
    """Each headed by its path, the farthest first: of two that differ, the nearer has the last word."""
    paths: tuple[str, ...] = ()
    """What was taken, nearest first."""
    notes: tuple[str, ...] = ()


def rules_for(files: Files, path: str, room: int = MAX_RULES) -> Rules:
    """The rules for a file, from its folder up to the root; for the workspace when the path is empty.

    Reads the disk.

    :param room: characters.
    """
    taken: list[tuple[str, str]] = []
    notes: list[str] = []
    for folder in _upwards(path):
        found = _first(files, folder, notes)
        if found is None:
            continue
        name, text = found
        if room <= 0:
            notes.append(f"{name} was left out: there is no room for more rules.")
            continue
        if len(text) > room:
            notes.append(f"{name} was cut to its first {room:,} characters.")
        taken.append((name, text[:room]))
        room -= len(text)
    text = "\n\n".join(f"Rules of {name}:\n\n{text}" for name, text in reversed(taken))
    return Rules(text=text, paths=tuple(name for name, _ in taken), notes=tuple(notes))


def _upwards(path: str) -> list[str]:
    """The folders around a file, nearest first; the root is the empty one."""
    parents = [folder.as_posix() for folder in PurePosixPath(path).parents] if path else ["."]
    folders = ["" if folder == "." else folder for folder in parents]
    return folders if len(folders) <= _MAX_FOLDERS else [*folders[: _MAX_FOLDERS - 1], ""]


def _first(files: Files, folder: str, notes: list[str]) -> tuple[str, str] | None:
    for name in NAMES:
        path = f"{folder}/{name}" if folder else name
        if not (files.root / path).is_file():
            continue
        try:
            text = "\n".join(files.read(path).shown).strip()
        except Refused as error:
            notes.append(str(error))
            continue
        if text:
            return path, text
    return None
