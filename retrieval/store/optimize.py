"""The child process that copies a shard and optimises the copy.

    python -P -m retrieval.store.optimize SOURCE TARGET PARENT


The engine holds the interpreter's lock for as long as that takes, half a minute at 50,000 chunks, so it is done on a
copy, in a process of its own that gives way to all others.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_LOWEST_PRIORITY = 19
_PR_SET_PDEATHSIG = 1  # prctl(2): the signal to get when the parent ends


def main() -> int:
    """Says `copied` when the parent may write to the source again, and `arranged` when the target is ready."""
    source, target, parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    _end_with_the_parent(parent)
    from retrieval.store.edge import arrange
    from retrieval.store.layout import copy_sparse

    target.parent.mkdir()
    copy_sparse(source, target)
    print("copied", flush=True)  # noqa: T201 - the parent reads it
    os.nice(_LOWEST_PRIORITY)  # only now: the parent's writes wait for the copy
    arrange(target)
    print("arranged", flush=True)  # noqa: T201 - as above
    return 0


def _end_with_the_parent(parent: int) -> None:
    """Without it a child of a killed host would go on, in a folder that nobody wants any more. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the signal was asked for
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
