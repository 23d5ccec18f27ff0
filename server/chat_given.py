"""What an editor says with a message of chat: JSON of our own, checked here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pygls.exceptions import JsonRpcInvalidParams

from assist.chat.given import Given, Problem
from server.chatting import path_in

Table = Mapping[str, Any]

_SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


def table(params: object, method: str) -> Table:
    """:raises JsonRpcInvalidParams: it is not one object."""
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise JsonRpcInvalidParams(f"{method} takes one object.")
    return cast("Table", params)


def text(given: Table, key: str, method: str) -> str | None:
    """:raises JsonRpcInvalidParams: it is there, and no text."""
    value = given.get(key)
    if value is not None and (not isinstance(value, str) or "\0" in value):
        raise JsonRpcInvalidParams(f"{key} of {method} must be a text.")
    return value


def needed(given: Table, key: str, method: str) -> str:
    """:raises JsonRpcInvalidParams: it is missing, empty or no text."""
    value = text(given, key, method)
    if not value:
        raise JsonRpcInvalidParams(f"{method} needs {key}, a text.")
    return value


def number(given: Table, key: str, method: str) -> int:
    """:raises JsonRpcInvalidParams: it is missing, negative or no whole number."""
    value = given.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise JsonRpcInvalidParams(f"{method} needs {key}, a whole number.")
    return value


def token(given: Table, key: str) -> str | int | None:
    value = given.get(key)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def read_given(given: Table, root: Path | None, method: str) -> Given:
    """What a turn may show of the editor's side.

    :raises JsonRpcInvalidParams: something has the wrong type.
    """
    uri = text(given, "uri", method)
    selection = selected_lines(given, method)
    line = cursor_line(given, method)
    images = given.get("images")
    return Given(
        path=path_in(root, uri) if uri is not None and root is not None else "",
        line=line or 0,
        selected=selection,
        problems=read_problems(given, root, method),
        terminal=text(given, "terminal", method) or "",
        images=len(cast("list[object]", images)) if isinstance(images, list) else 0,
    )


def cursor_line(given: Table, method: str) -> int | None:
    """The line that the person is on: of the selection's beginning, or of the cursor."""
    selection = selected_lines(given, method)
    if selection is not None:
        return selection[0]
    for key in ("position", "selection"):
        if (at := given.get(key)) is not None:
            return _line(at if key == "position" else table(at, method).get("start"), method)
    return None


def selected_lines(given: Table, method: str) -> tuple[int, int] | None:
    """The lines of the selection, 0-based and exclusive; None for an empty one, which is only a cursor."""
    if given.get("selection") is None:
        return None
    range_ = table(given["selection"], method)
    start, end = _line(range_.get("start"), method), _line(range_.get("end"), method)
    if range_["start"] == range_["end"]:
        return None
    ends_before = end > start and range_["end"].get("character") == 0
    return start, max(start, end) + (0 if ends_before else 1)


def read_problems(given: Table, root: Path | None, method: str) -> tuple[Problem, ...]:
    """:raises JsonRpcInvalidParams: one of the diagnostics has no range or no message."""
    value = given.get("diagnostics")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise JsonRpcInvalidParams(f"diagnostics of {method} is a list.")
    return tuple(_problem(table(item, method), given, root, method) for item in cast("list[object]", value))


def _problem(item: Table, given: Table, root: Path | None, method: str) -> Problem:
    uri = text(item, "uri", method) or text(given, "uri", method)
    return Problem(
        path=path_in(root, uri) if uri is not None and root is not None else "",
        line=_line(table(item.get("range"), method).get("start"), method),
        message=needed(item, "message", method),
        severity=_SEVERITIES.get(item.get("severity") or 0, ""),
        source=text(item, "source", method) or "",
    )


def _line(position: object, method: str) -> int:
    line = cast("Table", position).get("line") if isinstance(position, Mapping) else None
    if not isinstance(line, int) or isinstance(line, bool) or line < 0:
        raise JsonRpcInvalidParams(f"Positions of {method} are {{line, character}}.")
    return line
