"""Review my changes: what a model finds wrong in the working tree's diff, each with its place and, at best, a fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from assist.actions.ask import Model, ask_until_read
from assist.actions.errors import NotAllowed, NothingThere
from assist.actions.numbered import numbered
from assist.actions.rewrite import keeps_secrets
from assist.actions.syntax import no_worse
from assist.model.parse import read_edit
from inference.errors import BadOutput
from workspace.changes import Changes
from workspace.edit import Edit, FileChange

Severity = Literal["error", "warning", "hint"]

_MOST = 20  # findings; with more, nobody reads them
_MESSAGE = 500  # characters
_FINDING = re.compile(r"^\W{0,6}Finding:\W{0,3}(?P<path>[^:\n]{1,300}):(?P<line>\d{1,7}):\s*(?P<rest>.+)$")
_SEVERITY = re.compile(r"^\W{0,3}(error|warning|hint)\W{0,3}:\s*(.*)$", re.IGNORECASE)
_NOTHING = re.compile(r"^\W*No findings\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    path: str
    line: int
    """0-based, in the file as it is now."""
    severity: Severity
    message: str
    """One sentence of plain text."""
    fix: Edit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    findings: tuple[Finding, ...]
    paths: tuple[str, ...]
    """Files that were shown."""
    contents: Mapping[str, bytes]
    """What each of them was when it was looked at."""
    notes: tuple[str, ...]
    """What was left out, a sentence each."""
    model: str


async def review(model: Model, root: Path, changes: Changes) -> Review:
    """
    :raises NothingThere: nothing changed, or it cannot be told what.
    :raises ActionError: no answer could be used.
    :raises InferenceError: the model cannot answer.
    """
    if changes.problem:
        raise NothingThere(changes.problem)
    text, left_out = numbered(changes.edit)
    if not text:
        why = f" {changes.notes[0]}" if changes.notes else ""
        if left_out:
            raise NotAllowed(f"{left_out[0]} changed too much to be reviewed at once; commit parts of it first.")
        raise NothingThere(f"There is nothing to review: no tracked file differs from the last commit.{why}")
    messages = model.messages("review", changes=text)
    model.progress(f"asking {model.name}")
    files = {change.path: change.after for change in changes.edit.changes if change.after is not None}
    shown = {path: content for path, content in files.items() if path not in left_out}
    notes = [*changes.notes, *(f"{path} was left out: too much changed in it." for path in left_out)]

    async def read(answer: str) -> tuple[tuple[Finding, ...], list[str]]:
        return await read_findings(answer, root, shown)

    findings, more = await ask_until_read(model, messages, read)
    return Review(findings=findings, paths=tuple(shown), contents=shown, notes=(*notes, *more), model=model.name)


async def read_findings(answer: str, root: Path, files: Mapping[str, bytes]) -> tuple[tuple[Finding, ...], list[str]]:
    """The findings of an answer, and notes on what of it was not used.

    :raises BadOutput: it has none, and does not say that there are none.
    """
    found: list[Finding] = []
    strange = unusable = 0
    for path, line, rest, block in _entries(answer):
        if len(found) == _MOST:
            break
        if path not in files or line > files[path].count(b"\n") + 1 or line < 1:
            strange += 1
            continue
        severity, message = _message(rest)
        if not message:
            continue
        fix = None
        if "<<<<" in block:
            fix = await _fix(block, root, path, files[path], message)
            unusable += fix is None
        found.append(Finding(path=path, line=line - 1, severity=severity, message=message, fix=fix))
    if not found and not strange and not _NOTHING.search(answer):
        raise BadOutput("There is no line that begins with `Finding:`, and it does not say `No findings.` either.")
    notes: list[str] = []
    if strange:
        notes.append(f"{strange} finding{'s name places' if strange > 1 else ' names a place'} that did not change.")
    if unusable:
        notes.append(f"{unusable} fix{'es' if unusable > 1 else ''} of the model could not be used.")
    return tuple(found), notes


def _entries(answer: str) -> Iterator[tuple[str, int, str, str]]:
    """Path, line, the rest of that line, and what follows up to the next finding."""
    at: tuple[str, int, str] | None = None
    block: list[str] = []
    for line in answer.replace("\r\n", "\n").split("\n"):
        if (match := _FINDING.match(line)) is not None:
            if at is not None:
                yield (*at, "\n".join(block))
            path = match["path"].strip().strip("`* ").removeprefix("./")
            at, block = (path, int(match["line"]), match["rest"]), []
        else:
            block.append(line)
    if at is not None:
        yield (*at, "\n".join(block))


def _message(rest: str) -> tuple[Severity, str]:
    severity: Severity = "warning"
    if (match := _SEVERITY.match(rest)) is not None:
        severity, rest = cast("Severity", match[1].lower()), match[2]
    plain = "".join(char for char in rest if char.isprintable()).strip(" *_")
    return severity, plain if len(plain) <= _MESSAGE else plain[: _MESSAGE - 1] + "…"


async def _fix(block: str, root: Path, path: str, content: bytes, message: str) -> Edit | None:
    try:
        edit = read_edit(block, _OneFile(root, path, content), (path,), only=(path,))
        keeps_secrets(edit)
        await no_worse(edit)
    except BadOutput:
        return None
    changes = tuple(FileChange(path=each.path, before=each.before, after=each.after) for each in edit.changes)
    return Edit(changes=changes, title=message[:60])


@dataclass(frozen=True, slots=True)
class _OneFile:
    root: Path
    path: str
    content: bytes

    @property
    def files(self) -> tuple[str, ...]:
        return (self.path,)

    def read(self, path: str) -> bytes | None:
        return self.content if path == self.path else None
