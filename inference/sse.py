"""Server-sent events, read as they come.

The parser of https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, with two
differences, as a model server is not trusted: lines and events have a largest size, and bytes that are not UTF-8 are
an error where a browser would replace them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 1 << 20
"""Bytes. The largest honest line is an error that repeats a prompt."""

MAX_EVENT = 4 << 20
"""Bytes of an event's data."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"
_CR = b"\r"
_LF = b"\n"


class BadEventStream(ValueError):
    """The bytes are no event stream, or one that is too large; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    data: str
    kind: str = "message"
    id: str = ""
    """Of this event, or of the last one that had an id."""


class EventParser:
    """Bytes in pieces of any size to events. An event that the end of the stream cuts off is dropped, as specified."""

    def __init__(self, *, max_line: int = MAX_LINE, max_event: int = MAX_EVENT) -> None:
        self._max_line = max_line
        self._max_event = max_event
        self._line = bytearray()
        self._is_first_line = True
        self._follows_cr = False
        self._data: list[str] = []
        self._size = 0
        self._kind = ""
        self._id = ""
        self.retry: int | None = None
        """Milliseconds to wait before connecting again, when the server said so."""

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The events that this piece completes.

        :raises BadEventStream: and nothing may be fed after that.
        """
        if self._follows_cr and piece:
            # A line that ended with CR was taken at once; the LF of a CRLF that was cut in two belongs to it.
            self._follows_cr = False
            piece = piece.removeprefix(_LF)
        events: list[ServerEvent] = []
        start = 0
        for end in _LINE_END.finditer(piece):
            self._extend(piece[start : end.start()])
            start = end.end()
            line = bytes(self._line)
            self._line.clear()
            if event := self._take(line):
                events.append(event)
        self._extend(piece[start:])
        if piece:
            self._follows_cr = piece.endswith(_CR)
        return events

    def _extend(self, part: bytes) -> None:
        if len(self._line) + len(part) > self._max_line:
            raise BadEventStream(f"a line is longer than {self._max_line:,} bytes")
        self._line += part

    def _take(self, line: bytes) -> ServerEvent | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadEventStream("it is not UTF-8") from error
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._size += len(line) + 1
                if self._size > self._max_event:
                    raise BadEventStream(f"an event is longer than {self._max_event:,} bytes")
                self._data.append(value)
            case "event":
                self._kind = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit() and len(value) <= 9:
                self.retry = int(value)
            case _:  # a comment, whose name is empty, or a field that nobody knows
                pass
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, kind = self._data, self._kind
        self._data, self._kind, self._size = [], "", 0
        return ServerEvent(data="\n".join(data), kind=kind or "message", id=self._id) if data else None
