"""What goes into a completion and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["line", "block"]
"""Up to the end of the line, or of what begins at the cursor."""

Origin = Literal["model", "copied"]
"""Who wrote it: the model, or whoever wrote the same before in the open files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A document at one version, and the cursor in it."""

    document: str
    """One name for it as long as it is open."""
    path: str
    """Relative to the workspace's root; a name for people where there is no file."""
    language: str
    """As in `retrieval.chunking.languages`."""
    version: int
    text: str
    offset: int
    """Code points before the cursor."""
    invoked: bool = False
    """Somebody asked for it by a key, and waits."""
    tab_size: int = 4
    insert_spaces: bool = True
    repository: str = ""
    """Its name, for the prompt."""

    @property
    def before(self) -> str:
        return self.text[: self.offset]

    @property
    def after(self) -> str:
        return self.text[self.offset :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Code from elsewhere that may help."""

    kind: str
    """definition, edit, hit or diagnostic."""
    source: str
    """What proposed it, for people: `imports Cart`, `search`."""
    path: str
    text: str
    start_line: int = 0
    """0-based."""
    end_line: int = 0
    """0-based, exclusive."""
    score: float = 0.0
    """Higher is better, within its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    id: str
    """The same for what is left of a suggestion when its beginning was typed."""
    text: str
    """To insert at the cursor."""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A snippet in the account of a completion, without its text."""

    kind: str
    source: str
    path: str
    start_line: int
    end_line: int
    score: float
    shown: bool
    """Whether it found room in the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How an answer came about, or why there is none. Never the user's text."""

    document: str
    version: int
    reason: str = ""
    """A code of `reasons`; empty when there is an answer."""
    origin: Origin | None = None
    model: str = ""
    backend: str = ""
    """Of several, which one gave the answer and in which version, where it says so."""
    family: str = ""
    shape: Shape = "line"
    cache_hit: bool = False
    snippets: tuple[Considered, ...] = ()
    late: tuple[str, ...] = ()
    """Sources of snippets that did not answer within their time."""
    budget: int = 0
    """Tokens that the prompt may have."""
    tokens: int = 0
    """Tokens of the prompt."""
    waited: float = 0.0
    """Seconds for the typing to rest."""
    context_seconds: float = 0.0
    first_seconds: float | None = None
    """From the request to the model's first piece, the wait included."""
    seconds: float = 0.0
    """Altogether."""
    fallback: str = ""
    """Why the copy was asked in the model's place: a code of `reasons`."""
    detail: str = ""
    """A sentence about what went wrong."""
    dropped: tuple[str, ...] = ()
    """Filters that rejected a candidate."""
    gate: float | None = None
    """How likely it was judged to be taken, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    items: tuple[Item, ...] = ()
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the settings say, in the words of this package."""

    seconds: float = 3.0
    least_wait: float = 0.03
    """Seconds."""
    most_wait: float = 0.4
    multiline: Literal["auto", "always", "never"] = "auto"
    gate: Literal["auto", "off"] = "auto"
    candidates: int = 3
    """At most so many when they are asked for by a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Text that may be shown, and where it would stand."""

    text: str
    before: str
    after: str
    language: str
    shape: Shape = "line"
    insert_spaces: bool = True
    tab_size: int = 4
