"""Why an action ended without a result.

ActionError             base; the message is one sentence for the reader, with what they can do
├── NothingThere        the place has nothing that the action could be about
├── NotAllowed          the policy keeps the file from a model, or it is nothing that can be edited
└── NoUsableAnswer      the model answered, and nothing could be made of it
"""

from __future__ import annotations


class ActionError(Exception):
    """See the module."""


class NothingThere(ActionError):
    """Another place, or a selection, helps."""


class NotAllowed(ActionError):
    """Asking again does not help."""


class NoUsableAnswer(ActionError):
    """Asking again, or another model, may help."""
