"""The prompt for a hole: what of the document is looked at, without its secrets, in the model family's own form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assist.complete.values import Hole, Shape, Snippet
from inference.fim.clean import strip_special
from inference.fim.families import Family
from inference.fim.prompt import FimRequest, OtherFile, fim_prompt
from workspace.secrets import redact

_BEFORE, _AFTER = 8_000, 2_000
"""Code points of the document on each side of the cursor. Redacting is most of what a prompt costs, up to 2 ms
where nearly every line has a word such as `token`. Most families read the prefix first, so a server computes all behind
the cursor anew for each key: with 3,000 it was 31 % of a prompt (benchmarks/reports/inference.md)."""
_KEY = 8_192
"""Code points above in which a private key may begin that goes on into these."""
_MOST_TOKENS = 3_072
"""Of a prompt. More context than that costs more time at the model than it gains in what it writes."""
MAX_TOKENS: dict[Shape, int] = {"line": 64, "block": 256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a model wants to be asked."""

    family: Family | None
    count: Callable[[str], int]
    context_tokens: int
    fills_in: bool = False
    """Without a family: the server itself brings both sides of the cursor into its model's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    text: str
    suffix: str = ""
    """What stands behind the cursor, where it is not in the text."""
    stops: tuple[str, ...]
    budget: int
    tokens: int
    paths: tuple[str, ...]
    """Of the snippets that found room, in the prompt's order."""


class InSecret(Exception):
    """The cursor stands in a secret, so that both sides of it would give it away."""


def prompt_for(
    hole: Hole, dialect: Dialect, shape: Shape, snippets: Sequence[Snippet], last: tuple[str, ...] = ()
) -> Prompt:
    """:param last: the paths of the last prompt for the document.
    :raises InSecret: nothing may be sent from this place.
    :raises ValueError: the model's context is too short for any prompt."""
    before, after = without_secrets(hole)
    room = min(_MOST_TOKENS, dialect.context_tokens - MAX_TOKENS[shape])
    if dialect.family is None:
        text = strip_special(before)[-3 * max(room, 1) :]
        suffix = strip_special(after)[: max(room, 1)] if dialect.fills_in else ""
        tokens = dialect.count(text) + dialect.count(suffix)
        return Prompt(text=text, suffix=suffix, stops=(), budget=room, tokens=tokens, paths=())
    files = _files(snippets, hole.path) if dialect.family.repository is not None else ()
    request = FimRequest(
        prefix=before,
        suffix=after,
        path=hole.path,
        language=hole.language.capitalize(),
        repository=hole.repository,
        files=files,
        before=last,
    )
    made = fim_prompt(dialect.family, request, budget=room, count=dialect.count)
    return Prompt(text=made.text, stops=made.stops, budget=room, tokens=made.tokens, paths=made.files)


def without_secrets(hole: Hole) -> tuple[str, str]:
    """The text near the cursor, before and behind it, with each secret replaced.

    A secret is judged by the whole text, and not by the two halves: with the cursor in the middle of one, neither half
    looks like one.

    :raises InSecret: the cursor stands in one.
    """
    start = _line_start(hole.text, max(0, hole.offset - _BEFORE))
    looked = start
    if start and "PRIVATE KEY" in hole.text[max(0, start - _KEY) : start]:
        looked = max(0, start - _KEY)
    end = min(len(hole.text), hole.offset + _AFTER)
    text = hole.text[looked:end]
    # Redacting keeps the number of lines, so the parts are found again by counting.
    lines = redact(text).split("\n")
    above = hole.text.count("\n", looked, start)
    row = hole.text.count("\n", looked, hole.offset)
    own_start = hole.text.rfind("\n", looked, hole.offset) + 1 if row else looked
    own_end = text.find("\n", hole.offset - looked)
    own_end = end if own_end < 0 else looked + own_end
    head, tail = redact(hole.text[own_start : hole.offset]), redact(hole.text[hole.offset : own_end])
    if head + tail != lines[row]:
        raise InSecret
    before = "\n".join((*lines[above:row], head))
    after = "\n".join((tail, *lines[row + 1 :]))
    return before, after


def _line_start(text: str, at: int) -> int:
    """The beginning of the first line that starts there or behind it; the place itself in a very long line."""
    if at == 0:
        return 0
    end = text.find("\n", at - 1, at + _BEFORE // 2)
    return at if end < 0 else end + 1


def _files(snippets: Sequence[Snippet], own: str) -> tuple[OtherFile, ...]:
    """One file for each path, with its snippets in the order of their lines; the most relevant path first."""
    by_path: dict[str, list[Snippet]] = {}
    for snippet in snippets:
        if snippet.path and snippet.path != own:
            by_path.setdefault(snippet.path, []).append(snippet)
    return tuple(
        OtherFile(
            path=path,
            text="\n\n".join(redact(each.text) for each in sorted(found, key=lambda each: each.start_line)),
        )
        for path, found in by_path.items()
    )
