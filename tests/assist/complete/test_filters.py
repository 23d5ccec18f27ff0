"""What each filter lets through, case by case: golden/filters, and all of them in their order: golden/all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assist.complete.filters import FILTERS, passed
from tests.assist.complete.golden import Golden, goldens

_ALONE = goldens("filters")
_ALL = goldens("all")


@pytest.mark.parametrize("case", _ALONE, ids=lambda case: case.name)
def test_one_filter(case: Golden) -> None:
    assert (dict(FILTERS)[case.filter](case.candidate) or "") == case.shown


@pytest.mark.parametrize("case", _ALL, ids=lambda case: case.name)
def test_all_of_them(case: Golden) -> None:
    result = passed(case.candidate)
    assert (result.text, result.by) == (case.shown, case.by)


@pytest.mark.parametrize("case", [case for case in (*_ALONE, *_ALL) if case.shown], ids=lambda case: case.name)
def test_what_was_let_through_is_let_through_again(case: Golden) -> None:
    candidate = replace(case.candidate, text=case.shown)
    checks = (
        [check for name, check in FILTERS if name == case.filter] if case.filter else [check for _, check in FILTERS]
    )
    for check in checks:
        assert check(candidate) == case.shown


def test_every_filter_has_cases_of_both_kinds() -> None:
    for name, _ in FILTERS:
        mine = [case for case in _ALONE if case.filter == name]
        assert any(case.shown == case.candidate.text for case in mine), name
        assert any(case.shown != case.candidate.text for case in mine), name
