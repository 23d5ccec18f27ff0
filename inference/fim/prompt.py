"""A prompt that asks a model to fill in the middle, within a budget of tokens.

Laid out so that automatic prefix caching hits: what changes least stands first, other files in the order of the last
prompt and then of their paths, and a window over a long file moves in steps of lines, not with each line that is typed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, takewhile

from inference.fim.clean import strip_special
from inference.fim.families import Family, RepositoryLayout

_HERE_SHARE = 0.6
"""What the file being edited may take before other files are added: the code around the hole says most about it, and
without a bound a long file would leave no room for any other. What other files leave over goes back to it."""
_PREFIX_SHARE = 0.75
"""What the part before the hole takes of that: names that the middle uses are mostly defined before it, and the part
after it is needed to know where to stop, for which its first lines do."""
_STEP = 16
"""Lines by which the window over a long file moves: while fifteen lines are typed, the prompt begins as it did."""
_STAYS = 4
"""Places by which a file counts as more relevant that the last prompt showed: relevance changes a little with each word
that is typed, and each change of files costs the server all that follows."""
_MOST_CHARACTERS = 8
"""Characters per token of the budget that are looked at: code has three to five, and counting all of a huge file for
a prompt that shows a few hundred lines would cost more than the model's answer."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")

Count = Callable[[str], int]
"""The number of tokens of a text, by the served model's tokenizer or an estimate. Counting is nearly all the time that
a prompt takes: one that remembers the counts of whole files and lines from one prompt to the next is worth having."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFile:
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FimRequest:
    prefix: str
    """The file up to the hole."""
    suffix: str
    """The file from the end of the hole."""
    path: str
    """Of the file being edited, relative to the repository."""
    language: str = ""
    """As a family's layout names it: `Python`. Only CodeGeeX4 has a place for it."""
    repository: str = ""
    files: tuple[OtherFile, ...] = ()
    """Other files, the most relevant first. Without any, or without a layout for them, the prompt is of file level."""
    before: tuple[str, ...] = ()
    """Paths of the last prompt's files in its order: those that are still shown stay where they were, before new ones,
    so that the prompt begins as the last one did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FimPrompt:
    text: str
    """Goes to a completions path as it is, never through a chat template."""
    stops: tuple[str, ...]
    tokens: int
    """Counted over the whole text."""
    files: tuple[str, ...]
    """Paths of the other files that found room, in the prompt's order."""


