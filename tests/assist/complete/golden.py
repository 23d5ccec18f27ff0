"""Golden cases: TOML files whose text has the suggestion between `├` and `┤`, as Tabby's have."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from assist.complete.shape import shape_of
from assist.complete.values import Candidate

FOLDER = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    name: str
    filter: str
    """The one that is asked; empty for all in their order."""
    candidate: Candidate
    shown: str
    """Empty when nothing may be shown."""
    by: str
    """The filter that rejects it."""


def goldens(folder: str) -> list[Golden]:
    return [case for file in sorted((FOLDER / folder).glob("**/*.toml")) for case in _read(file)]


def _read(file: Path) -> list[Golden]:
    data = tomllib.loads(file.read_text())
    cases: list[Golden] = []
    for row in data["case"]:
        before, rest = row["text"].split("├")
        text, after = rest.split("┤")
        language = row.get("language", data.get("language", "python"))
        cases.append(
            Golden(
                name=f"{file.stem}: {row['name']}",
                filter=data.get("filter", ""),
                candidate=Candidate(
                    text=text,
                    before=before,
                    after=after,
                    language=language,
                    shape=row.get("shape") or shape_of(before, after, language),
                    insert_spaces=row.get("insert_spaces", True),
                    tab_size=row.get("tab_size", 4),
                ),
                shown=row.get("shown", ""),
                by=row.get("by", ""),
            )
        )
    return cases
