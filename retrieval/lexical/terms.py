"""Words of code and prose, cut, stemmed and numbered for lexical search.

`HTTPServer.sendError` gives `httpserver`, `http`, `server`, `senderror`, `send`, `error`: the compound stays a term, so
that an exact name is found first, and its parts are found by people who describe it.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache
from typing import Protocol, cast

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs]

LONGEST_QUESTION = 1_000
"""Characters of a search text that are read; patterns over more of it could take seconds."""

LONGEST_IDENTIFIER = 128
"""Characters. What is longer is a digest, base64 or generated, and nobody searches for it."""

_WORD = re.compile(r"\w+")
_ASCII_WORD = re.compile(r"\w+", re.ASCII)
"""The same words of ASCII text, in two thirds of the time."""
_HYPHENATED = re.compile(r"(?<!\w)\w{1,64}(?:-\w{1,64})+")  # bounded: a long word must not be tried from each letter
_PARTS = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]|[0-9]+")
"""Of an ASCII identifier: `HTTPServer2` is HTTP, Server, 2. An acronym gives its last capital to the
word that follows, and keeps its plural: `parseURLs` is parse, URLs."""

_SCRIPTS_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Burmese, Khmer, kana, Han, Hangul: no spaces between words, or particles glued to them; cut in bigrams."""

_UNICODE_PARTS = re.compile(r"[^\W\d_]+|\d+")

_STEMMED_ENDINGS = frozenset("sdgyelrmtcn")
"""Porter's algorithm leaves every other ending alone; asking first makes stemming twice as fast."""

_SHORTEST_STEMMED = 3
"""Characters: `ids` is the plural of `id`; that `bus` becomes `bu` does no harm, since it does so everywhere."""

STOP_WORDS = frozenset(
    """
    a about all also am an and any are as at be been being both but by can could did do does doing done each either for
    from had has have having he her here hers him his how however i if in into is it its itself just may me might more
    most must my no nor not now of off on once only onto or other our ours out over own same shall she should so some
    such than that the their theirs them then there these they this those through thus to too under until up upon us
    very via was we were what when where whether which while who whom whose why will with within without would you your
    yours
    self
    """.split()  # noqa: SIM905 - a hundred words in quotes are hard to read
)
"""English function words, and Python's `self`: on every other line, and no question is about them."""


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...


_porter = cast(_Stemmer, snowballstemmer.stemmer("porter"))  # pyright: ignore[reportUnknownMemberType]


def raw_words(text: str) -> list[str]:
    """Identifiers, words and numbers as they stand in the text."""
    return (_ASCII_WORD if text.isascii() else _WORD).findall(text)


def hyphenated(text: str) -> list[str]:
    """Words that hyphens join, as names with underscores: of `the v-if directive`, `v_if`."""
    return [word.replace("-", "_") for word in _HYPHENATED.findall(text)]


def split(identifier: str) -> tuple[str, ...]:
    """The lower-case parts of an identifier, in order: `getHTTPResponse` is get, http, response."""
    if len(identifier) > LONGEST_IDENTIFIER:
        return ()
    if identifier.isascii():
        return tuple([part.lower() for part in _PARTS.findall(identifier)])
    return tuple(_split_unicode(identifier))


def _split_unicode(identifier: str) -> list[str]:
    parts: list[str] = []
    text = unicodedata.normalize("NFKC", identifier)
    for run in _UNICODE_PARTS.findall(text):
        if run.isascii():
            parts += [part.lower() for part in _PARTS.findall(run)]
            continue
        end = 0
        for match in _SCRIPTS_WITHOUT_SPACES.finditer(run):
            parts += _cased_parts(run[end : match.start()])
            characters = match.group()
            parts += [characters[i : i + 2] for i in range(max(1, len(characters) - 1))]
            end = match.end()
        parts += _cased_parts(run[end:])
    return parts


def _cased_parts(run: str) -> list[str]:
    if not run:
        return []
    spaced = "".join(
        f" {character}" if character.isupper() and i and not run[i - 1].isupper() else character
        for i, character in enumerate(run)
    )
    return spaced.casefold().split()


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Porter's stem of a lower-case word (M. F. Porter, An algorithm for suffix stripping, 1980)."""
    if len(word) < _SHORTEST_STEMMED or word[-1] not in _STEMMED_ENDINGS or not word.isascii() or not word.isalpha():
        return word
    return _porter.stemWord(word)


def stems(identifier: str) -> tuple[str, ...]:
    """The stems of an identifier's parts, without stop words, lone letters and lone digits."""
    return _stems(split(identifier))


def compound(identifier: str) -> str:
    """The whole identifier in lower case and without underscores, the same for `sendError` and `SEND_ERROR`.

    Empty for a single word, which needs no term of its own, and for what is too long to be a name.
    """
    return _compound(identifier, split(identifier))


def terms(identifier: str) -> tuple[str, ...]:
    """What an identifier of a text is found by: its compound and the stems of its parts."""
    parts = split(identifier)
    whole = _compound(identifier, parts)
    return (whole, *_stems(parts)) if whole else _stems(parts)


def term_id(term: str) -> int:
    """The term's index in sparse vectors: its CRC-32, the same in every process and on every machine.

    Two of 300,000 terms share an index about ten times; that costs less than a dictionary that all indexes share.
    """
    return zlib.crc32(term.encode("utf-8", "surrogatepass"))


def _stems(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([stem(part) for part in parts if part not in STOP_WORDS and (len(part) > 1 or not part.isascii())])


def _compound(identifier: str, parts: tuple[str, ...]) -> str:
    # Bigrams of a script without spaces are no parts of a compound.
    return "".join(parts) if len(parts) > 1 and identifier.isascii() else ""
