"""What a failure looks like to the client. Nothing else turns exceptions into LSP errors.

CommandError            base; the message is one sentence for the reader, with what they can do
├── Busy                a command is running and the queue is full
├── BadArguments        a command's arguments are not as documented
├── DocumentOutOfSync   an open document is no longer the editor's
├── NotInWorkspace      the document is not a file of the workspace
└── NothingRuns         no sandbox, or the workspace is not trusted
"""

from __future__ import annotations

import logging

from pygls.exceptions import JsonRpcException

from assist.chat.errors import ChatError
from inference.errors import InferenceError
from sandbox.errors import SandboxError
from server.log import log_failure
from workspace.errors import WorkspaceError

INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_FAILED = -32803

_logger = logging.getLogger("assay.errors")


class CommandError(Exception):
    """An explicit command failed for a reason its user can do something about."""


class Busy(CommandError):
    """Too many commands are waiting."""


class BadArguments(CommandError):
    """The caller's mistake, not the user's."""


class DocumentOutOfSync(CommandError):
    """A change was missed; closing and opening the document brings it back."""


class NotInWorkspace(CommandError):
    """Not a file, or outside of every workspace folder."""


class NothingRuns(CommandError):
    """Whatever is asked for, the grade is `unverified`."""


EXPECTED = (CommandError, ChatError, WorkspaceError, SandboxError, InferenceError)
"""Failures whose message is written for the user."""


def to_response_error(error: Exception, method: str) -> tuple[int, str]:
    """Code and message of the response. What is unexpected goes to the log and not to the client."""
    if isinstance(error, JsonRpcException):
        return error.code, error.message
    if isinstance(error, BadArguments):
        return INVALID_PARAMS, str(error)
    if isinstance(error, EXPECTED):
        return REQUEST_FAILED, str(error)
    log_failure(_logger, method, error)
    return INTERNAL_ERROR, f"{method} failed inside the server; its log has the details."


def for_the_user(error: Exception, doing: str) -> str:
    """One sentence for a message box or a command's result."""
    if isinstance(error, EXPECTED):
        return str(error)
    log_failure(_logger, doing, error)
    return f"{doing} failed inside the server; its log has the details."
