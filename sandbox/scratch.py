"""A private copy of a project's files on the host, with an edit applied, ready to be mounted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import PatchRefused
from workspace.edit import Edit
from workspace.project import Project

# Sticky and open to all: untrusted code, which runs as another user than the owner, may create files as tests
# do, but can neither change nor delete one that is ours. gVisor lets it rename its own file over ours; the new
# file's owner shows that (see `replaced` in sandbox/inside/supervisor.py).
_FOLDER_MODE = 0o1777


@dataclass(frozen=True, slots=True)
class Scratch:
    """Make one with `Scratch.make`; whoever owns `folder` removes it."""

    path: Path

    @classmethod
    def make(cls, project: Project, edit: Edit | None, folder: Path) -> Scratch:
        """Copy the project as the user sees it (unsaved buffers included), then edit the copy."""
        folder.mkdir(parents=True)
        for path in project.files:
            if path not in project.overlay and path not in project.links:
                _copy(project.root, path, folder)
        for path, target in project.links.items():
            if path not in project.overlay:
                _link(path, target, folder)
        _write(folder, dict(project.overlay))
        scratch = cls(folder)
        if edit is not None:
            scratch = scratch._changed({change.path: change.after for change in edit.changes})
        scratch._settle(project)
        return scratch

    def variant(self, changes: Mapping[str, bytes | None], folder: Path) -> Scratch:
        """A second copy with some files changed (None deletes); unchanged files share their storage."""
        shutil.copytree(self.path, folder, copy_function=os.link, symlinks=True)
        scratch = Scratch(folder)._changed(changes)
        for parent, _, _ in os.walk(folder):
            os.chmod(parent, _FOLDER_MODE)  # noqa: PTH101
        return scratch

    def _changed(self, changes: Mapping[str, bytes | None]) -> Scratch:
        for path, content in changes.items():
            if content is None:
                (self.path / path).unlink(missing_ok=True)
        _write(self.path, {path: content for path, content in changes.items() if content is not None})
        return self

    def _settle(self, project: Project) -> None:
        """Mount points for environments inside the root, then modes: the owner writes, others only add."""
        for inner in {project.python.prefix, project.python.base_prefix}:
            if inner.is_relative_to(project.root) and inner != project.root:
                (self.path / inner.relative_to(project.root)).mkdir(parents=True, exist_ok=True)
        for parent, _, _ in os.walk(self.path):
            os.chmod(parent, _FOLDER_MODE)  # noqa: PTH101


def _copy(root: Path, path: str, folder: Path) -> None:
    source, target = root / path, folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    except FileNotFoundError:
        return  # deleted since the walk


def _link(path: str, target: str, folder: Path) -> None:
    """Links are made relative, so that none in the copy points into the user's own files."""
    link = folder / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(folder / target, link.parent))


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        target = folder / path
        if not target.parent.resolve().is_relative_to(folder.resolve()):
            raise PatchRefused(f"{path} lies behind a symbolic link; edit the file it points to instead")
        try:
            _replace(target, content)
        except OSError as error:
            raise PatchRefused(f"{path} cannot be written: {error.strerror or error}") from error


def _replace(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    executable = target.is_file() and os.access(target, os.X_OK)
    if target.is_dir() and not target.is_symlink():
        for parent, _, _ in os.walk(target, topdown=False):
            os.rmdir(parent)  # noqa: PTH106 - a file may take the place of a folder, once nothing is left in it
    target.unlink(missing_ok=True)  # never write through a link, hard or symbolic
    target.write_bytes(content)
    target.chmod(0o755 if executable else 0o644)
