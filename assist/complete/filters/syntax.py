from __future__ import annotations

from dataclasses import dataclass

from assist.complete.lexical import language
from assist.complete.values import Candidate
from retrieval.chunking.grammars import CannotParse, parse
from retrieval.chunking.languages import Language

_MOST = 12_000
"""Bytes that are parsed: 3 ms for both parses together."""
_COMPLETE = frozenset(")]}\"'`;")
_MOST_NODES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What has to be parsed to judge a candidate."""

    language: str
    without: str
    with_it: str


def syntax(candidate: Candidate) -> str | None:
    """None when the code around it parses worse than before.

    Judged over the paragraphs around the cursor that begin at the left margin. Where a suggestion stops in the middle
    of a statement, as at an opening bracket or behind an operator, nothing can be said, and it passes.

    Text that was made for it keeps a parser busy for seconds, and nothing can stop it: while others wait, ask
    `question`, and let another process answer it with `is_worse`.
    """
    asked = question(candidate)
    return None if asked is not None and is_worse(asked) else candidate.text


def question(candidate: Candidate) -> Question | None:
    """None when nothing can be said of it."""
    known = language(candidate.language)
    text = candidate.text.rstrip()
    last = text[-1:]
    if known.grammar is None or not known.is_code or not (last.isalnum() or last == "_" or last in _COMPLETE):
        return None
    above, below = _surroundings(candidate.before, candidate.after)
    if len(above) + len(below) + len(text) > _MOST:
        return None
    return Question(language=candidate.language, without=above + below, with_it=above + candidate.text + below)


def is_worse(asked: Question) -> bool:
    """Whether it has more errors with the suggestion than without."""
    known = language(asked.language)
    try:
        return errors_in(known, asked.with_it) > errors_in(known, asked.without)
    except CannotParse:
        return False


def errors_in(known: Language, text: str) -> int:
    """Nodes that are errors, or that the parser had to imagine.

    :raises CannotParse: there is no grammar, or it took too long.
    """
    root = parse(known, text.encode("utf-8", "replace"))
    if not root.has_error:
        return 0
    waiting, found, seen = [root], 0, 0
    while waiting and seen < _MOST_NODES:
        node = waiting.pop()
        seen += 1
        if node.type == "ERROR" or node.is_missing:
            found += 1
        waiting += [child for child in node.children if child.has_error]
    return found


def _surroundings(before: str, after: str) -> tuple[str, str]:
    """From the last line at the left margin that is near to the next one."""
    start = len(before)
    for _ in range(_MOST):
        start = before.rfind("\n", 0, start) if start > 0 else -1
        if start < 0:
            start = 0
            break
        following = before[start + 1 : start + 2]
        if (following.isalnum() or following in ("_", "@", "#")) and before[start - 1 : start] in ("\n", ""):
            start += 1
            break
        if len(before) - start > _MOST:
            break
    end = after.find("\n")
    while 0 <= end < _MOST:
        following = after[end + 1 : end + 2]
        if after[end - 1 : end] == "\n" and (following.isalnum() or following in ("_", "@", "#")):
            break
        end = after.find("\n", end + 1)
    return before[start:], after if end < 0 else after[: end + 1]
