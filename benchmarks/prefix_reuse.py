"""How much of each prompt a server can take over from the prompts before it, with the files of a prompt in
three orders.

`python -P -m benchmarks.prefix_reuse`. A session of typing is replayed over this repository's own files: the lines of
a function appear one word after another, and a request goes out at each. What is shown beside the file are passages of
other files that share words with the lines at the cursor, which is what makes their scores change as someone types.
Tokens are those of the estimate, so no model is needed; blocks are those of vLLM: 16 tokens, hashed with all before.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from assist.complete.prompt import Dialect, prompt_for
from assist.complete.values import Hole, Snippet
from inference.fim.families import QWEN_CODER
from inference.tokens.estimate import estimated_pieces, estimating_counter

BLOCK = 16
"""Tokens that vLLM keeps or drops together: its "Automatic Prefix Caching" design."""
_ROOT = Path(__file__).resolve().parents[1]
_EDITED = ("inference/copying.py", "retrieval/store/server.py", "assist/edit.py")
_PASSAGE = 40  # lines
_OFFERED = 16  # passages, the best by score; about half of them have room
_SERVES = 8  # requests that one search serves: what was found is looked for again after 10 s
_WORDS = re.compile(r"[A-Za-z_]\w{2,}")
WAYS = ("by score", "by path", "as the last")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    hole: Hole
    snippets: tuple[Snippet, ...]
    """The best first."""


def session(path: str, *, first: int = 40, lines: int = 24) -> tuple[Request, ...]:
    """What is asked for while the lines from `first` on are typed."""
    all_lines = (_ROOT / path).read_text("utf-8").split("\n")
    passages = [passage for passage in _passages() if passage.path.partition(":")[0] != path]
    requests: list[Request] = []
    offered: tuple[Snippet, ...] = ()
    for number in range(first, min(first + lines, len(all_lines))):
        words = all_lines[number].split(" ")
        for typed in range(1, len(words) + 1):
            line = " ".join(words[:typed])
            before = "\n".join([*all_lines[:number], line])
            if len(requests) % _SERVES == 0:
                offered = _best(passages, "\n".join([*all_lines[max(0, number - 10) : number], line]))
            text = before + "\n" + "\n".join(all_lines[first + lines :])
            hole = Hole(
                document=path,
                path=path,
                language="python",
                version=1,
                text=text,
                offset=len(before),
                repository="assay",
            )
            requests.append(Request(hole=hole, snippets=offered))
    return tuple(requests)


def replayed(requests: tuple[Request, ...], way: str) -> Reuse:
    """:param way: one of `WAYS`; the last is the product's."""
    pieces: list[list[str]] = []
    last: tuple[str, ...] = ()
    dialect = Dialect(family=QWEN_CODER, count=estimating_counter().count, context_tokens=8_192)
    for request in requests:
        before = {
            "by score": tuple(snippet.path for snippet in request.snippets),
            "by path": (),
            "as the last": last,
        }[way]
        made = prompt_for(request.hole, dialect, "block", request.snippets, before)
        last = made.paths
        pieces.append(estimated_pieces(made.text))
    tokens = sum(map(len, pieces))
    return Reuse(
        way=way,
        requests=len(pieces),
        tokens=tokens,
        from_last=sum(_shared(a, b) for a, b in pairwise(pieces)) / tokens,
        from_all=_from_all(pieces) / tokens,
    )


def measured(edited: tuple[str, ...] = _EDITED) -> dict[str, dict[str, Reuse]]:
    """By file and way."""
    return {path: {way: replayed(requests, way) for way in WAYS} for path in edited for requests in [session(path)]}


def _shared(previous: list[str], current: list[str]) -> int:
    """Tokens in whole blocks that both begin with."""
    most = min(len(previous), len(current))
    same = next((at for at in range(most) if previous[at] != current[at]), most)
    return same // BLOCK * BLOCK


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


def _best(passages: list[Snippet], near: str) -> tuple[Snippet, ...]:
    wanted = Counter(_WORDS.findall(near))
    scored = [(sum(n for word, n in wanted.items() if word in _known(each)), each) for each in passages]
    return tuple(each for _, each in sorted(scored, key=lambda pair: (-pair[0], pair[1].path))[:_OFFERED])


_words: dict[str, frozenset[str]] = {}


def _known(passage: Snippet) -> frozenset[str]:
    if passage.path not in _words:
        _words[passage.path] = frozenset(_WORDS.findall(passage.text))
    return _words[passage.path]


def _passages() -> list[Snippet]:
    found: list[Snippet] = []
    for package in ("inference", "retrieval", "assist", "workspace"):
        for file in sorted((_ROOT / package).rglob("*.py")):
            path = file.relative_to(_ROOT).as_posix()
            lines = file.read_text("utf-8").split("\n")
            for start in range(0, len(lines), _PASSAGE):
                text = "\n".join(lines[start : start + _PASSAGE])
                found.append(Snippet(kind="hit", source="search", path=f"{path}:{start:06}", text=text))
    return found


if __name__ == "__main__":
    for name, ways in measured().items():
        for reuse in ways.values():
            print(f"{name:28} {reuse.way:9} {reuse.requests:4} prompts {reuse.tokens:8,} tokens  "
                  f"{reuse.from_last:.2f} of the last, {reuse.from_all:.2f} of all")  # fmt: skip
