"""No special token of any family comes from the user's code into a prompt, or from a model into the user's buffer.

Both directions use one automaton that finds many texts at once in one pass: Aho and Corasick, "Efficient string
matching: an aid to bibliographic search", Communications of the ACM 18 (6), 1975, sections 2 and 3.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

from inference.fim.families import SPECIAL_TOKENS

_ANY = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
_KEPT = 64  # automata of stops; a session uses one or two, hostile callers cannot grow it


def strip_special(text: str) -> str:
    """The text without the special tokens of every family, also without those that stripping would join.

    One pass, also for text that is nested on purpose: `<EO<EOT>T>` is empty, whatever the depth.
    """
    if _ANY.search(text) is None:
        return text
    # No token has a line break, so nothing is ever joined over one.
    return "\n".join(_stripped(line) if _ANY.search(line) else line for line in text.split("\n"))


class OutputFilter:
    """Lets a model's text through up to the first special token of any family, or the first of the stops.

    What comes out, put together, is the beginning of what went in: nothing is cut out of the middle, since the rest
    would be joined to what it did not follow. At any time exactly the characters are held back that may yet turn out
    to be the beginning of a token or of a stop.
    """

    def __init__(self, stops: tuple[str, ...] = ()) -> None:
        self._automaton = _automaton((*SPECIAL_TOKENS, *(stop for stop in stops if stop)))
        self._state = 0
        self._held = ""
        self._ended_by: str | None = None

    @property
    def ended_by(self) -> str | None:
        """The token or stop that was found. The caller cancels the stream then: nothing more comes out."""
        return self._ended_by

    def feed(self, piece: str) -> str:
        """What of the text so far is certain and was not given yet."""
        if self._ended_by is not None:
            return ""
        automaton, state = self._automaton, self._state
        text, at = self._held + piece, len(self._held)
        for character in piece:
            at += 1
            state = automaton.step(state, character)
            if length := automaton.found[state]:
                self._ended_by, self._held = text[at - length : at], ""
                return text[: at - length]
        certain = len(text) - automaton.depth[state]
        self._state, self._held = state, text[certain:]
        return text[:certain]

    def finish(self) -> str:
        """What was held back, when the stream is over: the beginning of a token, and no token."""
        held, self._held = self._held, ""
        return held


def _stripped(line: str) -> str:
    automaton = _automaton(SPECIAL_TOKENS)
    kept: list[str] = []
    states = [0]  # states[i]: where the automaton is after kept[:i]
    for character in line:
        state = automaton.step(states[-1], character)
        kept.append(character)
        states.append(state)
        if length := automaton.found[state]:
            del kept[-length:], states[-length:]
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class _Automaton:
    edges: tuple[dict[str, int], ...]
    fall: tuple[int, ...]
    """Where to go on from when there is no edge."""
    found: tuple[int, ...]
    """The length of the longest text that ends here; 0 for none."""
    depth: tuple[int, ...]
    """How many characters seen last are the beginning of a text."""

    def step(self, state: int, character: str) -> int:
        while (following := self.edges[state].get(character)) is None:
            if state == 0:
                return 0
            state = self.fall[state]
        return following


@lru_cache(maxsize=_KEPT)
def _automaton(texts: tuple[str, ...]) -> _Automaton:
    edges: list[dict[str, int]] = [{}]
    depth, found = [0], [0]
    for text in texts:
        state = 0
        for character in text:
            if character not in edges[state]:
                edges[state][character] = len(edges)
                edges.append({})
                depth.append(depth[state] + 1)
                found.append(0)
            state = edges[state][character]
        found[state] = len(text)
    fall = [0] * len(edges)
    waiting = deque(edges[0].values())
    while waiting:  # by depth: where a state falls to is shallower and known
        state = waiting.popleft()
        for character, following in edges[state].items():
            back = fall[state]
            while back and character not in edges[back]:
                back = fall[back]
            fall[following] = edges[back].get(character, 0)
            found[following] = found[following] or found[fall[following]]
            waiting.append(following)
    return _Automaton(tuple(edges), tuple(fall), tuple(found), tuple(depth))
