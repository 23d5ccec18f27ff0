from __future__ import annotations

from assist.complete.scope import end_of_scope, scope_at
from assist.complete.values import Candidate


def scope(candidate: Candidate) -> str | None:
    """Up to the end of the scope, as the stream is cut; for answers that did not come as a stream."""
    here = scope_at(candidate.before, candidate.after, candidate.language, candidate.shape, tab_size=candidate.tab_size)
    return candidate.text[: end_of_scope(candidate.text, here, is_whole=True)] or None
