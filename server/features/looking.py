"""What lenses and actions see in a document, parsed once per version."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from server.documents import Snapshot
from server.session import key_of

if TYPE_CHECKING:
    from server.app import AssayServer
    from server.targets import Targets


def look(ls: AssayServer, snapshot: Snapshot) -> Targets:
    """The tests and functions of a document.

    :raises NotInWorkspace: it is not a file of a workspace.
    """
    from server.targets import targets_in

    session, key = ls.session, key_of(snapshot.uri)
    known = session.seen.get(key)
    if known is not None and known[0] == snapshot.version and known[1] is snapshot.text:
        return known[2]
    path = session.place_of(snapshot.uri).path
    is_test = any(fnmatchcase(path, glob) for glob in session.settings.tests.globs)
    targets = targets_in(path, snapshot.text, is_test=is_test)
    session.seen[key] = (snapshot.version, snapshot.text, targets)
    return targets