def fim_prompt(family: Family, request: FimRequest, *, budget: int, count: Count) -> FimPrompt:
    """The prompt for a hole, of at most `budget` tokens as `count` counts them.

    What does not fit is left out: other files whole, each that has no room beside more relevant ones; of the prefix
    its beginning and of the suffix its end, by whole lines. Only the line of the hole itself is cut within.

    :raises ValueError: when the budget does not hold even the layout.
    """
    most = budget * _MOST_CHARACTERS
    whole = _Parts(
        files=tuple(
            OtherFile(path=_one_line(file.path), text=strip_special(file.text))
            for file in request.files
            if family.repository is not None and len(file.text) <= most and file.path != request.path
        ),
        prefix=strip_special(_last_lines(request.prefix, most)),
        suffix=strip_special(request.suffix[:most]),
    )
    empty = _Parts(files=(), prefix="", suffix="")
    frame = count(_text(family, request, empty))
    if frame > budget:
        raise ValueError(f"A budget of {budget} tokens does not hold the layout of {family.name}, which takes {frame}.")
    room = budget - frame
    while room > 0:
        parts = _fitted(family, request, whole, room, count)
        text = _text(family, request, parts)
        tokens = count(text)
        if tokens <= budget:
            return _prompt(family, text, tokens, parts)
        room -= tokens - budget  # tokens of the parts do not add up to those of the whole in every tokenizer
    return _prompt(family, _text(family, request, empty), frame, empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    files: tuple[OtherFile, ...]
    prefix: str
    suffix: str


def _prompt(family: Family, text: str, tokens: int, parts: _Parts) -> FimPrompt:
    paths = tuple(file.path for file in parts.files)
    return FimPrompt(text=text, stops=family.stops, tokens=tokens, files=paths)


def _text(family: Family, request: FimRequest, parts: _Parts) -> str:
    names = {"path": _one_line(request.path), "language": _one_line(request.language)}
    layout = family.repository if request.files else None
    outside, inside = family.here.format(**names), ""
    if layout is not None:
        name = layout.name.format(repository=_one_line(request.repository)) if request.repository else ""
        above = name + "".join(_shown(file, layout) for file in parts.files)
        outside, inside = above + layout.here.format(**names), layout.here_in_prefix.format(**names)
        if layout.inside_prefix:
            outside, inside = "", outside + inside
    # Whitespace before the middle's mark puts models off: CodeGemma's documentation.
    suffix = parts.suffix.rstrip() if family.order == "prefix-first" else parts.suffix
    halves = [family.prefix_mark + inside + parts.prefix, family.suffix_mark + suffix]
    if family.order == "suffix-first":
        halves.reverse()
    return family.start + outside + "".join(halves) + family.middle_mark + family.end


def _shown(file: OtherFile, layout: RepositoryLayout) -> str:
    code = file.text.rstrip("\n")
    return layout.file.format(path=file.path, code=f"{code}\n" if code else "")


def _steady(files: tuple[OtherFile, ...], before: tuple[str, ...]) -> list[OtherFile]:
    """The most relevant first, with an advantage for those that were shown."""
    shown = frozenset(before)
    places = {file.path: place - _STAYS * (file.path in shown) for place, file in enumerate(files)}
    return sorted(files, key=lambda file: places[file.path])


def _in_order(files: Iterable[OtherFile], before: tuple[str, ...]) -> tuple[OtherFile, ...]:
    places = {path: place for place, path in enumerate(before)}
    return tuple(sorted(files, key=lambda file: (places.get(file.path, len(places)), file.path)))


def _fitted(family: Family, request: FimRequest, whole: _Parts, room: int, count: Count) -> _Parts:
    """What of all parts is shown in `room` tokens."""
    prefix_needs, suffix_needs = count(whole.prefix), count(whole.suffix)
    files: list[OtherFile] = []
    left = room
    if family.repository is not None and whole.files:
        kept_free = min(int(room * _HERE_SHARE), prefix_needs + suffix_needs)
        for file in _steady(whole.files, request.before):
            needs = count(_shown(file, family.repository))
            if needs <= left - kept_free:
                files.append(file)
                left -= needs
    # Shares of what is left, not of what the other part's whole lines came to: that would change with each line typed.
    before = min(prefix_needs, max(int(left * _PREFIX_SHARE), left - suffix_needs))
    cut = request.prefix.count("\n") - whole.prefix.count("\n")
    return _Parts(
        files=_in_order(files, request.before),
        prefix=whole.prefix if prefix_needs <= before else _end(whole.prefix, before, count, lines_before=cut),
        suffix=whole.suffix if suffix_needs <= left - before else _beginning(whole.suffix, left - before, count),
    )


def _end(text: str, tokens: int, count: Count, *, lines_before: int) -> str:
    """The last lines that fit. `lines_before`: how many lines of the file stand before the text."""
    lines = _lines(text)
    start = len(lines) - _how_many_fit(reversed(lines), tokens, count)
    if start == len(lines):
        last = lines[-1]
        return last[bisect_left(range(len(last)), 1, key=lambda at: count(last[at:]) <= tokens) :]
    stepped = -(-(lines_before + start) // _STEP) * _STEP - lines_before
    return "".join(lines[stepped if len(lines) - stepped >= 2 * _STEP else start :])


def _beginning(text: str, tokens: int, count: Count) -> str:
    """The first lines that fit."""
    lines = _lines(text)
    end = _how_many_fit(lines, tokens, count)
    if end == 0:
        first = lines[0]
        return first[: bisect_left(range(1, len(first) + 1), 1, key=lambda end: count(first[:end]) > tokens)]
    return "".join(lines[: end // _STEP * _STEP if end >= 2 * _STEP else end])


def _how_many_fit(lines: Iterable[str], tokens: int, count: Count) -> int:
    """Counted line by line, so that each is counted once and none behind the last that fits."""
    sums = accumulate(count(line) for line in lines)
    return sum(1 for _ in takewhile(lambda total: total <= tokens, sums))


def _lines(text: str) -> list[str]:
    """With their line breaks. The last one has none and may be empty: the line that the text ends in."""
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), last]


def _last_lines(text: str, characters: int) -> str:
    """The end of a text, from the beginning of a line if there is one."""
    if len(text) <= characters:
        return text
    end = text[-characters:]
    return end[end.find("\n") + 1 :]


def _one_line(text: str) -> str:
    """A name as it may stand in a header: no special tokens, no line breaks."""
    return _CONTROL.sub(" ", strip_special(text))
