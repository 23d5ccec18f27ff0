"""Whether a file may be read and sent, asked again and again while somebody types."""

from __future__ import annotations

import time
from collections import OrderedDict
from pathlib import Path

_SECONDS = 2.0
"""How long an answer holds. Asking the policy takes 0.2 ms, several times a keystroke; an ignore file that somebody
writes is in force after this."""
_MOST = 500


class Allowed:
    """`workspace.walk.why_not`, remembered for a moment. Owned by the event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Path, str], tuple[float, bool]] = OrderedDict()

    def may_read(self, root: Path, path: str) -> bool:
        """Whether a file may be shown to a model.

        :param root: absolute and resolved.
        :param path: relative to the root.
        """
        now, key = time.monotonic(), (root, path)
        known = self._known.get(key)
        if known is not None and now - known[0] < _SECONDS:
            return known[1]
        from workspace.errors import WorkspaceError
        from workspace.walk import why_not

        try:
            may = why_not(root, path) is None
        except (WorkspaceError, OSError, ValueError):
            may = False
        self._known[key] = (now, may)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return may
