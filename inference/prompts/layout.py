"""An order of a prompt's parts in which the beginning stays as it was from one request to the next.

Servers keep what they computed for the beginning of a prompt and reuse it for the next one that begins alike, in whole
blocks of tokens: vLLM's design of automatic prefix caching hashes each full block with all before it, and a block has
16 tokens by default (`CacheConfig.DEFAULT_BLOCK_SIZE`). One changed character makes all behind it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["system", "tools", "map", "file", "snippet", "edits", "cursor"]
"""From what changes least to what changes with each key: this is their order in a prompt."""

BLOCK = 16
"""Tokens, in vLLM."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_REQUIRED: frozenset[Kind] = frozenset({"system", "tools", "cursor"})
_STAYS = 1.25
"""By which a part that was in the last prompt outweighs a new one: what is about as good is not worth reading anew.
In benchmarks/prefix_reuse.py more hardly adds to what is reused, and keeps worse parts in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    kind: Kind
    key: str = ""
    """What it is of, such as a path and lines; the same from request to request. Unique within its kind."""
    text: str
    score: float = 1.0
    """How much it is worth against others, when there is no room for all. No part of the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    parts: tuple[Part, ...]
    """Those that found room, in the prompt's order."""
    text: str
    tokens: int


def laid_out(parts: Iterable[Part], previous: Laid | None = None, *, budget: int, count: Callable[[str], int]) -> Laid:
    """The prompt of parts, of at most `budget` tokens as `count` counts them.

    The system's part, the tools and the cursor are always in. Others are taken by their score as long as there is
    room, those of the previous prompt with some advantage. Within a kind, what was in the previous prompt unchanged
    keeps its order and stands first; new and changed parts follow, in the order of their keys and not of their scores,
    which change with each key that is typed.

    :raises ValueError: when the budget does not hold the parts that are always in.
    """
    texts = [_canonical(part) for part in parts]
    before = {} if previous is None else {_name(part): (place, part) for place, part in enumerate(previous.parts)}
    chosen = [part for part in texts if part.kind in _REQUIRED]
    needed = sum(_tokens(part, count) for part in chosen)
    if needed > budget:
        raise ValueError(f"A budget of {budget} tokens does not hold what is always in, which takes {needed}.")

    def stays(part: Part) -> bool:
        found = before.get(_name(part))
        return found is not None and found[1].text == part.text

    def worth(part: Part) -> float:
        return part.score * (_STAYS if stays(part) else 1.0)

    left, optional = budget - needed, [part for part in texts if part.kind not in _REQUIRED]
    taken: list[Part] = []
    for part in sorted(optional, key=lambda part: (-worth(part), _name(part))):
        if (tokens := _tokens(part, count)) <= left:
            taken.append(part)
            left -= tokens

    def place(part: Part) -> tuple[int, int, int, str]:
        kind = _KINDS.index(part.kind)
        return (kind, 0, before[_name(part)][0], "") if stays(part) else (kind, 1, 0, part.key)

    while True:
        ordered = tuple(sorted([*chosen, *taken], key=place))
        text = "\n".join(part.text for part in ordered)
        if (tokens := count(text)) <= budget or not taken:
            return Laid(parts=ordered, text=text, tokens=tokens)
        taken.pop()  # tokens of the parts do not add up to those of the whole in every tokenizer


def reused(previous: Sequence[object], current: Sequence[object], *, block: int = BLOCK) -> float:
    """The fraction of the current prompt that a server takes over from the previous one.

    :param previous: its token ids; or its characters, with a block of as many characters as 16 tokens have.
    """
    if not current:
        return 0.0
    most = min(len(previous), len(current))
    shared = next((at for at in range(most) if previous[at] != current[at]), most)
    return shared // block * block / len(current)


def _canonical(part: Part) -> Part:
    """With one line break at its end, whatever the editor left there."""
    text = part.text.replace("\r\n", "\n").rstrip() if part.kind != "cursor" else part.text
    return Part(kind=part.kind, key=part.key, text=text if part.kind == "cursor" else f"{text}\n", score=part.score)


def _name(part: Part) -> tuple[str, str]:
    return part.kind, part.key


def _tokens(part: Part, count: Callable[[str], int]) -> int:
    return count(part.text) + 1  # the line break between two parts
