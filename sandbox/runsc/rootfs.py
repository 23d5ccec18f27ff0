"""The root folder of a sandbox, made for one run: empty mount points, a few links and a tiny /etc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.runsc.bound import LINKS, Bound, points_in_root

_FOLDERS = ("proc", "sys", "dev", "tmp", "etc", "run", "var/tmp")

_COPIED = ("ld.so.cache", "mime.types", "services", "protocols")
"""Files of /etc that libraries read and that say nothing about this machine's people or network."""

_ETC = {
    "passwd": (
        "root:x:0:0:root:/tmp:/bin/sh\n"
        "sandbox:x:65534:65534:sandbox:/tmp:/bin/sh\n"
        "other:x:1234:1234:the second user that verification runs as:/tmp:/bin/sh\n"
    ),
    "group": "root:x:0:\nsandbox:x:65534:\nother:x:1234:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def furnish(root: Path, mounts: Sequence[Bound]) -> None:
    """Fill `root`, an empty folder. Raises OSError."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True)
    for point in points_in_root(root, mounts):
        point.make()
    for name in LINKS:
        link = Path("/", name)
        if link.is_symlink() and not (root / name).exists():
            (root / name).symlink_to(link.readlink())
    copies = {name: file.read_bytes() for name in _COPIED if (file := Path("/etc", name)).is_file()}
    for name, content in (copies | {name: text.encode() for name, text in _ETC.items()}).items():
        if not (root / "etc" / name).exists():  # else a mount's
            (root / "etc" / name).write_bytes(content)
