"""Everything that could be shown for a turn: what chips name, what the editor shows, what a search finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from assist.chat.chips import Chip
from assist.chat.context import Piece, piece_of
from assist.chat.conversation import digest_of
from assist.chat.errors import Refused
from assist.chat.files import File, Files, clean
from assist.chat.given import Given, Problem
from assist.chat.ports import Finder, Place
from workspace.changes import Changes, working_changes
from workspace.edit import Edit, FileChange, unified_diff

HITS = 12
"""Asked of a search; a budget of 4,000 tokens takes about half of them."""
_WIDE_HITS = 24  # where the person asked for the whole workspace
_DEFINITIONS = 3  # of one name
_FOLDER_FILES = 200  # names that are listed
_AROUND = 60  # lines before and after the cursor that count as what the editor shows
_WHOLE = 200  # lines of a file that is shown whole
_TERMINAL = 20_000  # characters
_PROBLEMS = 50


@dataclass(slots=True)
class Gathered:
    pieces: list[Piece] = field(default_factory=list[Piece])
    notes: list[str] = field(default_factory=list[str])
    """What was left out and why, a sentence each."""
    selection: str = ""
    """Clean, for the place of a custom prompt."""


class Gatherer:
    def __init__(self, files: Files | None, finder: Finder | None, given: Given) -> None:
        self._files = files
        self._finder = finder
        self._given = given
        self.found = Gathered()

    async def chips(self, chips: Sequence[Chip], question: str) -> None:
        """What a message names. What may not be shown becomes a note, and the rest is shown."""
        for chip in chips:
            try:
                await self._chip(chip, question)
            except Refused as error:
                self.found.notes.append(str(error))
        if self._given.images and not any(chip.kind == "image" for chip in chips):
            self.found.notes.append(_NO_IMAGES)

    async def selection(self) -> None:
        """What is selected, if anything is; raises nothing."""
        if self._given.selected is not None and not any(p.kind == "selection" for p in self.found.pieces):
            try:
                await self._selection()
            except Refused as error:
                self.found.notes.append(str(error))

    async def focus(self) -> None:
        """What the editor shows around the cursor; raises nothing."""
        given = self._given
        if not given.path or given.selected is not None:
            return
        try:
            file = await self._read(given.path)
        except Refused as error:
            self.found.notes.append(str(error))
            return
        short = len(file.shown) <= _WHOLE
        start, end = (0, len(file.shown)) if short else (given.line - _AROUND, given.line + _AROUND)
        self._add(piece_of(file, start, end, kind="focus", source="the editor"))

    async def search(self, query: str, *, limit: int = HITS, prefix: str = "") -> None:
        if self._finder is None:
            self.found.notes.append("Nothing was searched: no folder is open, or the index is off.")
            return
        answer = await self._finder.find(query, limit=limit, prefix=prefix)
        self.found.notes += [_sentence(note) for note in answer.notes]
        for rank, place in enumerate(answer.places):
            reasons = f": {', '.join(place.reasons)}" if place.reasons else ""
            await self._place(place, kind="hit", source=f"search{reasons}", score=-float(rank))

    def changes(self, changes: Changes, source: str) -> None:
        """Changed files as diffs, each citable by the lines it changed."""
        self.found.notes += changes.notes
        if changes.problem:
            self.found.notes.append(changes.problem)
        for change in changes.edit.changes:
            self.found.pieces.append(_diff_piece(change, source))

    async def _chip(self, chip: Chip, question: str) -> None:
        given = self._given
        match chip.kind:
            case "file":
                file = await self._read(chip.value)
                lines = (chip.first - 1, chip.last) if chip.first else (0, len(file.shown))
                if piece_of(file, *lines, kind="file", source="@file") is None:
                    raise Refused(f"{chip.label} was left out: there is nothing on these lines.")
                self._add(piece_of(file, *lines, kind="file", source="@file"))
            case "symbol":
                await self._symbol(chip)
            case "folder":
                await self._folder(chip, question)
            case "workspace":
                await self.search(question or "overview of the project", limit=_WIDE_HITS)
            case "selection":
                if given.selected is None:
                    raise Refused("@selection was left out: nothing is selected.")
                await self._selection()
            case "diagnostics":
                await self._diagnostics()
            case "git":
                if self._files is None:
                    raise Refused("@git was left out: no folder is open.")
                changes = await asyncio.to_thread(working_changes, self._files.root, self._files.buffers)
                if not changes.edit.changes and not changes.problem:
                    self.found.notes.append("@git: nothing has changed since the last commit.")
                self.changes(changes, "@git")
            case "terminal":
                if not given.terminal.strip():
                    raise Refused("@terminal was left out: the editor sent nothing of a terminal.")
                text = clean(given.terminal[-_TERMINAL:])
                self.found.pieces.append(Piece(kind="terminal", source="@terminal", text=text))
            case _:
                raise Refused(_NO_IMAGES)

    async def _symbol(self, chip: Chip) -> None:
        if self._finder is None:
            raise Refused(f"{chip.label} was left out: no folder is open, or the index is off.")
        answer = await self._finder.defined(chip.value)
        self.found.notes += [_sentence(note) for note in answer.notes]
        if not answer.places:
            raise Refused(f"{chip.label} was left out: the index knows no definition of that name.")
        for rank, place in enumerate(answer.places[:_DEFINITIONS]):
            await self._place(place, kind="symbol", source="@symbol", score=-float(rank))

    async def _folder(self, chip: Chip, question: str) -> None:
        if self._files is None:
            raise Refused(f"{chip.label} was left out: no folder is open.")
        folder = chip.value.strip("/").removeprefix("./")
        listed = await asyncio.to_thread(self._files.listed)
        inside = [path for path in listed if folder in ("", ".") or path.startswith(f"{folder}/")]
        if not inside:
            raise Refused(f"{chip.label} was left out: there is no file in it that may be read.")
        more = [f"… and {len(inside) - _FOLDER_FILES} more"] if len(inside) > _FOLDER_FILES else []
        text = "\n".join([*inside[:_FOLDER_FILES], *more])
        self.found.pieces.append(Piece(kind="folder", source="@folder", text=text, path=folder))
        if question and self._finder is not None:
            await self.search(question, prefix="" if folder in ("", ".") else f"{folder}/")

    async def _selection(self) -> None:
        given = self._given
        file = await self._read(given.path)
        start, end = given.selected or (0, 0)
        piece = piece_of(file, start, end, kind="selection", source="@selection")
        self._add(piece)
        self.found.selection = piece.text if piece is not None else ""

    async def _diagnostics(self) -> None:
        problems = self._given.problems[:_PROBLEMS]
        if not problems:
            raise Refused("@diagnostics was left out: the editor sent none.")
        for path in dict.fromkeys(problem.path for problem in problems):
            try:
                await self._read(path)  # a checker's words quote the file
            except Refused as error:
                self.found.notes.append(str(error))
                continue
            lines = [_line_of(problem) for problem in problems if problem.path == path]
            text = clean("\n".join(lines))
            self.found.pieces.append(Piece(kind="diagnostics", source="@diagnostics", text=text, path=path))

    async def _place(self, place: Place, *, kind: str, source: str, score: float) -> None:
        try:
            file = await self._read(place.path)
        except Refused:
            return  # the index is a moment behind the policy, or finds what is no file, such as history
        self._add(
            piece_of(file, place.start_line, place.end_line, kind=kind, source=source, symbol=place.symbol, score=score)
        )

    async def _read(self, path: str) -> File:
        if self._files is None:
            raise Refused(f"{path or 'The document'} was left out: it is outside the workspace.")
        return await asyncio.to_thread(self._files.read, path)

    def _add(self, piece: Piece | None) -> None:
        if piece is not None:
            self.found.pieces.append(piece)


_NO_IMAGES = "Images were left out: the model takes none; say in words what they show."


def _line_of(problem: Problem) -> str:
    source = f"({problem.source})" if problem.source else ""
    message = clean(problem.message)  # before its lines become one, which hides some kinds of secret
    return " ".join(f"line {problem.line + 1}: {problem.severity} {message} {source}".split())


def _diff_piece(change: FileChange, source: str) -> Piece:
    """A file's diff; of its content as a model may see it, since a diff could cut a secret in two."""
    before, after = (None if each is None else clean(_text(each)) for each in (change.before, change.after))
    shown = FileChange(path=change.path, before=_bytes(before), after=_bytes(after))
    diff = unified_diff(Edit(changes=(shown,)))
    if after is None:
        return Piece(kind="git", source=source, text=diff, path=change.path)
    start, end = _changed_lines(before or "", after)
    digest = digest_of(_text(change.after or b"").replace("\r\n", "\n"), start, end)
    return Piece(kind="git", source=source, text=diff, path=change.path, start_line=start, end_line=end, digest=digest)


def _changed_lines(before: str, after: str) -> tuple[int, int]:
    """From the first line of the new text that differs to the last; at least one line."""
    old, new = before.split("\n"), after.split("\n")
    front = 0
    while front < min(len(old), len(new)) and old[front] == new[front]:
        front += 1
    back = 0
    while back < min(len(old), len(new)) - front and old[-1 - back] == new[-1 - back]:
        back += 1
    start = min(front, len(new) - 1)
    return start, max(start + 1, len(new) - back)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "replace")


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."
