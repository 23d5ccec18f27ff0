"""Completion without a model: what followed the last time, where the code before the cursor stood before.

Prompt lookup decoding (Saxena 2023, `apoorvumang/prompt-lookup-decoding`) and retrieval-based speculative decoding
(REST: He et al., arXiv 2311.08252, section 3) draft a model's next tokens so: the longest end of the text so far is
looked up in other text, and what followed there is the draft. Here the draft is shown, with no model to check it, so it
is given only when the match is long and what followed is the same everywhere, or nearly.

Texts are lists of words, signs and line breaks; spaces and indentation do not count for a match. Each run of
`_NGRAM` tokens has a number, and a search compares all of a text's numbers with one: 0.1 ms for 1 MB, with nothing
sorted, so that an index grows at its end for the price of the new lines.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workspace.secrets import redact

_NGRAM = 6
"""Tokens that are looked up at once; longer matches are found from there."""
_LEAST_TOKENS = 12
"""Tokens that must be the same before the cursor, where several places agree on what follows. Measured at random
cursors in CPython's library, httpx and Assay: eight in ten such lines are right, and three in ten of a single place."""
_LEAST_WORDS_ALONE = 10
"""Different words that a match must have which stands in one place only: then eight in ten lines are right too."""
_BLOCK_WORDS = 24
"""Different words for which the lines that follow are given too."""
_MOST_TOKENS = 128
"""Longer matches count as equally long."""
_CLEARLY = 3
"""How many times as frequent as the next a continuation must be."""
_BLOCK_LINES = 8
_LINE_CHARACTERS = 200
"""A longer continuation of a line is data, not code that someone wants to read before taking it."""
_LINES_BELOW = 3
"""Lines after the cursor in which the same line is not wanted once more."""
_MOST_CANDIDATES = 500
"""Places in one text that are compared, the last ones: what stands in more places is boilerplate."""
_MOST_PLACES = 32
"""Places whose continuations are read."""
_NEAR = 8_192
"""Characters around a place that are read at all: as far above a line a private key may begin, see `workspace.secrets`.
A line that is longer before the cursor is data."""
_CACHE_CHARACTERS = 16_000_000
"""Of indexed texts, at 10 to 15 bytes of index for each."""

