"""What can go wrong in this package.

SandboxError
├── SandboxUnavailable    no isolation works here; says what was tried and what provides it
└── PatchRefused          a patch that does not apply, or that reaches outside the workspace
"""

from __future__ import annotations


class SandboxError(Exception):
    """Base of the package's errors; the message is one sentence for the reader, with what they can do."""


class SandboxUnavailable(SandboxError):
    """No runner works on this machine."""


class PatchRefused(SandboxError):
    """The patch cannot be applied to this tree, or must not be."""
