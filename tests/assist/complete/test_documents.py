"""docs/completion.md says what the code does: the reasons, the filters and the numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from assist.complete import context, prompt, scope
from assist.complete.events import SHOWN_SECONDS
from assist.complete.filters import FILTERS
from assist.complete.gate import LEAST_AUC, LEAST_EVENTS
from assist.complete.reasons import FILTERED, PASSING, REASONS, Code, sentence

PAGE = (Path(__file__).parents[3] / "docs" / "completion.md").read_text()


def _rows(heading: str) -> dict[str, str]:
    """First and second column of the first table below a heading."""
    below = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", below, re.MULTILINE))


def test_every_reason_is_in_the_table_with_its_sentence() -> None:
    rows = _rows("When nothing comes")
    assert rows.pop("filtered:NAME")
    assert rows == dict(REASONS)


def test_every_code_has_a_sentence() -> None:
    assert set(REASONS) == set(get_args(Code))
    assert set(REASONS) >= PASSING
    assert sentence(f"{FILTERED}suffix_overlap") == "The answer was not fit to be shown: suffix overlap."


def test_every_filter_is_in_the_table_in_its_order() -> None:
    assert list(_rows("What is shown")) == [name for name, _ in FILTERS]


def test_the_numbers_are_those_of_the_code() -> None:
    for number in (f"{prompt._BEFORE:,}", f"{prompt._AFTER:,}", f"{context._AT_MOST * 1000:g} ms",
                   f"after {scope._MOST_LINES} lines", f"{SHOWN_SECONDS} s", f"{LEAST_EVENTS} were taken",
                   f"AUC of {LEAST_AUC}"):  # fmt: skip
        assert number in PAGE, number
