"""A small project in a folder of its own, and the loop run on it with real parts."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from assist.edit import fix
from assist.observation import Observation
from assist.observe import observe
from assist.ports import Proposer
from assist.repair import SearchRepair
from assist.task import Budget, Outcome, Task
from sandbox.ports import Runner
from workspace.edit import Edit, FileChange
from workspace.project import Project, open_project


@dataclass
class Workshop:
    runner: Runner
    root: Path
    said: list[str] = field(default_factory=list[str])
    """Progress, in order."""

    @staticmethod
    def project_of(root: Path, files: Mapping[str, str], overlay: Mapping[str, bytes] | None = None) -> Project:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))
        return open_project(root, env={"PATH": "/usr/bin:/bin"}, overlay=overlay)

    def project(self, files: Mapping[str, str], overlay: Mapping[str, bytes] | None = None) -> Project:
        return self.project_of(self.root, files, overlay)

    async def observe(self, files: Mapping[str, str], test: str | None = None) -> Observation:
        return await observe(self.project(files), self.runner, test=test)

    async def fix(
        self,
        project: Project,
        task: Task,
        proposers: Sequence[Proposer] | None = None,
        budget: Budget | None = None,
    ) -> Outcome:
        """With the search alone when no proposers are given."""
        chosen = proposers if proposers is not None else [SearchRepair(self.runner, project)]
        return await fix(
            task, project, self.runner, chosen, budget=budget or Budget(seconds=200.0), progress=self.said.append
        )

    def task(self, project: Project, test: str) -> Task:
        return Task(kind="make_test_pass", root=project.root, test=test)


def running_under(state: Path) -> list[list[str]]:
    """Command lines of sandboxes that a runner with this state folder has not ended."""
    found = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [words for words in found if any(str(state) in word for word in words)]


def edit_of(project: Project, path: str, old: str, new: str, title: str = "an edit") -> Edit:
    before = project.read(path)
    assert before is not None
    assert old.encode() in before
    return Edit(
        changes=(FileChange(path=path, before=before, after=before.replace(old.encode(), new.encode())),),
        title=title,
    )
