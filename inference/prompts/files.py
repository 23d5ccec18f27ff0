"""Prompts from Markdown files: what the model is told under `# system`, what it is asked under `# user`.

`{{ name }}` is a place for a value. There is no logic, and values are data: nothing in one is looked at again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal, cast

from inference.ports import Message

_MAX_FILE = 64 << 10  # bytes of a person's own prompt
_SECTION = re.compile(r"^# (system|user)[ \t]*$", re.MULTILINE)
_PLACE = re.compile(r"\{\{ ?(\w+) ?\}\}")
_LONE = re.compile(r"^\{\{ ?(\w+) ?\}\}\n\n?", re.MULTILINE)  # a place that is a paragraph
_NAME = re.compile(r"[a-z_]+(/[a-z_]+)?")


class BadPrompt(ValueError):
    """A prompt file that cannot be used; the message says which, and what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    name: str
    sections: tuple[tuple[Literal["system", "user"], str], ...]
    """In the file's order."""
    places: frozenset[str]

    def messages(self, **values: str) -> tuple[Message, ...]:
        """A message of each section. A paragraph that is one place whose value is empty is left out.

        :raises BadPrompt: for a place without a value, and for a value without a place.
        """
        return tuple(Message(role=role, content=_filled(self, text, values)) for role, text in self.sections)


def prompt(name: str, *, folder: Path | None = None) -> Prompt:
    """The prompt of that name, from the folder when it has one of it, else the one that comes along.

    :param folder: a person's own prompts. A prompt there has the places of the one that it replaces, or fewer.
    :raises BadPrompt: when it cannot be read, has no sections, or names a place that gets no value.
    """
    own = _parsed(name, _shipped(name))
    text = _from_folder(name, folder)
    if text is None:
        return own
    theirs = _parsed(name, text)
    if unknown := sorted(theirs.places - own.places):
        raise BadPrompt(
            f"{name}.md has places that get no value: {', '.join(unknown)}; there are {', '.join(sorted(own.places))}."
        )
    return Prompt(name=name, sections=theirs.sections, places=own.places)


def part(name: str, *, folder: Path | None = None, **values: str) -> str:
    """A piece that goes into a prompt's place, from `parts/NAME.md`, which has no sections. Raises as `prompt`."""
    shipped = _shipped(f"parts/{name}")
    text = _from_folder(f"parts/{name}", folder)
    places = frozenset(_PLACE.findall(shipped))
    return _filled(Prompt(name=f"parts/{name}", sections=(), places=places), text or shipped, values)


def _filled(prompt: Prompt, text: str, values: dict[str, str]) -> str:
    if unknown := sorted(values.keys() - prompt.places):
        raise BadPrompt(f"{prompt.name}.md has no place for {', '.join(unknown)}.")
    if missing := sorted(prompt.places - values.keys()):
        raise BadPrompt(f"{prompt.name}.md gets no value for {', '.join(missing)}.")
    text = _LONE.sub(lambda place: place[0] if values.get(place[1], " ") else "", text.strip() + "\n")
    # One pass, so that what looks like a place inside of a value stays as it is.
    return _PLACE.sub(lambda place: values[place[1]], text).strip() + "\n"


def _parsed(name: str, text: str) -> Prompt:
    before, *rest = _SECTION.split(text.replace("\r\n", "\n"))
    if before.strip() or not rest:
        raise BadPrompt(f"{name}.md must begin with a line `# system` or `# user`.")
    roles = cast("list[Literal['system', 'user']]", rest[::2])
    if sorted(set(roles)) != sorted(roles) or "user" not in roles:
        raise BadPrompt(f"{name}.md must have one `# user`, and at most one `# system`.")
    return Prompt(
        name=name, sections=tuple(zip(roles, rest[1::2], strict=True)), places=frozenset(_PLACE.findall(text))
    )


@lru_cache
def _shipped(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadPrompt(f"{name!r} is no name of a prompt.")
    file = resources.files("inference.prompts").joinpath("text", f"{name}.md")
    if not file.is_file():
        raise BadPrompt(f"There is no prompt {name}.")
    return file.read_text(encoding="utf-8")


def _from_folder(name: str, folder: Path | None) -> str | None:
    """Read each time: whoever writes a prompt tries it at once."""
    if folder is None or not (file := folder / f"{name}.md").is_file():
        return None
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_FILE + 1)
        if len(content) > _MAX_FILE:
            raise BadPrompt(f"{file} is larger than {_MAX_FILE >> 10} KB; shorten it.")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadPrompt(f"{file} cannot be read as UTF-8 text; mend it or remove it.") from error
