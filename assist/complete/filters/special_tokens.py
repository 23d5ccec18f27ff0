from __future__ import annotations

from assist.complete.values import Candidate
from inference.fim.clean import OutputFilter


def special_tokens(candidate: Candidate) -> str | None:
    """Up to the first special token of any family: what follows belongs to another text."""
    until = OutputFilter()
    return (until.feed(candidate.text) + until.finish()) or None
