"""The arguments of Assay's commands: one object, documented in docs/lsp.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from lsprotocol import types as lsp

from server.errors import BadArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    uri: str = ""
    version: int | None = None
    """Of the document, when the action was offered."""
    line: int | None = None
    """0-based."""
    message: str = ""
    name: str = ""
    """Of a function, for people."""
    test: str | None = None
    """A pytest node id, a file or a folder, relative to the root."""
    id: str | None = None
    """Of a receipt, or of an edit that was kept."""
    end_line: int | None = None
    """0-based, included: the last line that is selected."""
    instruction: str = ""
    """What is to be done, in a person's words."""
    hunks: tuple[int, ...] | None = None
    """Of an edit that was kept; None is all of it."""

    def plain(self) -> dict[str, Any]:
        """As JSON, without what is not set."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {_JSON.get(name, name): value for name, value in values.items() if value not in (None, "")}


_TEXTS = ("uri", "message", "name", "test", "id", "instruction")
_NUMBERS = ("version", "line", "endLine")
_JSON = {"end_line": "endLine"}
_FIELDS = {"endLine": "end_line"}


def read_arguments(params: lsp.ExecuteCommandParams, *needed: str) -> Arguments:
    """:raises BadArguments: not one object, a needed key is missing, or one has the wrong type."""
    given = list(params.arguments or ())
    values: object = given[0] if given else {}
    if len(given) > 1 or not isinstance(values, Mapping):
        raise BadArguments(f"{params.command} takes one object.")
    table = {key: value for key, value in cast("Mapping[str, object]", values).items() if value is not None}
    for key in needed:
        if key not in table:
            raise BadArguments(f"{params.command} needs “{key}”.")
    known: dict[str, Any] = {}
    for key, value in table.items():
        if key in _TEXTS:
            if not isinstance(value, str) or "\0" in value:
                raise BadArguments(f"“{key}” of {params.command} must be a text.")
        elif key in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or (key != "version" and value < 0):
                raise BadArguments(f"“{key}” of {params.command} must be a whole number.")
        elif key == "hunks":
            value = _numbers(value, params.command)
        else:
            continue  # room for what later editors send along
        known[_FIELDS.get(key, key)] = value
    return Arguments(**known)


def _numbers(value: object, command: str) -> tuple[int, ...]:
    if isinstance(value, (list, tuple)):
        numbers = list(cast("Sequence[object]", value))
        if all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
            return tuple(cast("list[int]", numbers))
    raise BadArguments(f"“hunks” of {command} must be a list of whole numbers.")
