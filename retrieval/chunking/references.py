"""Which names a file uses, told by its words: comments, strings and the language's own words are left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from retrieval.chunking.languages import Lexis

_NAME_BYTES = bytes(c if c >= 128 or chr(c).isalnum() or c == ord("_") else ord(" ") for c in range(256))
_COMMON = frozenset(
    {"True", "False", "None", "true", "false", "null", "nil", "NULL", "nullptr", "undefined"}
    | {"self", "this", "super", "cls", "Self"}
)
_LONGEST = 80  # bytes; what is longer is data
_MOST = 5_000  # different names of one file


def references(
    content: bytes, lexis: Lexis, keywords: frozenset[str], defined: Iterable[str]
) -> tuple[tuple[str, int], ...]:
    """Names with how often they are used, sorted.

    :param defined: the simple names that the file defines, one for each definition: it is not a use.
    """
    plain = code_only(content, lexis)
    counts = Counter(plain.translate(_NAME_BYTES).split())
    uses = {
        word.decode("utf-8", "replace"): count
        for word, count in counts.items()
        if 1 < len(word) <= _LONGEST and not 48 <= word[0] <= 57
    }
    for name, definitions in Counter(defined).items():
        if name in uses:
            uses[name] -= definitions
    for word in uses.keys() & (keywords | lexis.words | _COMMON):
        del uses[word]
    kept = sorted((name, count) for name, count in uses.items() if count > 0)
    if len(kept) > _MOST:
        kept = sorted(sorted(kept, key=lambda use: (-use[1], use[0]))[:_MOST])
    return tuple(kept)


def code_only(content: bytes, lexis: Lexis) -> bytes:
    """The content with a space for each comment and string."""
    pattern = _not_code(lexis)
    return pattern.sub(b" ", content) if pattern is not None else content


@lru_cache
def _not_code(lexis: Lexis) -> re.Pattern[bytes] | None:
    blocks = [f"{re.escape(begin)}[\\s\\S]*?(?:{re.escape(end)}|\\Z)" for begin, end in lexis.block_comments]
    lines = [f"{re.escape(begin)}[^\\n]*" for begin in lexis.line_comments]
    every = [*blocks, *lines, *lexis.strings]
    return re.compile("|".join(every).encode(), re.MULTILINE) if every else None
