from __future__ import annotations

from assist.complete.lexical import current_line
from assist.complete.values import Candidate
from workspace.secrets import redact

_LINE = 1_000
"""Code points before the cursor that may make a secret of what follows: `token = "`."""


def secrets(candidate: Candidate) -> str | None:
    """None when it holds a key or a password: one that the model made up is no use, one that it knows is not ours."""
    rest = candidate.after.partition("\n")[0][:_LINE]
    before = current_line(candidate.before)[-_LINE:]
    shown = before + candidate.text + rest
    return candidate.text if redact(shown) == shown or redact(before + rest) != before + rest else None
