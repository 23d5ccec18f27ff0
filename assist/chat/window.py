"""The turns that a model is shown again: the newest as they were, those before them as a summary."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from assist.chat.ask import ask
from assist.chat.conversation import Conversation, Turn
from assist.chat.files import as_data, clean
from inference.ports import Generator, Message
from inference.prompts.files import prompt
from retrieval.context import tokens_of

MAX_SUMMARY = 2_000
"""Characters of a summary, whoever wrote it."""
_KEPT = 0.5
"""Of the window, when it has overflowed: so it moves in steps, and between them a prompt begins as the last one did."""
_SECONDS = 10.0  # for a model to write a summary
_TOKENS = 300
_QUESTION, _ANSWER = 120, 200  # characters of each turn, without a model
_SHOWN_TURN = 4_000  # characters of an answer that is summarised
_CITED = re.compile(r"\[([0-9]{1,3})\]")


async def slide(conversation: Conversation, tokens: int, generator: Generator | None) -> Conversation:
    """The conversation with those turns summarised that the window has no room for any more.

    :param tokens: of the window.
    """
    turns = unsummarised(conversation)
    if sum(map(cost, turns)) <= tokens:
        return conversation
    room = tokens * _KEPT
    kept: list[Turn] = []
    for turn in reversed(turns):
        room -= cost(turn)
        if room < 0:
            break
        kept.append(turn)
    leaving = turns[: len(turns) - len(kept)]
    summary = await _summary(conversation.summary, leaving, generator)
    return dataclasses.replace(conversation, summary=summary, summarised=leaving[-1].number)


def unsummarised(conversation: Conversation) -> tuple[Turn, ...]:
    return tuple(turn for turn in conversation.turns if turn.number > conversation.summarised)


def messages_of(turns: Sequence[Turn]) -> list[Message]:
    """The turns as a model sees them: numbers of sources, which were another turn's, are the places they named."""
    found: list[Message] = []
    for turn in turns:
        question = f"/{turn.command} {turn.question}".strip() if turn.command else turn.question
        found.append(Message(role="user", content=clean(question) or "(no words)"))
        found.append(Message(role="assistant", content=clean(_with_places(turn)) or "(no answer)"))
    return found


def cost(turn: Turn) -> int:
    """Tokens, estimated."""
    return tokens_of(turn.question) + tokens_of(turn.text) + 8


async def _summary(earlier: str, turns: Sequence[Turn], generator: Generator | None) -> str:
    if generator is not None:
        said = "\n\n".join(f"Question: {turn.question}\nAnswer: {_with_places(turn)[:_SHOWN_TURN]}" for turn in turns)
        messages = prompt("chat_summary").messages(
            earlier=as_data(clean(earlier)) or "Nothing.", conversation=as_data(clean(said))
        )
        if written := clean(await ask(generator, messages, seconds=_SECONDS, max_tokens=_TOKENS)).strip():
            return written[:MAX_SUMMARY]
    lines = [earlier] if earlier else []
    lines += [
        f"Asked: {_first_line(turn.question, _QUESTION)} Answered: {_first_line(turn.text, _ANSWER)}" for turn in turns
    ]
    # Of too much, what was said last counts more.
    return "\n".join(lines)[-MAX_SUMMARY:]


def _with_places(turn: Turn) -> str:
    places = {str(each.number): f"({each.path}:{each.start_line + 1}-{each.end_line})" for each in turn.citations}
    return _CITED.sub(lambda match: places.get(match[1], ""), turn.text)


def _first_line(text: str, most: int) -> str:
    line = next((line.strip() for line in text.split("\n") if line.strip()), "")
    return line if len(line) <= most else line[: most - 1] + "…"
