"""From a RunSpec to an OCI bundle: a folder with `config.json` and the sandbox's root folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sandbox.ports import Limits, RunSpec
from sandbox.runsc.bound import Bound
from sandbox.runsc.rootfs import furnish

_NAMESPACES = ("pid", "network", "ipc", "uts", "mount")

_IN_MEMORY = ("/dev/shm", "/tmp", "/var/tmp")  # noqa: S108
"""Writable by everybody, each as large as `Limits.tmp`. /dev/shm is what multiprocessing needs."""


def write(
    folder: Path, spec: RunSpec, mounts: Sequence[Bound], *, cgroup: str | None, address_space: int | None
) -> None:
    """Fill `folder`, which is empty. Arguments as for `config`. Raises OSError."""
    root = folder / "rootfs"
    root.mkdir(mode=0o755)
    furnish(root, mounts)
    document = config(spec, mounts, root=root, cgroup=cgroup, address_space=address_space)
    (folder / "config.json").write_text(json.dumps(document))


def config(
    spec: RunSpec, mounts: Sequence[Bound], *, root: Path, cgroup: str | None, address_space: int | None
) -> dict[str, Any]:
    """The OCI runtime specification of one run.

    `cgroup` is a group that exists and has its limits; `address_space` limits each process's virtual memory,
    in bytes, where there is none.
    """
    held = sorted(spec.capabilities)
    linux: dict[str, Any] = {"namespaces": [{"type": name} for name in _NAMESPACES], "resources": {}}
    if cgroup is not None:
        linux["cgroupsPath"] = cgroup
    return {
        "ociVersion": "1.0.0",
        "hostname": "sandbox",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "terminal": False,
            "user": {"uid": spec.user, "gid": spec.group},
            "args": list(spec.argv),
            "cwd": spec.cwd,
            "env": [f"{name}={value}" for name, value in spec.env.items()],
            # Neither inheritable nor ambient: another user that the process becomes holds none of them.
            "capabilities": {"bounding": held, "effective": held, "permitted": held}
            | {"inheritable": [], "ambient": []},
            "rlimits": list(_rlimits(spec.limits, address_space)),
            "noNewPrivileges": True,
        },
        "mounts": list(_mounts(spec.limits, mounts)),
        "linux": linux,
    }


def _mounts(limits: Limits, mounts: Sequence[Bound]) -> Iterable[dict[str, Any]]:
    yield {"destination": "/proc", "type": "proc", "source": "proc"}
    yield {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}
    taken = {mount.target for mount in mounts}
    for folder in _IN_MEMORY:
        if folder not in taken:
            options = ["nosuid", "nodev", "mode=1777", f"size={limits.tmp}"]
            yield {"destination": folder, "type": "tmpfs", "source": "tmpfs", "options": options}
    for mount in mounts:
        # rbind: in a user namespace the kernel refuses to show a folder without what is mounted inside it.
        options = ["rbind", "rw" if mount.writable else "ro", "nosuid", "nodev"]
        yield {
            "destination": mount.target,
            "type": "bind",
            "source": str(mount.source),
            "options": options,
        }


def _rlimits(limits: Limits, address_space: int | None) -> Iterable[dict[str, Any]]:
    values = {
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits.file_size,
    }
    if address_space is not None:
        values["RLIMIT_AS"] = address_space
    return [{"type": name, "hard": value, "soft": value} for name, value in values.items()]
