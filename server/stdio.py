"""Keep the protocol's stream to the protocol."""

from __future__ import annotations

import os
import sys


def claim_stdio() -> tuple[int, int]:
    """Move stdin and stdout to descriptors of their own, and return them.

    From then on file descriptor 1 and `sys.stdout` are stderr, and descriptor 0 is empty: a stray `print`, or a child
    process that writes to its stdout or reads its stdin, cannot disturb the conversation with the editor. The new
    descriptors are not inherited.
    """
    inbox, outbox = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # started without a stderr
        os.dup2(nothing, 2)
        os.dup2(nothing, 1)
    os.close(nothing)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the interpreter's own stream, never closed
    sys.stdout = sys.stderr
    return inbox, outbox
