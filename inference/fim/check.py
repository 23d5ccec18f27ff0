"""What can be checked of a family against the model that is served, when it starts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from inference.fim.clean import OutputFilter
from inference.fim.families import FAMILIES, Family, Order
from inference.fim.prompt import FimRequest, fim_prompt

Encode = Callable[[str], Sequence[int]]
"""A text's token ids in the served model's tokenizer, without any that it adds before or after."""
Complete = Callable[[str], Awaitable[str]]
"""The model's raw continuation of a prompt: greedy, up to `PROBE_TOKENS` tokens, nothing filtered."""

PROBE_TOKENS = 16
"""More than any answer takes, so that a model which goes on behind its answer shows it."""


def check_tokens(family: Family, encode: Encode) -> tuple[str, ...]:
    """What is wrong when the family's prompts meet this tokenizer, a sentence each; empty when nothing is.

    Each fill-in-the-middle token, and each token of the layout of several files, must be exactly one id: a token that
    falls into pieces is plain text to the model, which then writes anything. Two with the same id are unknown ones.
    """
    problems = _problems(family, encode)
    if problems and (others := families_that_fit(encode)):
        names = ", ".join(other.name for other in others)
        problems.append(f"Families whose tokens this model has: {names}.")
    return tuple(problems)


def families_that_fit(encode: Encode) -> tuple[Family, ...]:
    """Families whose tokens this tokenizer has. Several may be: they share spellings, and not the order."""
    return tuple(family for family in FAMILIES if not _problems(family, encode))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedOrder:
    order: Order | None
    """None when the answers do not tell: keep the table's, and say so."""
    prefix_first: int
    """Points of this order, of at most `BEST_SCORE`."""
    suffix_first: int


async def probe_order(family: Family, complete: Complete) -> ProbedOrder:
    """Which order a model was trained with, by what it writes into holes with one obvious answer.

    Three holes are asked in both orders, six prompts in all. What belongs in each is plain from both sides together
    and from neither alone. An answer that is just right and ends there counts 2, one that begins right and goes on 1.
    An order is settled when it has at least two thirds of all points and more than the other: a model that knows the
    tokens often begins right in the wrong order too, but then does not know where to stop. Special tokens end an
    answer. Errors of `complete` pass through.
    """
    points: dict[Order, int] = {}
    for order in ("prefix-first", "suffix-first"):
        ordered = replace(family, order=order)
        points[order] = sum([await _score(ordered, hole, complete) for hole in _HOLES])
    prefix_first, suffix_first = points["prefix-first"], points["suffix-first"]
    settled: Order | None = "prefix-first" if prefix_first > suffix_first else "suffix-first"
    if prefix_first == suffix_first or max(prefix_first, suffix_first) * 3 < BEST_SCORE * 2:
        settled = None
    return ProbedOrder(order=settled, prefix_first=prefix_first, suffix_first=suffix_first)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hole:
    prefix: str
    answer: str
    suffix: str


_HOLES = (
    _Hole(
        prefix="def add(first, second):\n    total = first + ",
        answer="second",
        suffix="\n    return total\n\n\nassert add(2, 3) == 5\n",
    ),
    _Hole(
        prefix='colours = ["red", "green", "',
        answer="blue",
        suffix='"]\n\nassert colours[2] == "blue"\nassert len(colours) == 3\n',
    ),
    _Hole(
        prefix="import json\n\n\ndef read(text):\n    value = json.",
        answer="loads",
        suffix='(text)\n    return value\n\n\nassert read("[1]") == [1]\n',
    ),
)
BEST_SCORE = 2 * len(_HOLES)
_ROOM = 10_000  # tokens: no hole comes near


async def _score(family: Family, hole: _Hole, complete: Complete) -> int:
    request = FimRequest(prefix=hole.prefix, suffix=hole.suffix, path="probe.py", language="Python")
    prompt = fim_prompt(family, request, budget=_ROOM, count=len)
    until = OutputFilter(prompt.stops)
    answer = (until.feed(await complete(prompt.text)) + until.finish()).strip()
    if answer == hole.answer:
        return 2
    return int(re.match(rf"{re.escape(hole.answer)}\b", answer) is not None)


def _problems(family: Family, encode: Encode) -> list[str]:
    problems: list[str] = []
    seen: dict[int, str] = {}
    for token in _layout_tokens(family):
        ids = encode(token)
        if len(ids) != 1:
            problems.append(f"{token} of {family.name} is {len(ids)} tokens in the served model, not 1.")
        elif ids[0] in seen:
            problems.append(f"{seen[ids[0]]} and {token} of {family.name} are the same token in the served model.")
        else:
            seen[ids[0]] = token
    return problems


def _layout_tokens(family: Family) -> tuple[str, ...]:
    """The special tokens that prompts of the family are made of, in the table's order."""
    layout = family.repository
    templates = [family.start, family.here, family.end]
    if layout is not None:
        templates += [layout.name, layout.file, layout.here, layout.here_in_prefix]
    text = "".join(templates)
    return tuple(token for token in family.special_tokens if token in family.fim_tokens or token in text)
