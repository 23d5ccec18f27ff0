"""Types no worse than before, by the type checker of the project's own environment."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sandbox.job import Phase, PhaseResult, run_job
from sandbox.mounts import python_mounts
from sandbox.plan import environment
from sandbox.ports import UNPRIVILEGED, Limits, Mount, Runner, Status
from sandbox.scratch import Scratch
from sandbox.testrun import clean
from sandbox.workdir import working_folder
from workspace.edit import Edit
from workspace.project import Project

_BEFORE, _AFTER = "types-before", "types-after"
_COPY = "/srv/project"
"""Where the copy without the edit stands."""
_NAMED = 3

Finding = tuple[str, str, str]
"""File, rule and message; lines move with the edit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCheck:
    """What a type checker said of the changed files without and with an edit."""

    checker: str
    """mypy or pyright; empty when the environment has none."""
    seconds: float = 0.0
    before: int = 0
    """Errors."""
    after: int = 0
    worse: tuple[str, ...] = ()
    """What is new, for people."""
    problem: str = ""
    """Why nothing can be said, as the end of a sentence; empty when it ran both times."""


def configured_checker(project: Project) -> str:
    """The type checker that the project configures and its environment has, else one that is there; empty for none."""
    there = [name for name in ("mypy", "pyright") if any((site / name).is_dir() for site in project.python.packages)]
    settings = (project.read("pyproject.toml") or b"") + (project.read("setup.cfg") or b"")
    configured = {
        "mypy": b"[tool.mypy" in settings or b"[mypy" in settings or _has(project, "mypy.ini", ".mypy.ini"),
        "pyright": b"[tool.pyright" in settings or _has(project, "pyrightconfig.json"),
    }
    return next((name for name in there if configured[name]), there[0] if there else "")


async def check_types(edit: Edit, project: Project, runner: Runner, *, seconds: float = 120.0) -> TypeCheck:
    """Both copies are checked in one sandbox, the changed Python files alone.

    :param seconds: for each of the two runs.
    :raises SandboxError: there is no sandbox.
    """
    checker = configured_checker(project)
    if not checker:
        problem = "the project's environment has neither mypy nor pyright"
        return TypeCheck(checker="", problem=problem)
    existing = [change.path for change in edit.changes if change.after is not None and change.before is not None]
    added = [change.path for change in edit.changes if change.after is not None and change.before is None]
    root = str(project.root)
    with working_folder() as folder:
        before = Scratch.make(project, None, folder / "before")
        after = before.variant({change.path: change.after for change in edit.changes}, folder / "after")
        mounts = [
            Mount(source=after.path, target=root, writable=True),
            Mount(source=before.path, target=_COPY, writable=True),
            *python_mounts(project.python, project.root),
        ]
        phases = [
            _phase(_BEFORE, checker, project, existing, _COPY, seconds),
            _phase(_AFTER, checker, project, [*existing, *added], root, seconds),
        ]
        job = await run_job(runner, project.python, phases, mounts, folder / "job", limits=Limits())
    if job.run.status not in (Status.OK, Status.FAILED):
        return TypeCheck(checker=checker, problem=job.run.detail or "the sandbox ended early")
    old, new = job.phases.get(_BEFORE), job.phases.get(_AFTER)
    found_before, found_after = findings_in(checker, old, _COPY), findings_in(checker, new, root)
    if old is None or new is None or found_before is None or found_after is None:
        said = clean((new or old).output).strip()[-200:] if new or old else ""  # type: ignore[union-attr]
        return TypeCheck(checker=checker, problem=f"{checker} did not run: {said or 'it gave no reason'}")
    worse = [f"{path}: {message}" for path, _, message in sorted(found_after - found_before)]
    return TypeCheck(
        checker=checker,
        seconds=old.seconds + new.seconds,
        before=found_before.total(),
        after=found_after.total(),
        worse=tuple(worse),
    )


def findings_in(checker: str, result: PhaseResult | None, root: str) -> Counter[Finding] | None:
    """Errors by file, rule and message; None when the checker did not come to its own end."""
    if result is None or result.timed_out or result.status not in (0, 1):
        return None
    return _of_pyright(result.output, root) if checker == "pyright" else _of_mypy(result.output, result.status)


def named(findings: tuple[str, ...]) -> str:
    """The first few, for a sentence."""
    more = f" and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return "; ".join(findings[:_NAMED]) + more


def _of_pyright(output: str, root: str) -> Counter[Finding] | None:
    start = output.find("{")
    try:
        report: Any = json.JSONDecoder().raw_decode(output[start:])[0] if start >= 0 else None
        entries = cast("list[dict[str, Any]]", report["generalDiagnostics"])
        return Counter(
            (
                str(entry.get("file", "")).removeprefix(f"{root}/"),
                str(entry.get("rule", "")),
                clean(str(entry["message"])).partition("\n")[0],
            )
            for entry in entries
            if entry["severity"] == "error"
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _of_mypy(output: str, status: int) -> Counter[Finding] | None:
    lines = re.findall(r"^(.+?):\d+(?::\d+)?: error: (.*?)(?:  \[([\w-]+)\])?$", output, re.MULTILINE)
    if not lines and status != 0:
        return None
    return Counter((path, rule, clean(message)) for path, message, rule in lines)


def _phase(name: str, checker: str, project: Project, paths: list[str], cwd: str, seconds: float) -> Phase:
    python = str(project.python.executable)
    options = {
        "mypy": ("--no-error-summary", "--no-color-output", "--cache-dir=/dev/null", "--hide-error-context"),
        "pyright": ("--outputjson", "--pythonpath", python),
    }[checker]
    env = environment(project.python, UNPRIVILEGED) | {
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        "NODE_OPTIONS": "--max-old-space-size=1024",
    }
    return Phase(
        name=name,
        # -P: nothing of the workspace stands in for the checker.
        argv=(python, "-B", *_safe_path(project), "-m", checker, *options, *paths),
        cwd=cwd,
        user=UNPRIVILEGED,
        seconds=seconds,
        env=env,
    )


def _safe_path(project: Project) -> tuple[str, ...]:
    return ("-P",) if project.python.version >= (3, 11, 0) else ()


def _has(project: Project, *names: str) -> bool:
    return any(Path(name).name in project.files for name in names)
