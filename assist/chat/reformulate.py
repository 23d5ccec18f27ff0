"""A follow-up searches with the conversation: `and where is it called?` means what was talked about before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from assist.chat.classify import IDENTIFIER
from assist.chat.conversation import Turn

MAX_QUERY = 300
"""Characters. A longer search is no more precise: the common words of it decide then."""
_CARRIED = 6  # terms of earlier turns
_BACK = 3  # turns that a follow-up may be about
_SHORT = 5  # words; a shorter question that names nothing of the code does not say what it is about
_WORD = re.compile(r"[^\W\d_]\w{2,}")
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|he|she|there|same|above|previous|former|latter|one|ones|again|"
    r"instead|else|other)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"^\W*(?:and|but|so|or|then|also|why|how about|what about|what if|now|ok(?:ay)?)\b", re.IGNORECASE
)
_COMMON = frozenset(
    re.findall(r"\w+", """
    a about above after again all also an and any are as at back be because been before being below between both but by
    call called calls can could did do does doing done down each else every few file files find first for from function
    get give go goes good had has have he help here hers him his how i if in instead into is it its just know last less
    let like line look made make many may me mean mine more most much must my name need never new no nor not now of off
    ok on once one only or other our out over own part place please put same say see set she should show so some
    something such sure take tell than thank thanks that the their theirs them then there these they thing things this
    those through to too under until up us use used uses using very want was way we well were what when where which
    while who whom whose why will with without work works would write yes yet you your code class method module
    explain describe change add does
    """)
)  # fmt: skip
"""Words that find nothing, those of asking about code among them."""


def is_follow_up(question: str, turns: Sequence[Turn]) -> bool:
    """Whether a question can only be understood with what was said before."""
    if not turns:
        return False
    is_short = len(_WORD.findall(question)) < _SHORT and not identifiers(question)
    return is_short or _POINTS_BACK.search(question) is not None or _GOES_ON.match(question) is not None


def with_conversation(question: str, turns: Sequence[Turn]) -> str:
    """A search for a follow-up without a model: the question, and the names that the last turns were about.

    Names of code come first, the latest turn's before those of the one before it, then plain words.
    """
    known = {term.lower() for term in terms(question)}
    names: dict[str, None] = {}
    words: dict[str, None] = {}
    for turn in reversed(turns[-_BACK:]):
        for name in identifiers(turn.question):
            names.setdefault(name, None)
        for citation in turn.citations[:3]:
            for name in citation.symbol.split(", ") if citation.symbol else [PurePosixPath(citation.path).stem]:
                names.setdefault(name, None)
        for word in terms(IDENTIFIER.sub(" ", turn.question)):
            words.setdefault(word, None)
    carried = [each for each in dict.fromkeys([*names, *words]) if each.lower() not in known][:_CARRIED]
    return " ".join([question.strip(), *carried])[:MAX_QUERY]


def identifiers(text: str) -> tuple[str, ...]:
    """Names of code in a text, in its order."""
    return tuple(dict.fromkeys(match[0].strip("`").removesuffix("()") for match in IDENTIFIER.finditer(text)))


def terms(text: str) -> tuple[str, ...]:
    """Words of a text that say what it is about, in its order."""
    return tuple(dict.fromkeys(word for word in _WORD.findall(text) if word.lower() not in _COMMON))


def read_query(answer: str) -> str:
    """The search that a model wrote; empty when its answer is none."""
    lines = [line.strip() for line in answer.strip().split("\n") if line.strip()]
    if len(lines) != 1:
        return ""
    query = re.sub(r"^(?:query|search(?: query)?)\s*:\s*", "", lines[0], flags=re.IGNORECASE).strip("\"'` ")
    return query if 2 < len(query) <= MAX_QUERY and query.isprintable() else ""
