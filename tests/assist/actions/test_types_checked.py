"""Types are no worse by the project's own type checker, run in a real sandbox."""

from __future__ import annotations

import sys
from pathlib import Path

from assist.actions.judges import Bench
from assist.actions.types import judge_types
from sandbox.ports import Runner
from sandbox.typecheck import check_types, configured_checker
from tests.assist.workshop import edit_of
from workspace.project import Project, open_project

SHOP = "def total(prices):\n    return sum(prices)\n\n\ndef first(prices):\n    return prices[0].upper()\n"


def make(root: Path) -> Project:
    """A project whose environment is the one that has pyright: that of these tests."""
    root.mkdir()
    (root / "shop.py").write_text(SHOP)
    (root / "pyproject.toml").write_text("[tool.pyright]\n")
    return open_project(root, env={"PATH": "/usr/bin:/bin"}, python=Path(sys.executable))


async def test_a_type_checker_decides(runner: Runner, tmp_path: Path) -> None:
    project = make(tmp_path / "shop")
    assert configured_checker(project) == "pyright"
    good = edit_of(project, "shop.py", "total(prices):", "total(prices: list[int]) -> int:")
    bench = Bench(project=project, runner=runner)
    receipt = await judge_types(good, bench, model="m", context=())
    assert (receipt.grade, receipt.steps[-1].command, receipt.steps[-1].status) == ("verified", "pyright", "ok"), (
        receipt
    )
    bad = edit_of(project, "shop.py", "total(prices):", "total(prices: list[int]) -> str:")
    found = await check_types(bad, project, runner)
    assert found.problem == ""
    assert found.after == found.before + 1
    assert "shop.py" in found.worse[0]
    assert "int" in found.worse[0]
