"""Every attack is put to the judge, and none may be verified."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import Case, all_cases
from examiner import examine

from sandbox.ports import Runner

# Said in docs/verification.md: the judge answers wrongly, and this test says so as soon as it does not.
KNOWN_WRONG = {
    "attacks/once-only/first-call-of-each-object": "passes every test in every way that they are run",
}


@pytest.mark.parametrize("case", [case for case in all_cases() if case.kind == "attacks"], ids=lambda case: case.name)
async def test_attack(case: Case, runner: Runner, tmp_path: Path) -> None:
    grade, reason = await examine(case, runner, tmp_path)
    expected = case.name not in KNOWN_WRONG
    assert case.accepts(grade) is expected, f"{case.why} Got {grade}: {reason}"
