"""The actions that end in an edit, and in which files each can be done: decided by the name alone, at once."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from workspace.tests import is_test_path, is_test_support

EditKind = Literal["document", "tests", "types", "simplify", "rewrite"]

_PYTHON_ONLY: frozenset[EditKind] = frozenset({"tests", "types"})
_RUN = (".py", ".pyi")


def is_run(path: str) -> bool:
    """Whether the sandbox can run files of this kind."""
    return PurePosixPath(path).suffix in _RUN


def impossible(kind: EditKind, path: str) -> str:
    """Why an action cannot be done in a file of this name, as the end of a sentence about it; empty when it can."""
    if is_test_path(path) or is_test_support(path):
        return "belongs to the tests; edits are judged by these, so that no action changes them"
    if kind in _PYTHON_ONLY and not is_run(path):
        return "is not Python, and so far this is done in Python only"
    return ""
