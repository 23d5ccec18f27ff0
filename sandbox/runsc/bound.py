"""Which parts of the host a sandbox sees: the spec's mounts, checked and resolved, and the system's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox.ports import Mount, RunSpec

LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders of the root that are links into /usr where the distribution has merged them."""

_OWN = ("/proc", "/sys", "/dev")
"""gVisor's own: nothing of the host may be mounted there, except on /dev/shm."""

_SYSTEM = ("/usr", "/etc/alternatives", "/etc/ssl/certs", "/nix/store", "/gnu/store")
"""Programs, and what they refer to outside /usr; mounted read-only where it exists."""


class BundleError(Exception):
    """The spec cannot be carried out on this machine; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A mount whose source is there, with every link in it followed."""

    source: Path
    target: str
    writable: bool
    is_folder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place to mount on."""

    path: Path
    is_folder: bool

    def make(self) -> None:
        """An empty folder or file, where there is none. Raises OSError."""
        if self.is_folder:
            self.path.mkdir(exist_ok=True)
        else:
            self.path.touch(exist_ok=True)

    def with_parents(self, top: Path) -> list[Point]:
        """This point and the folders between `top` and it, the outer ones first."""
        between = self.path.relative_to(top).parents
        folders = [Point(path=top / folder, is_folder=True) for folder in reversed(between) if folder.parts]
        return [*folders, self]


def bind(spec: RunSpec) -> tuple[Bound, ...]:
    """The spec's mounts and the system's, the outer before those inside it. Raises BundleError."""
    system, asked = _system(), {bound.target: bound for bound in map(_bound, spec.mounts)}
    mounts = sorted((system | asked).values(), key=lambda mount: mount.target.count("/"))
    for mount, outer in _inner(mounts):
        if outer.target not in asked and not _point(mount, outer).path.exists():
            raise BundleError(f"{mount.target} is no place of the system, so nothing can be mounted there.")
    return tuple(mounts)


def points_in_root(root: Path, mounts: Sequence[Bound]) -> list[Point]:
    """The mount points that the sandbox's own root folder must have, the outer before the inner."""
    return [
        point
        for mount in mounts
        if _outer(mount, mounts) is None
        for point in Point(path=root / mount.target.lstrip("/"), is_folder=mount.is_folder).with_parents(root)
    ]


def points_in_mounts(mounts: Sequence[Bound]) -> list[Point]:
    """The mount points that lie in another mount and are missing in its source, the outer before the inner.

    runsc would make them there itself, and leave them.
    """
    return [
        point
        for mount, outer in _inner(mounts)
        for point in _point(mount, outer).with_parents(outer.source)
        if not point.path.exists()
    ]


def _bound(mount: Mount) -> Bound:
    target = mount.target
    # normpath keeps two slashes at the beginning, as POSIX has it.
    is_plain = target == os.path.normpath(target) and target[:1] == "/" and target[1:2] not in ("", "/")
    if not is_plain or (_is_under(target, _OWN) and not _is_under(target, ("/dev/shm",))):  # noqa: S108
        raise BundleError(f"Nothing can be mounted at {target} in the sandbox.")
    try:
        source = mount.source.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go in a circle
        raise BundleError(f"{mount.source} cannot be shown in the sandbox: {error}.") from error
    if not (source.is_dir() or source.is_file()):
        raise BundleError(f"{mount.source} is neither a file nor a folder, so the sandbox cannot show it.")
    return Bound(source=source, target=_through_links(target), writable=mount.writable, is_folder=source.is_dir())


def _through_links(target: str) -> str:
    """The target with a link at its beginning followed: /lib/x is /usr/lib/x where /lib is a link."""
    first, *rest = PurePosixPath(target).parts[1:]
    link = Path("/", first)
    if first in LINKS and link.is_symlink():
        return os.path.normpath(PurePosixPath("/", link.readlink(), *rest))
    return target


def _system() -> dict[str, Bound]:
    names = [*_SYSTEM, *(f"/{name}" for name in LINKS if not Path("/", name).is_symlink())]
    return {
        name: Bound(source=Path(name).resolve(), target=name, writable=False, is_folder=True)
        for name in names
        if Path(name).is_dir()
    }


def _inner(mounts: Sequence[Bound]) -> Iterator[tuple[Bound, Bound]]:
    """The mounts that lie in another one, each with that one."""
    return ((mount, outer) for mount in mounts if (outer := _outer(mount, mounts)))


def _point(mount: Bound, outer: Bound) -> Point:
    """Where in the source of `outer` is the place for `mount`."""
    place = PurePosixPath(mount.target).relative_to(outer.target)
    return Point(path=outer.source / place, is_folder=mount.is_folder)


def _outer(mount: Bound, mounts: Sequence[Bound]) -> Bound | None:
    """The innermost mount that `mount` lies in."""
    around = [other for other in mounts if other is not mount and _is_under(mount.target, (other.target,))]
    return max(around, key=lambda other: len(other.target), default=None)


def _is_under(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
