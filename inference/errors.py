"""What can go wrong when talking to a model.

InferenceError
├── BackendUnavailable         nothing answers, or it refuses
│   ├── Overloaded             it has too much to do; `retry_after` when it says for how long
│   ├── BudgetSpent            the user, or the team, has used up what it may; `retry_after` as above
│   ├── TimedOut               the deadline passed, or nothing came for too long
│   ├── CredentialsRejected    it does not take the key or the certificate
│   ├── BadRequest             it does not take the request: unknown model, too long a prompt
│   ├── ModelNotReady          it is there, and its model is not loaded yet
│   └── BrokenStream           the answer broke off, or is not what the protocol says
└── BadOutput                  the answer is not in the form that was asked for
"""

from __future__ import annotations


class InferenceError(Exception):
    """Base of the package's errors; the message is one sentence for the reader, with what they can do."""


class BackendUnavailable(InferenceError):
    """No answer, or a refusal."""


class Overloaded(BackendUnavailable):
    """The backend has too much to do. Trying later helps."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """:param retry_after: seconds that the backend asks to wait; None when it does not say."""
        super().__init__(message)
        self.retry_after = retry_after


class BudgetSpent(BackendUnavailable):
    """What the user, or everybody together, may ask for in a minute or a day is used up. The backend was not asked."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """:param retry_after: seconds until there is enough for this request."""
        super().__init__(message)
        self.retry_after = retry_after


class TimedOut(BackendUnavailable):
    """The deadline passed, or nothing came for longer than is allowed between two pieces."""


class CredentialsRejected(BackendUnavailable):
    """The key, or the client's certificate, is missing, wrong, or not allowed to do this."""


class BadRequest(BackendUnavailable):
    """The backend does not take the request, and will not when it is sent again."""


class ModelNotReady(BackendUnavailable):
    """The backend answers, and its model is still loading."""


class BrokenStream(BackendUnavailable):
    """The answer ended too early, or breaks the protocol. What came until then is not the whole."""


class BadOutput(InferenceError):
    """An answer that cannot be used; the message says why, for the reader and for the model."""
