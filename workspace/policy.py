"""What may be read, indexed or sent, and what may be mounted in the sandbox: one decision for every path."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from workspace.secrets import is_secret_file, is_secret_folder

READ_LIMIT = 1 << 20
"""Bytes. Source beyond that is generated: it would fill a prompt or an index and help nobody."""
SANDBOX_LIMIT = 32 << 20
"""Bytes. Test data is smaller; what is larger is a model, a dump or a build, and is named in the notes."""
SANDBOX_TOTAL = 1 << 30
"""Bytes of all files beyond READ_LIMIT together. They are copied for every run; code itself is never too much."""


class Purpose(Enum):
    READ = "read"
    """To be shown, indexed, put in a prompt or returned by a tool."""
    SANDBOX = "sandbox"
    """To be mounted where tests run: wider, because tests need what a build made and data of any kind."""


class Reason(Enum):
    """Why a path is left out, in words that follow `PATH was left out: it ...`."""

    VERSION_CONTROL = "belongs to version control"
    ENVIRONMENT = "is an environment of installed packages"
    CACHE = "is a cache"
    SENSITIVE = "looks like a secret"
    AI_IGNORED = "is named in .aiignore or .cursorignore"
    GIT_IGNORED = "is ignored by git"
    TOO_LARGE = "is too large"
    BINARY = "is not text"
    OUTSIDE = "is a symlink that leaves the workspace"
    DANGLING = "is a symlink to something that is left out or missing"
    SPECIAL = "is no regular file"
    UNREADABLE = "cannot be read"
    NAME = "has a name that is not UTF-8"
    TOO_MANY = "is beyond the number of files that a workspace may have"
    TOO_MUCH = "is beyond the size that a workspace may have in the sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or folder of the workspace, with all that the decision rests on."""

    path: str
    """Relative to the root, with forward slashes."""
    is_folder: bool = False
    size: int = 0
    """Bytes."""
    git_ignored: bool = False
    """By git's rules, and not tracked all the same."""
    ai_ignored: bool = False
    is_environment: bool = False
    """A folder that holds an installed Python: it has a pyvenv.cfg or a conda-meta."""
    is_cleared: bool = False
    """A look inside showed that it holds no secret, whatever its name says: a public certificate."""


def refusal(entry: Entry, purpose: Purpose) -> Reason | None:
    """Why an entry may not be used for a purpose, by its name, place and size; None when it may.

    What lies in a refused folder is refused with it. Whether a file is text is the one thing that only its
    content tells: see `is_text`.
    """
    name = entry.path.rpartition("/")[2]
    if name in _VERSION_CONTROL:
        return Reason.VERSION_CONTROL
    if entry.ai_ignored:
        return Reason.AI_IGNORED
    if entry.is_folder:
        return _folder_refusal(entry, name, purpose)
    if not entry.is_cleared and is_secret_file(entry.path):
        return Reason.SENSITIVE
    if name.endswith(_COMPILED):
        return Reason.CACHE
    if entry.git_ignored and not (purpose is Purpose.SANDBOX and _is_built(entry.path)):
        return Reason.GIT_IGNORED
    if entry.size > (READ_LIMIT if purpose is Purpose.READ else SANDBOX_LIMIT):
        return Reason.TOO_LARGE
    return None


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a text: as git tells, by the absence of NUL."""
    return b"\0" not in head


def _folder_refusal(entry: Entry, name: str, purpose: Purpose) -> Reason | None:
    if entry.is_environment or name in _ENVIRONMENTS:
        return Reason.ENVIRONMENT
    if name in _CACHES:
        return Reason.CACHE
    if is_secret_folder(name):
        return Reason.SENSITIVE
    # An ignored folder is searched for what a build made when it is for the sandbox.
    return Reason.GIT_IGNORED if entry.git_ignored and purpose is Purpose.READ else None


def _is_built(path: str) -> bool:
    folders, _, name = path.rpartition("/")
    return name.endswith(_BUILT) or any(folder.endswith(_METADATA) for folder in folders.split("/"))


_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS"})
_ENVIRONMENTS = frozenset({".venv", ".pixi", ".conda", "__pypackages__"})
_CACHES = frozenset(
    {
        "__pycache__",
        ".cache",
        ".eggs",
        ".hypothesis",
        ".import_linter_cache",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".pytype",
        ".ruff_cache",
        ".tox",
        "node_modules",
    }
)
_COMPILED = (".pyc", ".pyo")
_BUILT = (".py", ".pyi", ".so", ".pyd", ".dylib", ".egg-link")
_METADATA = (".egg-info", ".dist-info")
