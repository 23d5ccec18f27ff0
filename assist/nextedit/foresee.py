"""Ask a model for a region as it will be after the next edit. What comes back is hostile: read strictly, or refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from assist.nextedit import python
from assist.nextedit.tokens import line_of
from assist.nextedit.values import Change, Edit, File
from inference.errors import BadOutput
from inference.ports import GenerateRequest, Generator
from inference.prompts.files import prompt
from inference.prompts.inert import made_inert
from workspace.secrets import redact

_AROUND = 15
"""Lines above and below the place: small enough for an answer of a second or two."""
_MOST_CHARACTERS = 6_000
_MOST_CHANGED = 12
"""Lines that one next edit may change; more is another program."""
_MOST_TOKENS = 1024
_ROOM = 2_000
"""Characters by which an answer may be longer than twice its region."""
_CURSOR = "<|cursor|>"
_ANSWER = re.compile(r"\A\s*BEGIN region\n(.*)\nEND\s*\Z", re.DOTALL)
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class InSecret(Exception):
    """What would be shown holds a secret, or what a model takes for its own marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    generator: Generator
    seconds: float
    """For the whole answer."""
    prompts: Path | None = None
    """A person's own, see `inference.prompts.files`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Whole lines of a file."""

    file: File
    first: int
    """0-based line."""
    start: int
    """Code points before it."""
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def region_at(file: File, offset: int) -> Region:
    """The lines around an offset."""
    lines = _LINES.findall(file.text)
    middle = line_of(file.text, offset)
    first, last = max(0, middle - _AROUND), min(len(lines), middle + _AROUND + 1)
    while last - first > 1 and sum(map(len, lines[first:last])) > _MOST_CHARACTERS:
        first, last = (first + 1, last) if middle - first >= last - 1 - middle else (first, last - 1)
    start = sum(map(len, lines[:first]))
    return Region(file=file, first=first, start=start, lines=tuple(lines[first:last]))


async def foresee(
    model: Model, region: Region, offset: int, changes: Sequence[Change], note: str = ""
) -> tuple[Edit, ...]:
    """The model's edits of a region; none when it foresees nothing.

    :param offset: of the cursor, or of the place that is meant.
    :param changes: the last one first.
    :param note: one sentence about what the last change was.
    :raises InSecret: nothing was asked.
    :raises BadOutput: the answer cannot be used.
    :raises InferenceError: the model cannot answer.
    """
    shown = region.text
    if len(shown) > _MOST_CHARACTERS or not await asyncio.to_thread(_may_be_shown, region, tuple(changes)):
        raise InSecret
    at = min(max(offset, region.start), region.end) - region.start
    marked = shown[:at] + _CURSOR + shown[at:]
    request = GenerateRequest(
        messages=prompt("next_edit", folder=model.prompts).messages(
            context=_clean(note),
            edits="\n\n".join(_shown(change) for change in reversed(changes)),
            path=_clean(region.file.path),
            first_line=str(region.first + 1),
            last_line=str(region.first + len(region.lines)),
            region=_unix(marked).removesuffix("\n"),
        ),
        max_tokens=_MOST_TOKENS,
        seconds=model.seconds,
    )
    answer = ""
    async with aclosing(model.generator.stream(request)) as pieces:
        async for piece in pieces:
            answer += piece
            if len(answer) > 2 * len(shown) + _ROOM:
                raise BadOutput("It is longer than its region can be.")
    return read_answer(answer, region, changes)


def read_answer(answer: str, region: Region, changes: Sequence[Change] = ()) -> tuple[Edit, ...]:
    """:raises BadOutput: it is not in the form, or does what no next edit may do."""
    found = _ANSWER.match(_unix(answer))
    if found is None:
        raise BadOutput("It does not stand between BEGIN region and END.")
    new = found[1]
    if _CURSOR in new or _clean(new) != new:
        raise BadOutput("It has the cursor's mark, a secret, or a special token in it.")
    ending = next((each for each in ("\r\n", "\n", "\r") if each in region.text), "\n")
    text = new.replace("\n", ending) + (ending if region.text.endswith(("\n", "\r")) else "")
    edits = _edits(region, _LINES.findall(text))
    for edit in edits:
        for change in changes:
            if change.file.document == region.file.document and _takes_back(edit, change, region.file.text):
                raise BadOutput("It takes back what was just done.")
    after = _applied(region.file.text, edits)
    if region.file.language == "python" and python.parsed(region.file.text) and not python.parsed(after):
        raise BadOutput("With it the file is no Python any more.")
    return edits


def _edits(region: Region, new: Sequence[str]) -> tuple[Edit, ...]:
    """The lines that differ, each as the smallest replacement."""
    old = region.lines
    starts = [region.start]
    for line in old:
        starts.append(starts[-1] + len(line))
    edits: list[Edit] = []
    changed = 0
    for tag, i, j, k, m in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        changed += max(j - i, m - k)
        edits.append(
            _smallest(Edit(document=region.file.document, start=starts[i], end=starts[j], text="".join(new[k:m]),
                           origin="model"), region.file.text)
        )  # fmt: skip
    if changed > _MOST_CHANGED:
        raise BadOutput(f"It changes {changed} lines.")
    return tuple(edits)


def _smallest(edit: Edit, text: str) -> Edit:
    """Without what begins and ends alike; a line's end is never cut in two."""
    old, new = text[edit.start : edit.end], edit.text
    most = min(len(old), len(new))
    front = next((at for at in range(most) if old[at] != new[at]), most)
    back = next((at for at in range(most - front) if old[-1 - at] != new[-1 - at]), most - front)
    while front and old[front - 1] == "\r":
        front -= 1
    while back and old[len(old) - back] == "\n":
        back -= 1
    return Edit(
        document=edit.document,
        start=edit.start + front,
        end=edit.end - back,
        text=new[front : len(new) - back],
        origin=edit.origin,
    )


def _takes_back(edit: Edit, change: Change, text: str) -> bool:
    if edit.end < change.start or edit.start > change.end:
        return False
    first, last = min(edit.start, change.start), max(edit.end, change.end)
    then = text[first : edit.start] + edit.text + text[edit.end : last]
    return then == text[first : change.start] + change.before + text[change.end : last]


def _applied(text: str, edits: Sequence[Edit]) -> str:
    for edit in sorted(edits, key=lambda each: -each.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _shown(change: Change) -> str:
    def lines(text: str, mark: str) -> str:
        return "\n".join(mark + line for line in _unix(text).removesuffix("\n").split("\n")) if text else ""

    sides = (lines(_clean(change.before), "-"), lines(_clean(change.after), "+"))
    return "\n".join((_clean(change.file.path), *(side for side in sides if side)))


def _may_be_shown(region: Region, changes: Sequence[Change]) -> bool:
    """Whether nothing would be taken out: a secret is known by its whole file, of which this is a part."""
    wholes = {region.file.text: [region.text]}
    for change in changes:
        wholes.setdefault(change.file.text, []).append(change.after)
        wholes.setdefault(change.text_before, []).append(change.before)
    return all(piece in _clean(text) for text, pieces in wholes.items() for piece in pieces)


def _clean(text: str) -> str:
    """As a model may see it."""
    return made_inert(redact(text)).encode("utf-8", "replace").decode()


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
