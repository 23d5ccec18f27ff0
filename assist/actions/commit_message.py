"""Generate commit message: from what is staged, else from the working tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from assist.actions.ask import Model, ask_until_read, shown_edit, shown_to_model
from assist.actions.errors import NothingThere
from inference.errors import BadOutput
from retrieval.history import read_log
from workspace.changes import Changes
from workspace.edit import Edit, unified_diff

_DIFF = 32_000  # characters that a model is shown
_FILE = 8_000  # characters of one file's diff, so that one large file does not hide the others
_EARLIER = 8  # messages whose form is followed
_LOG_SECONDS = 5.0
_FIRST_LINE = 100
_MESSAGE = 4000
_FENCE = re.compile(r"^(`{3,}|~{3,})[\w+-]*\n(.*?)\n?\1$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitMessage:
    text: str
    staged: bool
    """Whether it is about what is staged; else about the working tree."""
    paths: tuple[str, ...]
    notes: tuple[str, ...]
    model: str


async def write_commit_message(model: Model, root: Path, staged: Changes, working: Changes) -> CommitMessage:
    """
    :raises NothingThere: nothing changed, or it cannot be told what.
    :raises ActionError: no answer could be used.
    :raises InferenceError: the model cannot answer.
    """
    changes = staged if staged.edit.changes else working
    if problem := changes.problem or staged.problem:
        raise NothingThere(problem)
    if not changes.edit.changes:
        why = f" {changes.notes[0]}" if changes.notes else ""
        raise NothingThere(f"There is nothing to commit: no tracked file differs from the last commit.{why}")
    log = await read_log(root, count=_EARLIER, seconds=_LOG_SECONDS)
    earlier = "\n\n".join("\n\n".join(filter(None, (each.subject, each.body))) for each in log.commits)
    messages = model.messages(
        "commit", history=shown_to_model(earlier) or "(none)", diff=_diff(shown_edit(changes.edit))
    )
    model.progress(f"asking {model.name}")

    async def read(answer: str) -> str:
        return read_message(answer)

    text = await ask_until_read(model, messages, read)
    return CommitMessage(
        text=text,
        staged=changes is staged,
        paths=tuple(change.path for change in changes.edit.changes),
        notes=changes.notes,
        model=model.name,
    )


def read_message(answer: str) -> str:
    """:raises BadOutput: it is no message of a commit."""
    text = answer.replace("\r\n", "\n").strip()
    if fenced := _FENCE.match(text):
        text = fenced[2].strip()
    text = "".join(char for char in text if char == "\n" or char.isprintable())
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    first, _, rest = text.partition("\n")
    if not first:
        raise BadOutput("It has no words.")
    if len(first) > _FIRST_LINE:
        raise BadOutput(f"Its first line has more than {_FIRST_LINE} characters.")
    if len(text) > _MESSAGE:
        raise BadOutput(f"It has more than {_MESSAGE:,} characters.")
    # What git would take for a comment, and leave out.
    lines = [line for line in rest.strip("\n").split("\n") if not line.startswith("#")]
    body = "\n".join(lines).strip("\n")
    return f"{first.lstrip('# ')}\n\n{body}" if body else first.lstrip("# ")


def _diff(edit: Edit) -> str:
    parts: list[str] = []
    room = _DIFF
    for change in edit.changes:
        text = unified_diff(Edit(changes=(change,)))
        if len(text) > _FILE:
            text = text[:_FILE] + "\n[…]\n"
        if len(text) > room:
            text = f"{change.path} changed, too.\n"
        parts.append(text)
        room -= len(text)
    return "".join(parts)
