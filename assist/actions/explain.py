"""Explain: what code is for and how it does it, in words that name where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from assist.actions.ask import Model, ask, shown_to_model
from assist.actions.errors import NoUsableAnswer
from assist.actions.focus import Focus

_MAX_TOKENS = 1200
_QUESTION = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Lines that an explanation rests on, 0-based, the last one included."""

    path: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    text: str
    """Markdown that is safe to render."""
    sources: tuple[Source, ...]
    model: str


async def explain(model: Model, focus: Focus, question: str = "") -> Explanation:
    """:param question: of the person who asks; empty for an explanation as such.
    :raises NoUsableAnswer: the model said nothing.
    :raises InferenceError: it cannot answer.
    """
    messages = model.messages(
        "explain",
        context="",
        path=focus.path,
        source=focus.source,
        selection=focus.selection,
        first_line=str(focus.first + 1),
        last_line=str(focus.last + 1),
        question=shown_to_model(question[:_QUESTION]),
    )
    model.progress(f"asking {model.name}")
    answer = await ask(model, messages, max_tokens=_MAX_TOKENS)
    text = answer.text.strip()
    if not text:
        raise NoUsableAnswer(f"{model.name} said nothing; ask again, or try another model.")
    if answer.ended_by:
        text += "\n\n*The answer was cut here.*"
    name = f"`{focus.name}`, " if focus.name else ""
    where = f"{name}{focus.path}, lines {focus.first + 1} to {focus.last + 1}"
    return Explanation(
        text=f"{text}\n\nSource: {where}",
        sources=(Source(path=focus.path, first=focus.first, last=focus.last),),
        model=model.name,
    )
