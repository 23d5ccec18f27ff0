"""How much of each prompt a server can take over from the prompts before it, with Assay's layout and without.

`python -P -m benchmarks.prefix_reuse`. A session of typing is replayed over this repository's own files: the lines of
a function appear one word after another, and a request goes out at each. What is shown beside the file are passages of
other files that share words with the lines at the cursor, which is what makes their scores change as someone types.
Tokens are those of the estimate, so no model is needed; blocks are those of vLLM: 16 tokens, hashed with all before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from inference.prompts.files import prompt
from inference.prompts.layout import BLOCK, Laid, Part, laid_out, reused
from inference.tokens.estimate import estimated_pieces, estimating_counter

_ROOT = Path(__file__).resolve().parents[1]
_EDITED = ("inference/copying.py", "retrieval/store/server.py", "assist/edit.py")
_BUDGET = 4_096
_PASSAGE = 40  # lines
_OFFERED = 16  # passages, the best by score; about half of them have room
_WINDOW = 60  # lines before the cursor
_AFTER = 20
_STEP = 16  # lines by which the window moves, in both ways
_WORDS = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    way: str
    requests: int
    tokens: int
    """Of all prompts."""
    from_last: float
    """The fraction that the prompt before began with."""
    from_all: float
    """The fraction in blocks that any earlier prompt left, as in a cache that never forgets."""


def session(path: str, *, first: int = 40, lines: int = 24) -> tuple[tuple[Part, ...], ...]:
    """The parts of each request while the lines from `first` on are typed, by the best score first."""
    text = (_ROOT / path).read_text("utf-8")
    all_lines = text.split("\n")
    passages = [passage for passage in _passages() if passage.key.partition(":")[0] != path]
    system = Part(kind="system", text=prompt("edit").sections[0][1])
    listing = Part(
        kind="map", key="files", text="\n".join(sorted({each.key.partition(":")[0] for each in passages})[:80])
    )
    requests: list[tuple[Part, ...]] = []
    for number in range(first, min(first + lines, len(all_lines))):
        words = all_lines[number].split(" ")
        for typed in range(1, len(words) + 1):
            line = " ".join(words[:typed])
            start = max(0, number - _WINDOW) // _STEP * _STEP
            before = "\n".join([*all_lines[start:number], line])
            after = "\n".join(all_lines[first + lines : first + lines + _AFTER])
            offered = _best(passages, "\n".join([*all_lines[max(0, number - 10) : number], line]))
            requests.append((system, listing, *offered, Part(kind="cursor", text=f"{before}<|cursor|>\n{after}")))
    return tuple(requests)


def replayed(requests: tuple[tuple[Part, ...], ...], way: str) -> Reuse:
    """:param way: `layout`, `by path` (without a memory of the last prompt), or `by score`."""
    texts: list[str] = []
    last: Laid | None = None
    count = estimating_counter().count
    for parts in requests:
        last = laid_out(parts, last if way == "layout" else None, budget=_BUDGET, count=count)
        texts.append(_in_order_of_score(last) if way == "by score" else last.text)
    pieces = [estimated_pieces(text) for text in texts]
    tokens = sum(map(len, pieces))
    shared = sum(reused(a, b) * len(b) for a, b in pairwise(pieces))
    return Reuse(
        way=way,
        requests=len(texts),
        tokens=tokens,
        from_last=shared / tokens,
        from_all=_from_all(pieces) / tokens,
    )


def measured(edited: tuple[str, ...] = _EDITED) -> dict[str, dict[str, Reuse]]:
    """By file and way."""
    ways = ("by score", "by path", "layout")
    return {path: {way: replayed(requests, way) for way in ways} for path in edited for requests in [session(path)]}


def _in_order_of_score(laid: Laid) -> str:
    inside = sorted((part for part in laid.parts if part.kind == "snippet"), key=lambda part: -part.score)
    others = [part for part in laid.parts if part.kind != "snippet"]
    return "\n".join(part.text for part in [*others[:-1], *inside, others[-1]])


def _from_all(prompts: list[list[str]]) -> int:
    """Tokens in blocks that stood there before with the same beginning."""
    seen: set[int] = set()
    found = 0
    for pieces in prompts:
        chain, hit = 0, True
        for at in range(0, len(pieces) - BLOCK + 1, BLOCK):
            chain = hash((chain, *pieces[at : at + BLOCK]))
            hit = hit and chain in seen
            found += BLOCK * hit
            seen.add(chain)
    return found


def _best(passages: list[Part], near: str) -> Iterator[Part]:
    wanted = Counter(_WORDS.findall(near))
    scored = [(sum(n for word, n in wanted.items() if word in _known(part)), part) for part in passages]
    for score, part in sorted(scored, key=lambda each: (-each[0], each[1].key))[:_OFFERED]:
        yield Part(kind=part.kind, key=part.key, text=part.text, score=float(score))


_words: dict[str, frozenset[str]] = {}


def _known(part: Part) -> frozenset[str]:
    if part.key not in _words:
        _words[part.key] = frozenset(_WORDS.findall(part.text))
    return _words[part.key]


def _passages() -> list[Part]:
    found: list[Part] = []
    for package in ("inference", "retrieval", "assist", "workspace"):
        for file in sorted((_ROOT / package).rglob("*.py")):
            path = file.relative_to(_ROOT).as_posix()
            lines = file.read_text("utf-8").split("\n")
            for start in range(0, len(lines), _PASSAGE):
                text = f"From {path}:\n" + "\n".join(lines[start : start + _PASSAGE])
                found.append(Part(kind="snippet", key=f"{path}:{start:06}", text=text))
    return found


if __name__ == "__main__":
    for name, ways in measured().items():
        for reuse in ways.values():
            print(f"{name:28} {reuse.way:9} {reuse.requests:4} prompts {reuse.tokens:8,} tokens  "
                  f"{reuse.from_last:.2f} of the last, {reuse.from_all:.2f} of all")  # fmt: skip
