"""Git history as a source: the words that people used for changes lead to the files that they changed.

git is started with nothing that a repository could make it run: no hooks, no file system monitor, no pager, no
external diff, no fetching of what is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.chunk import Chunk
from retrieval.ports import Document
from workspace.secrets import redact
from workspace.walk import walk

NAME = "history"
COMMITS = 2_000
"""The newest ones that are read, without merges: about a second of git in a large repository."""
PER_FILE = 40
"""Newest commits whose words are kept for a file."""
FILES_PER_COMMIT = 20
"""A commit that touches more says little about each of them: renames, formatting, licence headers."""
SECONDS = 20.0
"""For git. What it has told by then is used."""
MOST_BYTES = 8 << 20
"""Read from git; the same."""
_BODY_LINES = 3  # of a message; below come trailers and lists
_LINE_LIMIT = 200  # characters of each line that is kept
_TRAILER = ("signed-off-by:", "co-authored-by:", "reviewed-by:", "change-id:", "closes #", "fixes #", "refs #")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    id: str
    """Hex."""
    subject: str
    body: str
    paths: tuple[str, ...]
    """Files it touched, relative to the workspace's root, with forward slashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    commits: tuple[Commit, ...]
    """Newest first."""
    problem: str = ""
    """Why there are none, or not all; empty when all is well."""


def file_history(commits: Iterable[Commit]) -> Mapping[str, tuple[str, ...]]:
    """For each file what was said of its changes, newest first: subject and first lines of the body.

    :param commits: newest first.
    """
    said: dict[str, list[str]] = defaultdict(list)
    for commit in commits:
        if len(commit.paths) > FILES_PER_COMMIT:
            continue
        text = _message(commit)
        for path in commit.paths:
            if len(said[path]) < PER_FILE and text not in said[path]:
                said[path].append(text)
    return {path: tuple(texts) for path, texts in sorted(said.items())}


def _message(commit: Commit) -> str:
    lines = [commit.subject.strip()[:_LINE_LIMIT]]
    for line in commit.body.splitlines():
        line = line.strip()
        if line and not line.lower().startswith(_TRAILER):
            lines.append(line[:_LINE_LIMIT])
        if len(lines) > _BODY_LINES:
            break
    return redact("\n".join(lines))


class GitHistory:
    """A `Source`: one document for each file of the workspace that commits touched, named `history:PATH`."""

    def __init__(
        self, root: Path, *, files: Callable[[Path], Collection[str]] | None = None, seconds: float = SECONDS
    ) -> None:
        """
        :param root: of the workspace; absolute and resolved. It may lie within a repository.
        :param files: lists the files that may be read, relative to the root. Only they have a document: what policy
            leaves out is not named by its history either. Without it the workspace is walked.
        :param seconds: for one run of git.
        """
        self._root = root
        self._files = files if files is not None else _walked
        self._seconds = seconds
        self._texts: Mapping[str, str] = {}
        self.problem = ""
        """Why there is no history, or not all of it, as of the last call of `versions`; for the reader."""

    @property
    def name(self) -> str:
        return NAME

    async def versions(self) -> Mapping[str, str]:
        """Reads the log. Files that are gone have no document."""
        log = await read_log(self._root, seconds=self._seconds)
        self.problem = log.problem
        self._texts = await asyncio.to_thread(_texts, log.commits, self._root, self._files)
        return {path: _version(text) for path, text in self._texts.items()}

    async def documents(self, paths: Collection[str]) -> AsyncIterator[Document]:
        """Of the last call of `versions`."""
        for path in sorted(paths):
            if (text := self._texts.get(path)) is not None:
                yield Document(path=path, version=_version(text), chunks=(_chunk(path, text),))


def _walked(root: Path) -> Collection[str]:
    return walk(root).files


def _texts(commits: Sequence[Commit], root: Path, files: Callable[[Path], Collection[str]]) -> dict[str, str]:
    history = file_history(commits)
    listed = frozenset(files(root)) if history else frozenset[str]()
    return {f"{NAME}:{path}": "\n\n".join(said) for path, said in history.items() if path in listed}


def _version(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _chunk(path: str, text: str) -> Chunk:
    file = path.removeprefix(f"{NAME}:")
    return Chunk(
        path=path,
        language="text",
        kind="history",
        symbol="",
        scope="",
        names=(),
        start_byte=0,
        end_byte=len(text.encode()),
        start_line=0,
        end_line=text.count("\n") + 1,
        header=" ".join(f"# {file} history".split()),
        text=text,
        source=NAME,
    )


# %x00 ends each field. The body cannot hold a NUL, so what follows the third one are the paths, up to the next mark.
_FORMAT = "--format=%x00%x00%H%x00%s%x00%b%x00"
_OPTIONS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.pager", "cat"),
    ("core.attributesFile", os.devnull),
    ("log.showSignature", "false"),  # would start the program that gpg.program names
    ("log.mailmap", "false"),
    ("diff.external", ""),
    ("diff.renames", "false"),
    ("protocol.allow", "never"),
)


async def read_log(root: Path, *, count: int = COMMITS, seconds: float = SECONDS) -> Log:
    """The newest commits of the repository that a folder is in, without merges. Raises nothing: see `problem`."""
    git = shutil.which("git")
    if git is None:
        return Log(commits=(), problem="there is no git program")
    arguments = ["--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs"]
    for key, value in _OPTIONS:
        arguments += ["-c", f"{key}={value}"]
    arguments += ["log", f"--max-count={count}", "--no-merges", "--no-color", "--no-ext-diff", "--no-textconv"]
    arguments += ["--no-show-signature", "--no-renames", "--name-only", "--relative", "--encoding=UTF-8", "-z", _FORMAT]
    process = await asyncio.create_subprocess_exec(
        git,
        *arguments,
        "HEAD",
        "--",
        ".",
        cwd=root,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output = bytearray()
    problem = ""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            while chunk := await process.stdout.read(1 << 16):
                output += chunk
                if len(output) > MOST_BYTES:
                    problem = f"the log is larger than {MOST_BYTES >> 20} MB; its newest part is used"
                    break
            else:
                if await process.wait() != 0:
                    return Log(commits=(), problem="it is not a git repository, or has no commits that git will show")
    except TimeoutError:
        problem = f"git took longer than {seconds:g} s; what it told by then is used"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    commits = parse_log(bytes(output))
    return Log(commits=commits[:-1] if problem else commits, problem=problem)


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "GIT_CEILING_DIRECTORIES": "",
        "LC_ALL": "C",
    }


def parse_log(output: bytes) -> tuple[Commit, ...]:
    """Commits from what `git log` prints in the form that `read_log` asks for."""
    fields = output.split(b"\0")
    commits: list[Commit] = []
    at = 0
    # Each is: empty, empty, id, subject, body, empty, a line feed and the first path, the other paths.
    while at + 5 < len(fields):
        if fields[at] or fields[at + 1]:
            break
        id_, subject, body = (field.decode("utf-8", "replace") for field in fields[at + 2 : at + 5])
        at += 6
        paths: list[str] = []
        while at < len(fields) and fields[at]:
            # Names that are not UTF-8 are never listed in a workspace; they must only not be taken for another.
            paths.append(fields[at].removeprefix(b"\n" if not paths else b"").decode("utf-8", "replace"))
            at += 1
        commits.append(Commit(id=id_, subject=subject, body=body, paths=tuple(paths)))
    return tuple(commits)
