"""What can go wrong in a conversation.

ChatError                base; the message is one sentence for the reader, with what they can do
├── Refused              something may not be read, or cannot be shown to a model; says why
├── UnknownCommand       a message begins with / and a name that no command has
├── NoConversation       there is none of that id: it was deleted, or never begun
├── NoBlock              the turn has no such block of code, or one that is no edit
└── HistoryUnavailable   the file of conversations cannot be read or written
"""

from __future__ import annotations


class ChatError(Exception):
    """Base of the package's errors."""


class Refused(ChatError):
    """The workspace's policy, or the model, does not take it."""


class UnknownCommand(ChatError):
    """A slash, and a name that means nothing here."""


class NoConversation(ChatError):
    """Deleted, or never begun."""


class NoBlock(ChatError):
    """Nothing of that number that could be applied."""


class HistoryUnavailable(ChatError):
    """The disk is full, or somebody else has the file."""
