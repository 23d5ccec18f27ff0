"""Messages as the one text that a model was trained on, by the chat template that came with it.

For backends that take raw text, such as Triton; those that take messages do this themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

from inference.ports import Message
from inference.prompts.inert import CONTROL_TOKENS, made_inert

_MAX_CONFIG = 8 << 20  # bytes; those that list all added tokens have up to one megabyte
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_DEFAULT = "default"


class BadTemplate(ValueError):
    """The template cannot be used for these messages; the message says why, and what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    source: str
    """Jinja."""
    tokens: tuple[tuple[str, str], ...] = ()
    """Named special tokens that templates write, such as `("bos_token", "<s>")`."""
    special_tokens: tuple[str, ...] = ()
    """Every text that is one id of the tokenizer and means something to the model; empty when that is not known."""


def render(
    template: ChatTemplate,
    messages: Sequence[Message],
    *,
    add_generation_prompt: bool = True,
    now: Callable[[], datetime] = datetime.now,
) -> str:
    """The text for a completions path. Send it without adding tokens: the template writes them.

    Text of special tokens within a message is made inert first. When the template refuses the messages as they are, or
    leaves one out, those of the same role that follow each other are joined, and then what the system says becomes the
    beginning of the first user's message, as models without that role are to be told.

    :raises BadTemplate: when the template takes none of these.
    """
    if not messages:
        raise BadTemplate("A chat template needs at least one message.")
    special = _special(template)
    inert = tuple(Message(role=each.role, content=made_inert(each.content, special)) for each in messages)
    refusal: BadTemplate | None = None
    incomplete: str | None = None
    for variant in dict.fromkeys((inert, _joined(inert), _joined(_without_system(inert)))):
        try:
            text = _run(template, variant, add_generation_prompt, now)
        except BadTemplate as error:
            refusal = refusal or error
            continue
        if all(message.content.strip() in text for message in variant if message.role != "assistant"):
            return text
        incomplete = incomplete or text
    if incomplete is not None:  # it changes texts, by quoting them as JSON perhaps
        return incomplete
    raise cast("BadTemplate", refusal)


def load_template(folder: Path, *, name: str = _DEFAULT, special_tokens: Sequence[str] = ()) -> ChatTemplate | None:
    """The chat template of a model's folder, as `transformers` saves them; None when it has none.

    :param name: of one of several templates, such as `tool_use`.
    :param special_tokens: of the tokenizer, see `inference.tokens.local.LocalTokenizer`.
    :raises BadTemplate: when a file cannot be read.
    """
    config = _config(folder / "tokenizer_config.json")
    separate = folder / ("chat_template.jinja" if name == _DEFAULT else f"additional_chat_templates/{name}.jinja")
    source = _text(separate) if separate.is_file() else template_source(config.get("chat_template"), name)
    if source is None and name != _DEFAULT:
        return load_template(folder, special_tokens=special_tokens)
    if source is None:
        return None
    tokens = tuple((each, token) for each in _NAMED if (token := _token(config.get(each))) is not None)
    return ChatTemplate(source=source, tokens=tokens, special_tokens=tuple(special_tokens) or _added(config))


def template_source(value: object, name: str = _DEFAULT) -> str | None:
    """Of `chat_template` in a tokenizer_config.json: one text, or a list or an object of named ones."""
    if isinstance(value, str):
        return value if name == _DEFAULT else None
    named: dict[object, object] = {}
    if isinstance(value, dict):
        named = cast("dict[object, object]", value)
    elif isinstance(value, list):
        items = [cast("dict[str, object]", item) for item in cast("list[object]", value) if isinstance(item, dict)]
        named = {item.get("name"): item.get("template") for item in items}
    found = named.get(name)
    return found if isinstance(found, str) else None


def _special(template: ChatTemplate) -> tuple[str, ...]:
    # Some marks are no token of their own, such as [INST] for the first models of Mistral.
    marks = CONTROL_TOKENS
    if template.special_tokens:
        marks = (*template.special_tokens, *(mark for mark in CONTROL_TOKENS if mark in template.source))
    return (*marks, *(token for _, token in template.tokens))


def _run(
    template: ChatTemplate, messages: Sequence[Message], add_generation_prompt: bool, now: Callable[[], datetime]
) -> str:
    from inference.prompts.jinja import TemplateRefused, run  # 90 ms

    values: dict[str, object] = {
        **dict(template.tokens),
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "add_generation_prompt": add_generation_prompt,
        "tools": None,
        "documents": None,
    }
    try:
        return run(template.source, values, strftime=lambda form: now().strftime(form))
    except TemplateRefused as refused:
        raise BadTemplate(
            f"The model's chat template {refused}. Name another template, or serve the model where it takes messages."
        ) from refused


def _joined(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Neighbours of the same role as one message."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            message = Message(role=message.role, content=f"{joined.pop().content}\n\n{message.content}")
        joined.append(message)
    return tuple(joined)


def _without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """What the system says as the beginning of the first user's message, which comes first then."""
    said = [message for message in messages if message.role == "system"]
    others = [message for message in messages if message.role != "system"]
    role: Literal["user"] = "user"
    if not said and others and others[0].role == role:
        return tuple(messages)
    first = others.pop(0).content if others and others[0].role == role else ""
    content = "\n\n".join([*(message.content for message in said), *([first] if first else [])])
    return (Message(role=role, content=content), *others)


def _added(config: Mapping[str, object]) -> tuple[str, ...]:
    """Special tokens that the configuration lists."""
    listed = config.get("added_tokens_decoder")
    items = cast("dict[str, object]", listed).values() if isinstance(listed, dict) else ()
    fields = [cast("dict[str, object]", item) for item in items if isinstance(item, dict)]
    contents = [item.get("content") for item in fields if item.get("special") is True]
    return tuple(content for content in contents if isinstance(content, str))


def _token(value: object) -> str | None:
    """A token is text, or an object with it."""
    text = cast("dict[str, object]", value).get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def _config(file: Path) -> dict[str, object]:
    if not file.is_file():
        return {}
    try:
        found: object = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise BadTemplate(f"{file} is not JSON; get the model's files again.") from error
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_CONFIG + 1)
    except OSError as error:
        raise BadTemplate(f"{file} cannot be read: {error.strerror}.") from error
    if len(content) > _MAX_CONFIG:
        raise BadTemplate(f"{file} is larger than {_MAX_CONFIG >> 20} MB; get the model's files again.")
    return content.decode("utf-8", "replace")
