"""The files that chat may read, as the user sees them now: policy first, unsaved buffers over the disk, no secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assist.chat.errors import Refused
from inference.prompts.inert import made_inert
from workspace.errors import WorkspaceError
from workspace.policy import READ_LIMIT, is_text
from workspace.root import relative_path
from workspace.secrets import redact
from workspace.walk import walk, why_not


def clean(text: str) -> str:
    """The text as a model may see it: secrets redacted, special tokens of models made inert.

    Lines stay as they are; halves of characters, which no message can carry, become question marks.
    """
    return made_inert(redact(text)).encode("utf-8", "replace").decode()


def as_data(text: str) -> str:
    """The text for a place between the lines BEGIN and END of a prompt: no line of it ends the place before we do."""
    return _END.sub(r" \g<0>", text)


_END = re.compile(r"^END[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    path: str
    text: str
    """As it is."""
    shown: tuple[str, ...]
    """Its lines as a model may see them; the whole file was cleaned, so that no secret is cut in two."""


class Files:
    """One workspace for one turn; remembers what it has read. Reads the disk: call it in a thread."""

    def __init__(self, root: Path, buffers: Mapping[str, str]) -> None:
        """
        :param root: resolved.
        :param buffers: texts of open documents by path; they stand in for what is on disk.
        """
        self.root = root
        self.buffers = buffers
        self._read: dict[str, File] = {}
        self._listed: tuple[str, ...] | None = None

    def read(self, path: str) -> File:
        """:raises Refused: it leads out of the workspace, the policy refuses it, or it cannot be read."""
        if path not in self._read:
            self._read[path] = self._file(path)
        return self._read[path]

    def known(self) -> list[File]:
        """What was read so far."""
        return list(self._read.values())

    def listed(self) -> tuple[str, ...]:
        """Every file that may be read, sorted."""
        if self._listed is None:
            self._listed = walk(self.root).files
        return self._listed

    def _file(self, path: str) -> File:
        try:
            name = relative_path(self.root, path)
            refused = why_not(self.root, name)
        except WorkspaceError as error:
            raise Refused(f"{path} was left out: it is outside the workspace.") from error
        if refused is not None:
            raise Refused(f"{name} was left out: it {refused.value}.")
        text = self.buffers.get(name)
        if text is None:
            text = _from_disk(self.root, name)
        if len(text) > READ_LIMIT:
            raise Refused(f"{name} was left out: it is too large.")
        text = text.replace("\r\n", "\n")
        return File(path=name, text=text, shown=tuple(clean(text).split("\n")))


def _from_disk(root: Path, name: str) -> str:
    try:
        with (root / name).open("rb") as file:
            content = file.read(READ_LIMIT + 1)
    except FileNotFoundError as error:
        raise Refused(f"{name} was left out: there is no such file.") from error
    except (OSError, ValueError) as error:
        raise Refused(f"{name} was left out: it cannot be read.") from error
    if not is_text(content):
        raise Refused(f"{name} was left out: it is not text.")
    return content.decode("utf-8", "replace")
