"""Which folders of the host a project's Python needs inside the sandbox, each at its own path."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.ports import Mount
from workspace.python import Interpreter

_ASSAY = Path(__file__).resolve().parents[1]


def python_mounts(python: Interpreter, root: Path) -> tuple[Mount, ...]:
    """The interpreter, its environment and the folders that editable installs point to, all read-only.

    `/usr` is always there (the runner shows it). The workspace root is never among them: a scratch copy
    stands at its path. An environment inside the root is mounted over that copy.
    """
    folders = [part for prefix in (python.base_prefix, python.prefix) for part in _parts(prefix, root)]
    folders += [*python.packages, *_folders_on_the_way(python, root)]
    folders += [folder for site in python.packages for folder in _editable_folders(site) if _is_apart(folder, root)]
    kept: list[Path] = []
    for folder in sorted(set(folders), key=lambda path: len(path.parts)):
        covered = any(folder.is_relative_to(outer) for outer in (Path("/usr"), *kept))
        if folder.is_dir() and not covered and len(folder.parts) > 1:
            kept.append(folder)
    return tuple(Mount(source=folder.resolve(), target=str(folder)) for folder in kept)


def _parts(prefix: Path, root: Path) -> list[Path]:
    """An installation; of one that shares its folder with more than Python, such as `~/.local`, Python's part."""
    return [prefix / "bin", prefix / "lib", prefix / "lib64"] if _is_shared(prefix, root) else [prefix]


def _folders_on_the_way(python: Interpreter, root: Path) -> list[Path]:
    """Where the links lie that lead to the real binary: in an installation by another name, or say in `~/bin`."""
    installations = [prefix.resolve() for prefix in (python.base_prefix, python.prefix)]
    folders: list[Path] = []
    for hop in _symlink_hops(python.executable):
        around = hop.parent.parent
        known = around.resolve() in installations and not _is_shared(around, root)
        folders.append(around if known else hop.parent)
    return [folder for folder in folders if not _is_shared(folder, root)]


def _is_shared(folder: Path, root: Path) -> bool:
    """Whether the workspace or the person's own files lie in it."""
    resolved, home = folder.resolve(), Path.home()
    return any(place.is_relative_to(resolved) for place in (root, home)) or resolved == (home / ".local").resolve()


def _symlink_hops(executable: Path) -> list[Path]:
    """Every path that leads to the real binary: `.venv/bin/python` often points through several links."""
    hops = [executable]
    while hops[-1].is_symlink() and len(hops) < 16:
        hops.append(hops[-1].parent / hops[-1].readlink())
    return [Path(os.path.normpath(hop)) for hop in hops]


def _editable_folders(site: Path) -> list[Path]:
    folders: list[Path] = []
    for pth in sorted(site.glob("*.pth")):
        try:
            lines = pth.read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        folders += [Path(line.strip()) for line in lines if line.startswith("/")]
    return folders


def _is_apart(folder: Path, root: Path) -> bool:
    """Neither inside the workspace, nor around it, nor Assay's own source when its Python is lent."""
    resolved = folder.resolve()
    return not (resolved.is_relative_to(root) or _is_shared(folder, root) or resolved == _ASSAY)
