from __future__ import annotations

from assist.complete.lexical import current_line, next_line
from assist.complete.values import Candidate

_ABOVE = 2


def already_there(candidate: Candidate) -> str | None:
    """None when the line that would come about stands just below or above already."""
    first, _, more = candidate.text.partition("\n")
    rest = candidate.after.partition("\n")[0]
    line = (current_line(candidate.before) + first + ("" if more else rest)).strip()
    if len(line) < 3:  # a bracket, or an `fi`
        return candidate.text
    if line == next_line(candidate.after).strip():
        return None
    above = [each.strip() for each in candidate.before.rsplit("\n", _ABOVE + 1)[-_ABOVE - 1 : -1]]
    return None if above and not more and line == above[-1] and len(line.split()) > 1 else candidate.text
