from __future__ import annotations

import ast

import pytest

from tests.workspace.planted import FILE, PLANTED, Planted, seen_in
from workspace.secrets import redact


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.kind)
def test_each_kind_is_seen_where_it_is_and_redacted(planted: Planted) -> None:
    assert seen_in(f"a\n{planted.line}\nb") == [planted.kind]
    assert seen_in(redact(f"a\n{planted.line}\nb")) == []


def test_all_of_them_in_one_file() -> None:
    assert len(PLANTED) >= 30
    assert len(seen_in(FILE)) == len(PLANTED)
    assert seen_in(redact(FILE)) == []
    ast.parse(FILE)
