"""How many tokens a text has about, where the served model's tokenizer is not to be had."""

from __future__ import annotations

import re

from inference.tokens.counter import TokenCounter

# What a tokenizer for code makes one token of, at most. Measured with the public ranks of cl100k_base and the word
# pattern of Qwen2.5, whose vocabulary was built from those ranks (arXiv 2309.16609, section 2.2), on Python, C,
# JavaScript, also minified, CSS, JSON, Markdown and lock files, 10 MB in all: from 0.98 (hashes) to 1.26 (minified
# JavaScript) times the true count, 1.11 for Python; a quarter of the characters is from 0.33 to 1.02. The embedder's
# tokenizer, which comes along, was no measure: it knows no white space and no capitals.
_TOKEN = re.compile(
    r" ?[A-Z]?[a-z]{1,8}"  # a word or a part of one
    r"| ?[A-Z]{1,3}"
    r"|\d"  # Qwen, DeepSeek and Llama 2 count each digit
    r"| ?[!-/:-@\[-`{-~]{1,2}"
    r"|\s{1,16}"
    r"|[^\x00-\x7f]"  # one for each sign of Chinese, twice too many for Russian
    r"|."
)
_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]")
_ASTRAL_MORE = 2  # four bytes; three tokens
_CUTS = re.compile(r"(?<=\S)(?=\r?\n)")


def estimated_tokens(text: str) -> int:
    """Rather too many than too few."""
    count = len(_TOKEN.findall(text))
    return count if text.isascii() else count + _ASTRAL_MORE * len(_ASTRAL.findall(text))


def estimating_counter(*, scale: float = 1.0, source: str = "an estimate, mostly 5 to 30 % too high") -> TokenCounter:
    return TokenCounter(estimated_tokens, cuts=_CUTS, source=source, is_estimate=True, scale=scale)


def estimated_pieces(text: str) -> list[str]:
    """What is counted as a token each, in order, but for signs that count more than once."""
    return _TOKEN.findall(text)
