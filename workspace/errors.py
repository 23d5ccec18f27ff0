"""What can go wrong in this package.

WorkspaceError
├── NoWorkspace       the path does not exist, or is not a folder that can be read
├── NoInterpreter     no Python was found for the project; says where it was looked for
└── OutsideWorkspace  a path that leads out of the root
"""

from __future__ import annotations


class WorkspaceError(Exception):
    """Base of the package's errors; the message is one sentence for the reader, with what they can do."""


class NoWorkspace(WorkspaceError):
    """There is nothing to work on."""


class NoInterpreter(WorkspaceError):
    """The project's own Python was not found, or does not start."""


class OutsideWorkspace(WorkspaceError):
    """The path is absolute, has a `..` part, or passes a symlink that leaves the root."""
