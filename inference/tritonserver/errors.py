"""What can go wrong with the server that Assay runs itself."""

from __future__ import annotations


class TritonError(Exception):
    """Base; the message is one sentence for the reader, with what they can do."""


class InstallFailed(TritonError):
    """The server, or what its models need, cannot be installed here."""


class ServerFailed(TritonError):
    """The server did not start, or ended."""


class NoAnswer(ServerFailed):
    """It runs, and said nothing in time."""


class AlreadyRunning(TritonError):
    """There is a server, and it serves something else than what was asked for."""
