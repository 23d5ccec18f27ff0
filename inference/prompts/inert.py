"""Text of special tokens in what people and files say, so that it cannot end a turn or begin another."""

# ruff: noqa: RUF001
# DeepSeek's tokens are spelt with a full-width bar.

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from inference.fim.families import SPECIAL_TOKENS

_ROUNDS = 8

# Where a model's own tokens are not known. Without those that are ordinary text too, as HTML is: a model has these
# tokens in its tokenizer, which then says so.
_ORDINARY = frozenset({"<s>", "</s>", "<filename>", "<reponame>", "<gh_stars>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]"})
CONTROL_TOKENS: tuple[str, ...] = (
    *(token for token in SPECIAL_TOKENS if token not in _ORDINARY),
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>",
    "<|python_tag|>", "<|finetune_right_pad_id|>",
    "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
    "<start_of_turn>", "<end_of_turn>", "<turn|>", "<|turn>",
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>",
    "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|tool|>", "<|start_of_role|>", "<|end_of_role|>",
    "<|start|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>", "<|im_start|>", "<|im_end|>", "<|im_sep|>",
)  # fmt: skip
"""Texts that begin or end a turn in some model."""


def made_inert(text: str, special: Iterable[str] = CONTROL_TOKENS) -> str:
    """The text with a space put into each special token, so that none of them means anything to a model.

    Nothing is taken away, unlike in code to be completed: a person who asks about `<|im_end|>` is to get an answer.
    """
    pattern = _starts(tuple(special))
    for _ in range(_ROUNDS):
        if pattern.search(text) is None:
            return text
        text = pattern.sub(lambda found: f"{found[0]} ", text)
    while pattern.search(text):  # a token with a space at its second place: what is put in makes it again
        text = pattern.sub("", text)
    return text


@lru_cache(maxsize=8)
def _starts(special: tuple[str, ...]) -> re.Pattern[str]:
    """The first character of each special token, wherever one begins, also within another."""
    rests: dict[str, list[str]] = {}
    for token in special:
        if len(token) > 1 and not token.isspace():
            rests.setdefault(token[0], []).append(re.escape(token[1:]))
    # By their first characters, so that text without any is passed over quickly.
    branches = [f"{re.escape(first)}(?={'|'.join(each)})" for first, each in rests.items()]
    return re.compile("|".join(branches) or r"(?!)")
