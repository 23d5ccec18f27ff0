"""Tiny projects for tests, and edits of them."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

from workspace.edit import Edit, FileChange
from workspace.policy import Purpose
from workspace.project import Project
from workspace.python import Interpreter, find_interpreter
from workspace.walk import walk

Content = str | bytes


def write(root: Path, files: Mapping[str, Content]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(_bytes(content))
    return root


def project_at(root: Path, files: Mapping[str, Content], *, overlay: Mapping[str, Content] | None = None) -> Project:
    """As `open_project` makes it, without asking the same interpreter again for each."""
    root.mkdir(exist_ok=True, parents=True)
    walked = walk(write(root, files), Purpose.SANDBOX)
    buffers = {path: _bytes(content) for path, content in (overlay or {}).items()}
    names = tuple(sorted({*walked.files, *buffers}))
    return Project(root=root, python=own_python(), files=names, overlay=buffers, links=walked.links)


@functools.cache
def own_python() -> Interpreter:
    """The one that runs these tests: it has pytest, with the plugins of a real environment."""
    return find_interpreter(Path("/"), python=Path(sys.executable), env={"PATH": str(Path(sys.executable).parent)})


def edit_of(project: Project, files: Mapping[str, Content | None], title: str = "") -> Edit:
    """The edit that gives these files this content; None deletes."""
    changes = (
        FileChange(path=path, before=project.read(path), after=None if content is None else _bytes(content))
        for path, content in sorted(files.items())
    )
    return Edit(changes=tuple(changes), title=title)


def digest(root: Path) -> str:
    """Over names, kinds, modes and contents, to see that nothing was changed."""
    seen = hashlib.sha256()
    for path in sorted([root, *root.rglob("*")]):
        seen.update(f"{path} {path.lstat().st_mode} {path.readlink() if path.is_symlink() else ''} ".encode())
        if path.is_file() and not path.is_symlink():
            seen.update(path.read_bytes())
    return seen.hexdigest()


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
