"""Open a workspace for one command: its settings, its project, a runner, and where receipts go."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from assist.ports import Progress, Proposer
from inference.errors import InferenceError
from sandbox.ports import Runner
from sandbox.receipt import Receipt
from sandbox.store import ReceiptStore
from server.cli.answer import Refusal
from server.configuration import Configuration
from server.models import Models
from server.runtime import chosen_path, make_proposers, open_receipts, start_runner
from server.settings import Settings
from workspace.errors import WorkspaceError
from workspace.project import Project, open_project
from workspace.root import find_root
from workspace.trust import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    settings: Settings
    project: Project
    runner: Runner
    receipts: ReceiptStore
    models: Models

    def proposers(self) -> list[Proposer]:
        """:raises Refusal: when a model's settings cannot be used."""
        try:
            return make_proposers(self.models, self.runner, self.project)
        except InferenceError as error:
            raise Refusal(str(error)) from error

    def keep(self, receipt: Receipt | None, progress: Progress) -> None:
        """Save a receipt; a disk that is full must not take the result with it."""
        if receipt is None:
            return
        try:
            self.receipts.save(receipt)
        except OSError as error:
            progress(f"the receipt could not be kept: {error}")


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="the project's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")


def refuse_option(test: str) -> None:
    """:raises Refusal: for what pytest would take for an option instead of the name of a test."""
    if test.startswith("-"):
        raise Refusal(f"{test} is no test; give a pytest node id, a file or a folder.")


@contextlib.asynccontextmanager
async def opened(path: Path, progress: Progress) -> AsyncGenerator[Opened]:
    """:raises Refusal: when there is no such project, or no Python for it."""
    try:
        settings, project = _look(path, progress)
    except WorkspaceError as error:
        raise Refusal(str(error)) from error
    for note in project.notes:
        progress(note)
    runner = await start_runner(settings, os.environ)
    models = Models(settings, os.environ)
    try:
        yield Opened(
            settings=settings, project=project, runner=runner, receipts=open_receipts(os.environ), models=models
        )
    finally:
        await models.close()
        await runner.close()


def _look(path: Path, progress: Progress) -> tuple[Settings, Project]:
    root = path.resolve() if path.is_dir() else find_root(path)
    settings = settings_for(root, progress)
    return settings, project_at(root, settings)


def project_at(root: Path, settings: Settings) -> Project:
    """:raises WorkspaceError:"""
    return open_project(
        root, python=chosen_path(settings.python), env=os.environ, trusted=settings.trust is Trust.TRUSTED
    )


def settings_for(root: Path | None, progress: Progress) -> Settings:
    settings, problems = Configuration(os.environ).settings(root)
    for problem in problems:
        progress(str(problem))
    return settings
