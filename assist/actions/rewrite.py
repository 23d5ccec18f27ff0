"""Rewrite, Simplify and Add types: an edit of one document by an instruction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from assist.actions.ask import Model, ask_until_read, shown_to_model
from assist.actions.errors import NothingThere
from assist.actions.focus import Focus, Spot
from assist.actions.syntax import no_worse
from assist.model.parse import read_edit
from inference.errors import BadOutput
from workspace.edit import Edit

MAX_INSTRUCTION = 4000
"""Characters; more is a document, and would take the room of the code."""
_REDACTED = "[redacted: "

Check = Callable[[Edit], None]
"""Raises `BadOutput` for an edit that is not of the kind that was asked for."""


class OneDocument:
    """A document as all that an edit may touch."""

    def __init__(self, root: Path, spot: Spot) -> None:
        self.root = root
        self.files = (spot.path,)
        self._content = spot.content

    def read(self, path: str) -> bytes | None:
        return self._content if path in self.files else None


def instruction_of(text: str) -> str:
    """A person's instruction, as it goes to the model.

    :raises NothingThere: it is empty, or too long.
    """
    if not text.strip():
        raise NothingThere("Say what is to be done: the command takes it as `instruction`; docs/actions.md shows how.")
    if len(text) > MAX_INSTRUCTION:
        raise NothingThere(f"An instruction may have {MAX_INSTRUCTION:,} characters; put more into a comment.")
    return shown_to_model(text.strip())


def accept_all(edit: Edit) -> None:
    """A `Check` that refuses nothing."""
    del edit


async def write_edit(
    model: Model,
    root: Path,
    spot: Spot,
    focus: Focus,
    instruction: str,
    earlier: str,
    *,
    check: Check = accept_all,
) -> Edit:
    """An edit of that document alone, which parses no worse than before.

    :param earlier: attempts that were not good enough, in words for the model.
    :raises ActionError: no answer could be used.
    :raises InferenceError: the model cannot answer.
    """
    document = OneDocument(root, spot)
    messages = model.messages(
        "edit",
        context=earlier,
        path=spot.path,
        source=focus.source,
        selection=focus.selection,
        first_line=str(focus.first + 1),
        last_line=str(focus.last + 1),
        instruction=instruction,
    )
    model.progress(f"asking {model.name}" + (" again, with what went wrong" if earlier else ""))

    async def read(answer: str) -> Edit:
        edit = read_edit(answer, document, (spot.path,), only=(spot.path,))
        keeps_secrets(edit)
        check(edit)
        await no_worse(edit)
        return edit

    return await ask_until_read(model, messages, read)


def keeps_secrets(edit: Edit) -> None:
    """:raises BadOutput: it puts in the words that a model sees where a secret stands."""
    for change in edit.changes:
        before, after = change.before or b"", change.after or b""
        if after.count(_REDACTED.encode()) > before.count(_REDACTED.encode()):
            raise BadOutput("It puts the words [redacted: …] where a secret stands; leave those lines as they are.")