Reason = Literal[
    "short",
    "long line",
    "no match",
    "ambiguous",
    "nothing follows",
    "indentation",
    "text after",
    "already there",
    "secret",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyCompletion:
    text: str | None
    """To insert at the cursor; None for no answer."""
    reason: Reason | None
    """Why there is none."""
    tokens: int = 0
    """How many before the cursor are the same; with a word that is being typed."""
    places: int = 0
    """How many places say so."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CopyIndex:
    text: str
    ids: NDArray[np.int64]
    """One for each token; the same in all texts of this process."""
    starts: NDArray[np.int64]
    """Code points."""
    ends: NDArray[np.int64]
    ngrams: NDArray[np.int64]
    """`ngrams[i]`: of the tokens i to i + _NGRAM."""


def build_index(text: str, *, earlier: CopyIndex | None = None) -> CopyIndex:
    """What is needed to look a text up. `earlier`: of the same document; lines that are the same are not read again."""
    kept, at = _kept(earlier, text) if earlier is not None else (0, 0)
    tokens = _TOKEN.findall(text, at)
    words = list(map(str.rstrip, tokens))  # a line break with its indentation becomes empty
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    bare = np.fromiter(map(len, words), np.int64, len(words))
    ids = np.fromiter(map(hash, words), np.int64, len(words))
    first = len(text) - int(lengths.sum())  # spaces that the text begins with belong to no token
    starts = np.cumsum(lengths) - lengths + first
    ends = starts + np.maximum(bare, 1)
    if earlier is None or not kept:
        return CopyIndex(text=text, ids=ids, starts=starts, ends=ends, ngrams=_ngrams(ids))
    ids = np.concatenate((earlier.ids[:kept], ids))
    same = max(0, kept - _NGRAM + 1)
    return CopyIndex(
        text=text,
        ids=ids,
        starts=np.concatenate((earlier.starts[:kept], starts)),
        ends=np.concatenate((earlier.ends[:kept], ends)),
        ngrams=np.concatenate((earlier.ngrams[:same], _ngrams(ids[same:]))),
    )


def copy_completion(before: CopyIndex, others: Sequence[CopyIndex] = (), *, after: str = "") -> CopyCompletion:
    """What followed elsewhere, up to the end of the line; for a match of many words, of the block.

    `before` is the document up to the cursor, `after` the rest of it (one screen will do), `others` are the texts of
    other buffers and files. Indentation is changed to that of the cursor.
    """
    cursor = _cursor(before)
    if len(cursor.ids) < _NGRAM or len(cursor.ids) + bool(cursor.word) < _LEAST_TOKENS:
        return CopyCompletion(text=None, reason="short")
    tokens, places = _longest(cursor, before, others)
    if not places:
        return CopyCompletion(text=None, reason="no match")
    if tokens < _LEAST_TOKENS:
        return CopyCompletion(text=None, reason="short", tokens=tokens)
    words = len(set(_WORDS.findall(before.text, int(before.starts[-tokens]))))
    drafts = [_draft(cursor, place, with_block=words >= _BLOCK_WORDS) for place in places]
    counted = Counter(draft.lines[0] if draft.lines else None for draft in drafts)
    (line, count), *less = counted.most_common(2)
    found = CopyCompletion(text=None, reason=None, tokens=tokens, places=count)
    if less and count < _CLEARLY * less[0][1]:
        return _declined(found, "ambiguous")
    if count == 1 and words < _LEAST_WORDS_ALONE:
        return _declined(found, "short")
    agreeing = [draft for draft in drafts if (draft.lines[0] if draft.lines else None) == line]
    if line is None:
        return _declined(found, agreeing[0].problem or "nothing follows")
    lines = [row[0] for row in takewhile(_is_one, zip(*(draft.lines for draft in agreeing), strict=False))]
    return _checked(found, cursor, lines, agreeing, after)


class CopyCompleter:
    """`copy_completion` with the indexes kept: of a document that grows, and of other texts by their contents."""

    def __init__(self, *, characters: int = _CACHE_CHARACTERS) -> None:
        self._most = characters
        self._kept: OrderedDict[str, CopyIndex] = OrderedDict()  # a string keeps its own hash
        self._characters = 0
        self._before: CopyIndex | None = None

    def complete(self, before: str, others: Sequence[str] = (), *, after: str = "") -> CopyCompletion:
        if len(before) - before.rfind("\n") > _NEAR:
            return CopyCompletion(text=None, reason="long line")
        self._before = build_index(before, earlier=self._before)
        return copy_completion(self._before, [self.index_of(text) for text in others], after=after)

    def index_of(self, text: str) -> CopyIndex:
        """Builds it when it is not there: for much text ahead of the first completion, and not in the event loop."""
        if (known := self._kept.get(text)) is not None:
            self._kept.move_to_end(text)
            return known
        index = self._kept[text] = build_index(text)
        self._characters += len(text)
        while self._characters > self._most and len(self._kept) > 1:
            self._characters -= len(self._kept.popitem(last=False)[0])
        return index


_TOKEN = re.compile(r"(?:\w+|\n|[^\w\s])[^\S\n]*")
_WORDS = re.compile(r"[^\W\d]\w+")  # names of one letter and numbers say little
_FACTOR = np.int64(-7046029254386353131)  # 2^64 / golden ratio: Knuth, volume 3, section 6.4


def _ngrams(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(ids) < _NGRAM:
        return np.empty(0, np.int64)
    count = len(ids) - _NGRAM + 1
    total = ids[:count].copy()
    for n in range(1, _NGRAM):
        total *= _FACTOR
        total += ids[n : n + count]
    return total


def _kept(earlier: CopyIndex, text: str) -> tuple[int, int]:
    """How many tokens of an earlier text stand at the same places, up to the beginning of a line, and where that is."""
    old = earlier.text
    same, other = 0, min(len(old), len(text)) + 1
    if old[: other - 1] == text[: other - 1]:  # typed at the end, or deleted there
        same = other - 1
    while other - same > 1:
        middle = (same + other) // 2
        if old[same:middle] == text[same:middle]:
            same = middle
        else:
            other = middle
    at = text.rfind("\n", 0, same)  # the line break itself is read again, with the indentation behind it
    return (int(np.searchsorted(earlier.starts, at)), at) if at >= 0 else (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    ids: NDArray[np.int64]
    """Of the whole tokens before the cursor, the last ones."""
    word: str
    """That is being typed: what stands elsewhere may go on."""
    line: str
    """From its beginning to the cursor."""
    indent: str
    """Of the last line that has text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    text: str
    at: int
    """Code point behind what is the same."""
    end: int
    """Where the text may be read up to: of the document itself the line at the cursor is not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    lines: tuple[str, ...]
    """The first is to stand at the cursor, the others whole."""
    source: str
    """The lines that it was taken from, with what stands above them as far as a private key may begin there."""
    problem: Reason | None = None


def _cursor(before: CopyIndex) -> _Cursor:
    text = before.text
    line = text[text.rfind("\n") + 1 :]
    typing = len(before.ids) > 0 and (text[-1].isalnum() or text[-1] == "_")
    word = text[int(before.starts[-1]) :] if typing else ""
    ids = before.ids[:-1] if word else before.ids
    last = line if line.strip() else _last_line(text, len(text) - len(line))
    return _Cursor(ids=ids[-_MOST_TOKENS:], word=word, line=line, indent=_indent(last))


def _longest(cursor: _Cursor, before: CopyIndex, others: Sequence[CopyIndex]) -> tuple[int, list[_Place]]:
    """The most tokens that are the same anywhere, and where; with the word that is being typed."""
    wanted = _ngrams(cursor.ids[-_NGRAM:])[0]
    found: list[tuple[CopyIndex, NDArray[np.int64], NDArray[np.int64]]] = []
    for index in (before, *others):
        last = np.flatnonzero(index.ngrams == wanted)[-_MOST_CANDIDATES:] + (_NGRAM - 1)
        last = last[last < len(index.ids) - 1]  # something must follow
        if len(last):
            found.append((index, last, _lengths(index.ids, last, cursor.ids)))
    for length in sorted({length for _, _, lengths in found for length in lengths.tolist()}, reverse=True):
        places: list[_Place] = []
        for index, last, lengths in found:
            end = len(index.text) - len(cursor.line) if index is before else len(index.text)
            for token in last[lengths == length].tolist():
                start, at = int(index.starts[token + 1]), int(index.ends[token])
                if cursor.word:
                    if not index.text.startswith(cursor.word, start):
                        continue
                    at = start + len(cursor.word)
                if at < end:  # the cursor's own place is none
                    places.append(_Place(text=index.text, at=at, end=end))
        if places:
            return length + bool(cursor.word), places[-_MOST_PLACES:]
    return 0, []


def _lengths(ids: NDArray[np.int64], last: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many tokens up to each of `last` are those that are wanted."""
    places = last[:, np.newaxis] - np.arange(len(wanted))
    same = (ids[np.maximum(places, 0)] == wanted[::-1]) & (places >= 0)
    return np.where(same.all(axis=1), len(wanted), same.argmin(axis=1))


def _draft(cursor: _Cursor, place: _Place, *, with_block: bool) -> _Draft:
    near = max(0, place.at - _NEAR)
    text, at, limit = place.text[near : place.at + _NEAR], place.at - near, min(place.end - near, 2 * _NEAR)
    start = text.rfind("\n", 0, at) + 1
    end = _line_end(text, start, limit)
    line, rest = text[start:end], text[at:end].rstrip()
    if cursor.line.strip():
        anchor, least = _indent(line), len(_indent(line)) + 1
        lines = [rest.lstrip() if cursor.line[-1].isspace() else rest]
    else:
        anchor, least = _indent(_last_line(text, start)), len(_indent(line))
        indent = _moved(_indent(line), anchor, cursor.indent)
        if not rest.strip():
            return _Draft(lines=(), source="", problem="nothing follows")
        if indent is None or not indent.startswith(cursor.line):
            return _Draft(lines=(), source="", problem="indentation")
        lines = [f"{indent}{line.strip()}"[len(cursor.line) :]]
    while with_block and end < limit and len(lines) < _BLOCK_LINES:
        following = text[end + 1 : _line_end(text, end + 1, limit)]
        indent = _moved(_indent(following), anchor, cursor.indent)
        if not following.strip() or len(_indent(following)) < least or indent is None:
            break
        lines.append(f"{indent}{following.strip()}")
        end += 1 + len(following)
    if not any(lines) or max(map(len, lines)) > _LINE_CHARACTERS:
        return _Draft(lines=(), source="", problem="nothing follows")
    return _Draft(lines=tuple(lines), source=text[:end])


def _checked(
    found: CopyCompletion, cursor: _Cursor, lines: list[str], agreeing: Sequence[_Draft], after: str
) -> CopyCompletion:
    rest, *below = after.split("\n", _LINES_BELOW + 1)
    if wanted := rest.strip():
        if not lines[0].endswith(wanted):
            return _declined(found, "text after")
        lines = [lines[0].removesuffix(wanted)]
    if not any(lines):
        return _declined(found, "nothing follows")
    shown = [cursor.line + lines[0], *lines[1:]] if lines[0] else lines[1:]
    if shown[0].strip() in (line.strip() for line in below):
        return _declined(found, "already there")
    text = "\n".join(lines)
    sources = {draft.source for draft in agreeing}
    line = cursor.line[-_LINE_CHARACTERS:] + text
    if redact(line) != line or any(_has_secret(s, len(lines)) for s in sources):
        return _declined(found, "secret")
    return CopyCompletion(text=text, reason=None, tokens=found.tokens, places=found.places)


def _declined(found: CopyCompletion, reason: Reason) -> CopyCompletion:
    return CopyCompletion(text=None, reason=reason, tokens=found.tokens, places=found.places)


def _has_secret(source: str, lines: int) -> bool:
    """Whether the last lines hold a secret, judged with what stands above them."""
    near = source.split("\n")[-lines - 2 :]
    if redact("\n".join(near)).split("\n")[-lines:] != near[-lines:]:
        return True
    return "private key" in source.lower() and redact(source).split("\n")[-lines:] != near[-lines:]


def _moved(indent: str, anchor: str, own: str) -> str | None:
    """An indentation as deep beside `own` as it was beside `anchor`; None when the two do not go together."""
    if indent.startswith(anchor):
        deeper = indent.removeprefix(anchor)
        return own + deeper if len(set(own + deeper)) < 2 else None
    if anchor.startswith(indent) and own.endswith(less := anchor.removeprefix(indent)):
        return own.removesuffix(less)
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _line_end(text: str, start: int, limit: int) -> int:
    return limit if (at := text.find("\n", start, limit)) < 0 else at


def _last_line(text: str, end: int) -> str:
    """The last line before a place that has text."""
    above = text[max(0, end - _NEAR) : end].rstrip()
    return above[above.rfind("\n") + 1 :]


def _is_one(row: tuple[str, ...]) -> bool:
    return len(set(row)) == 1
