"""What of a document an action is about: the definition around a place, or the lines that are selected."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assist.actions.ask import shown_to_model
from assist.actions.errors import NotAllowed, NothingThere
from retrieval.chunk import Definition
from retrieval.chunking.chunker import chunk_file
from retrieval.chunking.languages import language_of

MAX_BYTES = 400_000
"""Of a document. Looking for definitions in more would keep the editor waiting, and no model reads so much."""
_AROUND = 400  # lines before and after the focus that a model is shown of a long file
_WHOLE = 30_000  # characters of a file that is shown as a whole
_LONG_FOCUS = 40_000  # characters of the focus itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where an action was asked for. Lines are 0-based, the last one included."""

    path: str
    content: bytes
    """Of the document, as the editor would save it."""
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    path: str
    language: str
    """As `retrieval.chunking.languages` names it."""
    name: str
    """Qualified; empty for lines that are no definition."""
    kind: str
    """function, method, class, …; `lines` or `file` for what is no definition."""
    first: int
    """0-based line."""
    last: int
    """0-based, included."""
    source: str
    """Of the file, or what is around the focus in a long one, with \\n as line ends; as a model may see it."""
    selection: str
    """The same for the focus."""

    @property
    def title(self) -> str:
        """For people: `total in shop.py`."""
        if self.name:
            return f"{self.name} in {self.path}"
        return self.path if self.kind == "file" else f"lines {self.first + 1} to {self.last + 1} of {self.path}"


def definition_at(spot: Spot) -> Focus:
    """The innermost definition that holds the place or selection.

    :raises NothingThere: there is none.
    """
    text = _text(spot)
    around = _around(spot)
    if not around:
        raise NothingThere(f"There is no definition at line {spot.first + 1} of {spot.path}; put the cursor into one.")
    return _focus(spot, text, around[-1])


def selection_at(spot: Spot) -> Focus:
    """The selected lines; for a mere cursor the definition around it, else the whole file."""
    text = _text(spot)
    if spot.last > spot.first:
        return _lines(spot, text, spot.first, spot.last)
    if around := _around(spot):
        return _focus(spot, text, around[-1])
    return replace(_lines(spot, text, 0, text.count("\n")), kind="file")


def _text(spot: Spot) -> str:
    """The document as a model may see it, with the same lines: cleaned as a whole, so that no secret is cut in two."""
    if len(spot.content) > MAX_BYTES:
        raise NotAllowed(f"{spot.path} is larger than {MAX_BYTES // 1000} kB, so no model can be asked about it.")
    try:
        return shown_to_model(spot.content.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise NotAllowed(f"{spot.path} is not UTF-8 text; save it as UTF-8 to use this.") from error


def _around(spot: Spot) -> list[Definition]:
    """Definitions that hold the place, the innermost last."""
    found = chunk_file(spot.path, spot.content).definitions
    around = [each for each in found if each.line <= spot.first and spot.last < each.end_line]
    return sorted(around, key=lambda each: (each.line, -each.end_line))


def _focus(spot: Spot, text: str, definition: Definition) -> Focus:
    lines = _lines(spot, text, definition.line, definition.end_line - 1)
    return replace(lines, name=definition.qualified, kind=definition.kind)


def _lines(spot: Spot, text: str, first: int, last: int) -> Focus:
    lines = text.split("\n")
    last = min(last, len(lines) - 1)
    first = min(first, last)
    selection = "\n".join(lines[first : last + 1])
    if len(selection) > _LONG_FOCUS:
        raise NotAllowed(f"That is more than {_LONG_FOCUS // 1000} kB of code; select less of {spot.path}.")
    source = text if len(text) <= _WHOLE else "\n".join(lines[max(0, first - _AROUND) : last + 1 + _AROUND])
    return Focus(
        path=spot.path,
        language=language_of(spot.path, spot.content[:4096]),
        name="",
        kind="lines",
        first=first,
        last=last,
        source=source.rstrip("\n"),
        selection=selection,
    )
