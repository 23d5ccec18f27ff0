"""Whether a place is one for a suggestion at all."""

from __future__ import annotations

import re

_MAY_FOLLOW = re.compile(r"[\s)\]}>\"'`;,:{=\\/*#-]*")
"""What an editor puts behind the cursor by itself, and what ends a line: text before anything else in the same line
would have to fit on both sides, and people seldom take it."""


def is_wanted(before: str, after: str, *, invoked: bool) -> bool:
    """Whether to ask; for somebody who asks by a key, everywhere but within a word."""
    rest = after.partition("\n")[0]
    if rest[:1].isalnum() or rest[:1] == "_":
        return False
    if invoked:
        return True
    if not before.strip() and not after.strip():
        return False  # an empty file says nothing about what is wanted
    return _MAY_FOLLOW.fullmatch(rest) is not None
