"""Context chips: `@file:path`, `@symbol:name` and others in a message, and how an editor completes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

KINDS: dict[str, str] = {
    "file": "a file, or some of its lines: @file:src/shop.py or @file:src/shop.py:10-20",
    "symbol": "where a function or class is defined: @symbol:Cart.total",
    "folder": "what a folder holds, and what the question finds there: @folder:src",
    "workspace": "search the whole workspace for the question",
    "diagnostics": "what the editor's checkers say about the file",
    "selection": "the code that is selected",
    "git": "what changed in the working tree since the last commit",
    "terminal": "the end of what the terminal shows",
    "image": "a picture, for models that take them: @image:docs/screen.png",
}
WITH_VALUE = frozenset({"file", "symbol", "folder", "image"})
MAX_CHIPS = 20
"""In one message; more are no question any more."""
_MAX_VALUE = 300
_MOST = 50  # candidates of a completion

_CHIP = re.compile(
    rf'(?<![\w@.])@(?:(?P<kind>file|symbol|folder|image):(?:"(?P<quoted>[^"\n]{{1,{_MAX_VALUE}}})"'
    rf"|(?P<value>[^\s\"]{{1,{_MAX_VALUE}}}))|(?P<bare>workspace|diagnostics|selection|git|terminal)(?![\w:-]))"
)
_LINES = re.compile(r"^(?P<path>.+?)[:#]L?(?P<first>\d{1,7})(?:-L?(?P<last>\d{1,7}))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    kind: str
    value: str = ""
    first: int = 0
    """1-based line of a file; 0 is all of it."""
    last: int = 0
    """1-based, inclusive."""

    @property
    def label(self) -> str:
        lines = f":{self.first}-{self.last}" if self.first else ""
        return f"@{self.kind}:{self.value}{lines}" if self.value else f"@{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    label: str
    """What stands in the message when it is chosen."""
    detail: str


def read_chips(message: str) -> tuple[Chip, ...]:
    """The chips of a message in order, each once."""
    found: dict[Chip, None] = {}
    for match in _CHIP.finditer(message):
        if bare := match["bare"]:
            found[Chip(kind=bare)] = None
            continue
        value = match["quoted"] or match["value"].rstrip(".,;:!?)]}'")
        if not value:
            continue
        lines = _LINES.match(value) if match["kind"] == "file" else None
        if lines is None:
            found[Chip(kind=match["kind"], value=value)] = None
        else:
            first = max(1, int(lines["first"]))
            last = max(first, int(lines["last"] or first))
            found[Chip(kind="file", value=lines["path"], first=first, last=last)] = None
    return tuple(found)[:MAX_CHIPS]


def without_chips(message: str) -> str:
    """The question in words: a chip with a value is its value, one without is gone."""
    text = _CHIP.sub(lambda match: match["quoted"] or match["value"] or "", message)
    return re.sub(r"[ \t]{2,}", " ", text).strip()


def complete(prefix: str, *, paths: Sequence[str] = (), symbols: Sequence[tuple[str, str]] = ()) -> list[Candidate]:
    """What a chip that is being typed may become.

    :param prefix: from the `@` on.
    :param paths: files that may be read; others must not be offered.
    :param symbols: names and where they are defined.
    """
    kind, colon, typed = prefix.removeprefix("@").partition(":")
    if not colon:
        return [
            Candidate(label=f"@{name}{':' if name in WITH_VALUE else ''}", detail=detail)
            for name, detail in KINDS.items()
            if name.startswith(kind.lower())
        ]
    typed = typed.strip('"')
    if kind in ("file", "image"):
        return [Candidate(label=f"@{kind}:{_quoted(path)}", detail="file") for path in _best(typed, paths)]
    if kind == "folder":
        folders = {folder.as_posix() for path in paths for folder in PurePosixPath(path).parents} - {"."}
        return [Candidate(label=f"@folder:{_quoted(path)}", detail="folder") for path in _best(typed, sorted(folders))]
    if kind == "symbol":
        return [Candidate(label=f"@symbol:{name}", detail=where) for name, where in symbols][:_MOST]
    return []


def _best(typed: str, paths: Sequence[str]) -> list[str]:
    """Paths that hold what was typed: at the start of the name, then of the path, then anywhere; shorter ones first."""
    wanted = typed.lower()

    def rank(path: str) -> int:
        lowered = path.lower()
        if lowered.rpartition("/")[2].startswith(wanted):
            return 0
        return 1 if lowered.startswith(wanted) else 2

    fitting = [path for path in paths if wanted in path.lower()]
    return sorted(fitting, key=lambda path: (rank(path), len(path), path))[:_MOST]


def _quoted(path: str) -> str:
    return f'"{path}"' if re.search(r"\s", path) else path
