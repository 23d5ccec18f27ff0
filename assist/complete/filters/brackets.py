from __future__ import annotations

from assist.complete.lexical import code, is_prose, missing
from assist.complete.values import Candidate

_PAIRS = {")": "(", "]": "[", "}": "{"}


def brackets(candidate: Candidate) -> str | None:
    """Up to a closing bracket that nothing opened, where what is behind the cursor closes it already.

    A closing bracket of another kind than the one that is open is never right: None.
    """
    text = candidate.text
    if is_prose(candidate.language) or not any(sign in text for sign in _PAIRS):
        return text
    wanted = missing(candidate.before, candidate.after, candidate.language)
    plain = code(text, candidate.language)
    if len(plain) != len(text):  # comments or strings were taken out: judge by the line, which is nearly as good
        return text if _surplus(plain, wanted) is None else None
    at = _surplus(plain, wanted)
    return text if at is None else text[:at].rstrip() or None


def _surplus(plain: str, wanted: str) -> int | None:
    """Where a bracket is closed that must not be."""
    stack: list[str] = []
    used = 0
    for at, sign in enumerate(plain):
        if sign in "([{":
            stack.append(sign)
        elif sign in _PAIRS:
            if stack:
                if stack.pop() != _PAIRS[sign]:
                    return 0
            elif used < len(wanted) and wanted[used] == sign:
                used += 1
            else:
                return at
    return None
