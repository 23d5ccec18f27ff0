from __future__ import annotations

from assist.complete.values import Candidate


def blank(candidate: Candidate) -> str | None:
    """Without white space at its end; None for nothing else: nobody sees that it is there."""
    return candidate.text.rstrip() or None
