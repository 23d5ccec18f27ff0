"""Ask a model for a text or an edit. What comes back is hostile: bounded, without special tokens, read or refused."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from assist.actions.errors import ActionError, NoUsableAnswer
from assist.chat.speech import MAX_ANSWER, Speech
from inference.errors import BadOutput
from inference.ports import Finished, GenerateRequest, Generator, Message
from inference.prompts.files import BadPrompt, part, prompt
from inference.prompts.inert import made_inert
from workspace.edit import Edit
from workspace.secrets import redact

T = TypeVar("T")

_ANSWERS = 3  # for one edit: a model that cannot keep to the form after two reminders will not learn it
_SHOWN_AGAIN = 4000  # characters of an answer that could not be used
_MAX_TOKENS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One question to the model, for whoever asks how an action came about."""

    first_seconds: float | None
    """Until the first piece of the answer; None when none came."""
    seconds: float
    finished: Finished | None
    """None when the answer broke off, or was not read to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A generator with what every question to it shares."""

    generator: Generator
    seconds: float = 60.0
    """For one answer."""
    prompts: Path | None = None
    """A person's own prompts, see `inference.prompts.files`."""
    progress: Callable[[str], None] = lambda _: None
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    """In the order of the questions; each is added at its end, however it ended."""

    @property
    def name(self) -> str:
        return self.generator.model

    def messages(self, asked_with: str, /, **values: str) -> tuple[Message, ...]:
        """:raises ActionError: the person's own prompt cannot be used."""
        try:
            return prompt(asked_with, folder=self.prompts).messages(**values)
        except BadPrompt as error:
            raise ActionError(f"No model was asked: {error}") from error

    def part(self, piece: str, /, **values: str) -> str:
        """As `messages`, for a piece that goes into a prompt's place."""
        try:
            return part(piece, folder=self.prompts, **values)
        except BadPrompt as error:
            raise ActionError(f"No model was asked: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    text: str
    """Safe to render as Markdown."""
    raw: str
    """As it was said, up to the first special token."""
    ended_by: str
    """special_token or too_long; empty when the model ended it."""


def shown_to_model(text: str) -> str:
    """The text as a model may see it: secrets redacted, special tokens made inert, halves of characters replaced."""
    return made_inert(redact(text)).encode("utf-8", "replace").decode()


def shown_edit(edit: Edit) -> Edit:
    """The edit as a model may see it: whole files are cleaned, so that no secret is cut in two."""

    def clean(content: bytes | None) -> bytes | None:
        return None if content is None else shown_to_model(content.decode("utf-8", "replace")).encode()

    changes = (replace(each, before=clean(each.before), after=clean(each.after)) for each in edit.changes)
    return replace(edit, changes=tuple(changes))


async def ask(model: Model, messages: Sequence[Message], *, max_tokens: int = _MAX_TOKENS) -> Answer:
    """:raises InferenceError: it cannot answer."""
    speech = Speech()
    started, first = time.monotonic(), None
    finished: list[Finished] = []
    request = GenerateRequest(messages=tuple(messages), max_tokens=max_tokens, seconds=model.seconds)
    try:
        async with aclosing(model.generator.stream(request, on_finish=finished.append)) as stream:
            async for piece in stream:
                first = first or time.monotonic() - started
                speech.feed(piece)
                if speech.is_over:
                    break
    finally:
        model.exchanges.append(
            Exchange(
                first_seconds=first,
                seconds=time.monotonic() - started,
                finished=finished[0] if finished else None,
            )
        )
    speech.finish()
    return Answer(text=speech.text, raw=speech.raw, ended_by=speech.ended_by)


async def ask_until_read(model: Model, messages: Sequence[Message], read: Callable[[str], Awaitable[T]]) -> T:
    """What `read` makes of an answer; one that it refuses with `BadOutput` is asked for again, with the reason.

    :raises NoUsableAnswer: it could not be read, however often it was asked for.
    :raises InferenceError: the model cannot answer.
    """
    asked = tuple(messages)
    why = ""
    for _ in range(_ANSWERS):
        answer = await ask(model, asked)
        try:
            return await _read(answer, read)
        except BadOutput as error:
            why = str(error)
            model.progress(f"an answer of {model.name} could not be used: {why}")
            asked = (
                *messages,
                Message(role="assistant", content=shown_to_model(answer.raw[:_SHOWN_AGAIN]) or "…"),
                Message(role="user", content=model.part("refused", reason=why)),
            )
    raise NoUsableAnswer(f"{model.name} gave no answer that could be used: {why}")


async def _read(answer: Answer, read: Callable[[str], Awaitable[T]]) -> T:
    if answer.ended_by == "too_long":
        raise BadOutput(f"It is longer than {MAX_ANSWER:,} characters.")
    if not answer.raw.strip():
        raise BadOutput("It is empty.")
    try:
        return await read(answer.raw)
    except BadOutput as error:
        if answer.ended_by == "special_token":
            raise BadOutput(f"It was cut at a special token of a model. {error}") from error
        raise
