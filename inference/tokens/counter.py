"""Counting tokens as text changes little by little."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

_SMALL = 4_096  # characters of a piece that is remembered among many
_MANY, _FEW = 8_192, 64  # pieces remembered: 32 MB of small ones at the very most, one or two in practice


class TokenCounter:
    """Counts tokens, and remembers what it counted: of a text that changed in one place, one piece is counted anew.

    :param count: of one text.
    :param cuts: empty matches at places that no token spans, so that the counts of both sides add up; None when there
        are no such places.
    :param source: where the counts come from, for people: `the tokenizer of qwen2.5-coder`.
    :param is_estimate: whether they are not those of the served model. Whoever shows a count says so.
    :param scale: by which a count is multiplied, and rounded up.
    """

    def __init__(
        self,
        count: Callable[[str], int],
        *,
        cuts: re.Pattern[str] | None,
        source: str,
        is_estimate: bool,
        scale: float = 1.0,
    ) -> None:
        self._cuts = cuts
        self._scale = scale
        self._small = lru_cache(_MANY)(count)
        self._large = lru_cache(_FEW)(count)
        self.source = source
        self.is_estimate = is_estimate

    def count(self, text: str) -> int:
        """Without the tokens that a model's tokenizer adds before or after a whole prompt."""
        return math.ceil(sum(map(self._of_piece, self._pieces(text))) * self._scale)

    def truncate(self, text: str, tokens: int, *, keep: Literal["beginning", "end"] = "beginning") -> str:
        """As much of the beginning or the end as has at most so many tokens; it may stop within a line."""
        if tokens <= 0:
            return ""
        pieces = self._pieces(text)
        if keep == "end":
            pieces.reverse()
        kept = total = most = 0
        for piece in pieces:
            total += self._of_piece(piece)
            most = kept + len(piece)
            if math.ceil(total * self._scale) > tokens:
                break
            kept = most

        def is_too_long(size: int) -> bool:
            return self.count(_kept(text, size, keep)) > tokens

        size = kept + bisect_left(range(kept + 1, most + 1), 1, key=is_too_long)
        # A longer text may have fewer tokens, which the search does not know of.
        while size and is_too_long(size):
            size -= 1
        return _kept(text, size, keep)

    def _pieces(self, text: str) -> list[str]:
        if self._cuts is None:
            return [text] if text else []
        return [piece for piece in self._cuts.split(text) if piece]

    def _of_piece(self, piece: str) -> int:
        return self._small(piece) if len(piece) <= _SMALL else self._large(piece)


def _kept(text: str, size: int, keep: Literal["beginning", "end"]) -> str:
    return text[:size] if keep == "beginning" else text[len(text) - size :]
