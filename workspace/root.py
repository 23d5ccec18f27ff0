"""Where a workspace begins, and which paths are inside it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from workspace.errors import NoWorkspace, OutsideWorkspace

_MARKERS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg")
_TEST_MARKERS = ("pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini", "noxfile.py", "requirements.txt")
_TEST_FOLDERS = frozenset({"tests", "test"})


def find_root(path: Path) -> Path:
    """The nearest folder upwards that looks like a project, else the folder itself; resolved.

    The user's home folder and what is above it never count: dotfiles kept in git there are no project.
    A `tests` folder with a `pytest.ini` of its own belongs to the project around it.

    :raises NoWorkspace: when there is no such path.
    """
    try:
        resolved = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise NoWorkspace(f"{path} does not exist; give the path of a project's folder or of a file in it.") from error
    start = resolved if resolved.is_dir() else resolved.parent
    home = _home()
    stop = {home, *home.parents}
    for folder in (start, *start.parents):
        if folder in stop and folder != start:
            break
        if any(os.path.lexists(folder / marker) for marker in _MARKERS):
            return folder
        if folder.name not in _TEST_FOLDERS and any(os.path.lexists(folder / m) for m in _TEST_MARKERS):
            return folder
    return start


def repository_of(folder: Path) -> Path | None:
    """The nearest folder upwards, itself included, that holds a `.git`; None outside a repository."""
    return next((place for place in (folder, *folder.parents) if os.path.lexists(place / ".git")), None)


def relative_path(root: Path, path: str | Path) -> str:
    """A path of this machine, or one already relative to the root, as the workspace writes it: `src/shop.py`.

    :raises OutsideWorkspace: when it leads out of the root, also by way of a symlink.
    """
    text = os.fspath(path)
    given = Path(text)
    if not text or "\0" in text:
        raise OutsideWorkspace("An empty path, or one with a NUL in it, names no file of the workspace.")
    if given.is_absolute():
        try:
            given = given.relative_to(root)
        except ValueError:
            try:
                # The editor may know the root by another name, such as /tmp for /private/tmp.
                given = (given.parent.resolve() / given.name).relative_to(root)
            except (ValueError, OSError, RuntimeError):
                raise _outside(text, root) from None
    relative = PurePosixPath(given.as_posix())
    if ".." in relative.parts or not relative.parts:
        raise _outside(text, root)
    try:
        if not (root / relative).resolve().is_relative_to(root.resolve()):
            raise _outside(text, root)
    except (OSError, RuntimeError) as error:
        raise _outside(text, root) from error
    return str(relative)


def _outside(path: str, root: Path) -> OutsideWorkspace:
    return OutsideWorkspace(f"{path} is not inside the workspace {root}; only files of the workspace can be used.")


def _home() -> Path:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return Path("/")
