"""Lint no worse than before, by the linter that the project itself configures."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from sandbox.job import Phase, PhaseResult
from sandbox.plan import environment
from sandbox.ports import UNPRIVILEGED, Mount
from workspace.project import Project

_SECONDS = 30.0


def configured_linter(project: Project) -> Path | None:
    """The linter's program when the project configures one and it is there; ruff before flake8."""
    text = {name: (project.read(name) or b"").decode("utf-8", "replace")
            for name in ("pyproject.toml", "setup.cfg", "tox.ini")}  # fmt: skip
    has_ruff = any(project.read(name) is not None for name in ("ruff.toml", ".ruff.toml"))
    if project.python.ruff is not None and (has_ruff or "[tool.ruff" in text["pyproject.toml"]):
        return project.python.ruff
    has_flake8 = project.read(".flake8") is not None or "[flake8]" in text["setup.cfg"] + text["tox.ini"]
    return project.python.flake8 if has_flake8 else None


def lint_mounts(linter: Path) -> tuple[Mount, ...]:
    return (Mount(source=linter.resolve(), target=f"/assay-lint/{linter.name}"),)


def lint_phase(name: str, project: Project, linter: Path, paths: Sequence[str], cwd: str) -> Phase:
    """Suppressions are ignored on both sides, so that a fresh one counts as the finding it hides."""
    if linter.name == "ruff":
        program = (f"/assay-lint/{linter.name}",)
        options = ("check", "--no-cache", "--ignore-noqa", "--output-format=json", "--exit-zero", "--force-exclude")
    else:
        program = (str(project.python.executable), "-m", "flake8")
        options = ("--disable-noqa", "--exit-zero")
    env = environment(project.python, UNPRIVILEGED)
    return Phase(name=name, argv=(*program, *options, *paths), cwd=cwd, user=UNPRIVILEGED, seconds=_SECONDS, env=env)


def findings_in(result: PhaseResult | None) -> Counter[tuple[str, str]] | None:
    """How often each (file, code) was found; None when the linter did not run to its end."""
    if result is None or result.status != 0:
        return None
    text = result.output
    if not text.lstrip().startswith("["):
        return Counter(re.findall(r"^(?:\./)?(.+?):\d+:\d+: (\w+)", text, re.MULTILINE))
    found: Counter[tuple[str, str]] = Counter()
    for entry in cast("list[dict[str, Any]]", json.JSONDecoder().raw_decode(text.lstrip())[0]):
        found[Path(entry["filename"]).name, str(entry["code"])] += 1
    return found
