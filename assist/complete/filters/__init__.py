"""What is fit to be shown: one pure function in each module, run in the order of this list.

Each takes a `Candidate` and gives the text that may be shown, or None when none of it may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from assist.complete.filters.already_there import already_there
from assist.complete.filters.blank import blank
from assist.complete.filters.brackets import brackets
from assist.complete.filters.indentation import indentation
from assist.complete.filters.repetition import repetition
from assist.complete.filters.scope import scope
from assist.complete.filters.secrets import secrets
from assist.complete.filters.special_tokens import special_tokens
from assist.complete.filters.suffix_overlap import suffix_overlap
from assist.complete.filters.syntax import syntax
from assist.complete.values import Candidate

Filter = Callable[[Candidate], str | None]

FILTERS: tuple[tuple[str, Filter], ...] = (
    ("special_tokens", special_tokens),
    ("scope", scope),
    ("blank", blank),
    ("repetition", repetition),
    ("indentation", indentation),
    ("suffix_overlap", suffix_overlap),
    ("already_there", already_there),
    ("brackets", brackets),
    ("secrets", secrets),
    ("syntax", syntax),
)
"""The cheap ones that cut come first, so that the others judge what would be shown."""
QUICK = tuple((name, check) for name, check in FILTERS if name != "syntax")
"""Those that take under a millisecond whatever the text is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    text: str
    """Empty when a filter rejected it."""
    by: str = ""
    """The name of that filter."""


def passed(candidate: Candidate, filters: tuple[tuple[str, Filter], ...] = FILTERS) -> Passed:
    """What of a candidate may be shown."""
    for name, check in filters:
        text = check(candidate)
        if not text:
            return Passed(text="", by=name)
        candidate = replace(candidate, text=text)
    return Passed(text=candidate.text)
