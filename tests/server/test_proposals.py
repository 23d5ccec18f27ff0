"""What is kept of edits and reviews, and when an edit is shown before it is applied."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from server.proposals import Proposal, Proposals
from server.reviews import Found, Reviews
from server.workspace_edit import asks_first
from workspace.edit import Edit


def found(name: str, line: int, text: str) -> Found:
    return Found(
        id=name, root=Path("/w"), path="a.py", line=line, text=text, severity="hint", message="m", fix=None, model="m"
    )


@pytest.mark.parametrize(
    ("grade", "preview", "asks"),
    [
        ("verified", "auto", False),
        ("checked", "auto", True),
        ("unverified", "auto", True),
        ("verified", "always", True),
        ("checked", "never", False),
    ],
)
def test_what_is_shown_first(grade: str, preview: Literal["auto", "always", "never"], asks: bool) -> None:
    assert asks_first(grade, preview) is asks


def test_the_newest_edits_and_answers_are_kept() -> None:
    kept = Proposals()
    for number in range(25):
        nothing = Edit(changes=())
        kept.keep(
            Proposal(
                id=str(number), root=Path("/w"), edit=nothing, kind="rewrite", grade="checked", reason="", title=""
            )
        )
        uri = kept.keep_answer("text", "../explain größe/x y")
    assert list(kept.edits) == [str(number) for number in range(5, 25)]
    assert len(kept.answers) == 20
    assert uri.startswith("assay-answer:/")
    assert uri.endswith("/..-explain-größe-x-y.md")


def test_findings_follow_their_lines_and_go_with_them() -> None:
    reviews = Reviews()
    reviews.put("k", (found("1", 1, "b"), found("2", 2, "gone"), found("3", 4, "same")))
    reviews.follow("k", "new\n\x0ca\n  b\nsame\nx\nsame\n")
    assert [(each.id, each.line) for each in reviews.of("k")] == [("1", 2), ("3", 3)]
    assert reviews.one("3") is not None
    reviews.drop("k", "1")
    reviews.drop("k", "3")
    assert (reviews.of("k"), reviews.found) == ((), {})
