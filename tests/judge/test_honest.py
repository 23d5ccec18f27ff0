"""Honest patches must be verified; what is merely wrong or unproven gets the grade it deserves."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import Case, all_cases
from examiner import examine

from sandbox.ports import Runner


@pytest.mark.parametrize("case", [case for case in all_cases() if case.kind != "attacks"], ids=lambda case: case.name)
async def test_honest(case: Case, runner: Runner, tmp_path: Path) -> None:
    grade, reason = await examine(case, runner, tmp_path)
    assert case.accepts(grade), f"{case.why} Expected {case.expected}, got {grade}: {reason}"
