from __future__ import annotations

import pytest

from workspace.trust import Trust, read_trust


@pytest.mark.parametrize(
    ("value", "trust"),
    [("trusted", Trust.TRUSTED), ("untrusted", Trust.UNTRUSTED), (True, Trust.TRUSTED), (False, Trust.UNTRUSTED)],
)
def test_a_statement_of_trust_is_taken_as_it_is(value: object, trust: Trust) -> None:
    assert read_trust(value) == (trust, "")


@pytest.mark.parametrize(
    "value", [None, "", "Trusted", " trusted", "yes", "true", 1, 1.0, 0, ["trusted"], {}, "x" * 900]
)
def test_anything_else_fails_closed_and_says_so(value: object) -> None:
    trust, problem = read_trust(value)
    assert trust is Trust.UNTRUSTED
    assert problem.endswith('"untrusted" is used.') and len(problem) < 200
