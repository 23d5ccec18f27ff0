"""Slash commands: those of Assay, and a workspace's own from `.assay/prompts/*.md`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assist.chat.conversation import Topic
from assist.chat.errors import ChatError, UnknownCommand
from assist.chat.files import Files
from workspace.walk import why_not

FOLDER = ".assay/prompts"
MAX_PROMPT = 8_000
"""Characters of a custom prompt: more is no instruction, and would take the room of the code."""
MAX_CUSTOM = 50
_MAX_DESCRIPTION = 120
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_PLACE = re.compile(r"\{\{\s*(\w*)\s*\}\}")
_PLACES = frozenset({"selection", "input"})
_COMMAND = re.compile(r"/([A-Za-z][\w-]{0,40})(?=\s|$)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    name: str
    description: str
    topic: Topic = "code"
    prompt: str = ""
    """Of a custom one, with its places; empty for those of Assay."""
    is_custom: bool = False


BUILT_IN: tuple[Command, ...] = (
    Command(name="explain", description="Explain the selected code, a file or a symbol"),
    Command(name="fix", description="Find an edit for the function at the cursor that passes its tests", topic="write"),
    Command(name="tests", description="Write tests for the selected code", topic="write"),
    Command(name="doc", description="Write the documentation of the selected code", topic="write"),
    Command(name="review", description="Review what changed in the working tree"),
    Command(name="search", description="Search the workspace, and ask no model"),
    Command(name="commit", description="Write a message for what is staged", topic="write"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    all: tuple[Command, ...]
    problems: tuple[str, ...] = ()
    """Custom prompts that cannot be used, a sentence each."""

    def named(self, name: str) -> Command:
        """:raises UnknownCommand: naming what there is."""
        for command in self.all:
            if command.name == name.lower():
                return command
        known = ", ".join(f"/{command.name}" for command in self.all)
        raise UnknownCommand(f"There is no command /{name}; there are {known}.")


def split_command(message: str) -> tuple[str, str]:
    """The name of the command that a message begins with, empty without one, and the rest."""
    match = _COMMAND.match(message.lstrip())
    # A path is no command: `/usr/bin/env is missing`.
    return (match[1], message.lstrip()[match.end() :]) if match else ("", message)


def commands_of(files: Files | None) -> Commands:
    """Every command of a workspace; one of Assay is never replaced. Reads the disk."""
    custom: list[Command] = []
    problems: list[str] = []
    taken = {command.name for command in BUILT_IN}
    for path in _prompt_files(files):
        assert files is not None
        try:
            command = read_prompt(path, "\n".join(files.read(path).shown))
        except ChatError as error:
            problems.append(str(error))
            continue
        if command.name in taken:
            problems.append(f"{path} is not used: /{command.name} is one of Assay's own commands.")
        elif len(custom) == MAX_CUSTOM:
            problems.append(f"{path} is not used: there are more than {MAX_CUSTOM} prompts.")
        else:
            custom.append(command)
    return Commands(all=(*BUILT_IN, *custom), problems=tuple(problems))


def read_prompt(path: str, text: str) -> Command:
    """:raises UnknownCommand: its name, size or places are none that a prompt may have."""
    name = path.rpartition("/")[2].removesuffix(".md")
    if not _NAME.fullmatch(name):
        raise UnknownCommand(f"{path} is not used: a command's name has small letters, digits and - only.")
    if len(text) > MAX_PROMPT:
        raise UnknownCommand(f"{path} is not used: it has more than {MAX_PROMPT:,} characters.")
    if not text.strip():
        raise UnknownCommand(f"{path} is not used: it is empty.")
    if strange := sorted({place for place in _PLACE.findall(text) if place not in _PLACES}):
        shown = ", ".join("{{" + place + "}}" for place in strange[:3])
        raise UnknownCommand(f"{path} is not used: it has {shown}; there are only {{{{selection}}}} and {{{{input}}}}.")
    first = next(line for line in text.split("\n") if line.strip())
    description = "".join(c for c in first.lstrip("# ") if c.isprintable())[:_MAX_DESCRIPTION]
    return Command(name=name, description=description, topic="code", prompt=text.strip(), is_custom=True)


def fill(prompt: str, *, selection: str, rest: str) -> str:
    """A custom prompt with its two places filled in, in one pass: what looks like a place in a value stays."""
    values = {"selection": selection, "input": rest}
    filled = _PLACE.sub(lambda place: values[place[1]], prompt)
    # What was typed behind the command is never lost.
    return filled if not rest or "input" in _PLACE.findall(prompt) else f"{filled}\n\n{rest}"


def _prompt_files(files: Files | None) -> Sequence[str]:
    if files is None:
        return ()
    folder = files.root / FOLDER
    try:
        # Not by way of a link that leaves the workspace: the policy would refuse the files, but not the listing.
        if not folder.resolve().is_relative_to(files.root):
            return ()
        names = sorted(path.name for path in folder.iterdir() if path.suffix == ".md")[: 2 * MAX_CUSTOM]
    except OSError:
        return ()
    paths = [f"{FOLDER}/{name}" for name in names]
    return [path for path in paths if why_not(files.root, path) is None]
