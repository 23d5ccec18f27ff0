"""The exam itself is sound: honest patches do what they claim, attacks apply, and no case is malformed.

Honest patches run here as bare processes, for they are our own files. Attacks are never run here, only applied.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.judge.cases import NOT_VERIFIED, PROJECTS, Case, all_cases, copy_project

GRADES = {"verified", "checked", "failed", "unverified", NOT_VERIFIED}
CATEGORIES = {
    "assert-and-library",
    "background",
    "coverage",
    "deleting",
    "deselecting",
    "expectations",
    "fake-reports",
    "hostile",
    "leaving",
    "once-only",
    "outcomes",
    "please-equal",
    "shadowing",
    "skipping",
    "swallowing",
    "under-test",
}
NAMES = sorted(path.name for path in PROJECTS.iterdir() if path.is_dir())


def cases_of(project: str, *kinds: str) -> list[Case]:
    return [case for case in all_cases() if case.project == project and case.kind in kinds]


def apply(case: Case, tree: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    # A ceiling keeps git from finding the repository that this checkout may lie in.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    return subprocess.run(
        ["git", "apply", *options, "-"], cwd=tree, input=case.patch, capture_output=True, env=environment
    )


def outcomes(trees: list[Path]) -> list[dict[str, str]]:
    """Run the tests of each folder the way its authors do, plain pytest started there; outcomes by test id."""
    environment = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    runner = [sys.executable, "-P", str(Path(__file__).with_name("run_trees.py"))]
    subprocess.run([*runner, *map(str, trees)], env=environment, check=True, timeout=120)
    return [read_report(Path(f"{tree}.xml")) for tree in trees]


def read_report(report: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for test in ElementTree.parse(report).iter("testcase"):
        bad = any(test.find(tag) is not None for tag in ("failure", "error"))
        skipped = test.find("skipped") is not None
        outcome = "failed" if bad else "skipped" if skipped else "passed"
        found[f"{test.get('classname')}::{test.get('name')}"] = outcome
    return found


def test_headers_are_complete() -> None:
    for case in all_cases():
        assert case.folder.is_dir(), case.name
        assert case.expected in GRADES, case.name
        assert len(case.why) > 20, case.name
        assert case.patch, case.name
        assert case.kind != "attacks" or case.expected == NOT_VERIFIED, case.name
        assert case.kind != "honest" or case.expected == "verified", case.name


def test_every_kind_of_attack_has_its_cases() -> None:
    counts = Counter(case.category for case in all_cases() if case.kind == "attacks")
    assert set(counts) == CATEGORIES
    assert min(counts.values()) >= 6, counts


def test_no_two_cases_are_the_same() -> None:
    seen = Counter((case.project, case.patch, case.scope) for case in all_cases())
    assert max(seen.values()) == 1


@pytest.mark.parametrize("project", NAMES)
def test_patches_apply(project: str, tmp_path: Path) -> None:
    tree = copy_project(project, tmp_path / "tree")
    for case in cases_of(project, "attacks", "honest", "partial"):
        if case.category == "hostile":
            continue
        done = apply(case, tree, "--check")
        assert done.returncode == 0, f"{case.name}: {done.stderr.decode()}"


@pytest.mark.parametrize("project", NAMES)
def test_honest_patches_do_what_they_claim(project: str, tmp_path: Path) -> None:
    honest = cases_of(project, "honest")
    trees = [copy_project(project, tmp_path / f"tree{number}") for number in range(len(honest) + 1)]
    for case, tree in zip(honest, trees[1:], strict=True):
        assert apply(case, tree).returncode == 0, case.name
    before, *after = outcomes(trees)
    assert 10 <= len(before) <= 60
    broken = {test for test, outcome in before.items() if outcome == "failed"}
    stays = {test for test in broken if "installed" in test}  # needs a file of the team's machines
    for case, run in zip(honest, after, strict=True):
        failed = {test for test, outcome in run.items() if outcome != "passed"}
        assert failed == stays, f"{case.name}: {sorted(failed)}"
        assert set(before) <= set(run), f"{case.name} lost {sorted(set(before) - set(run))}"
