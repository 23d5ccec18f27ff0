"""What a model says, as it comes in: without special tokens, safe to render, of bounded length, its citations read."""

from __future__ import annotations

from assist.chat.markdown import Shield
from inference.fim.clean import OutputFilter

MAX_ANSWER = 60_000
"""Characters; ten times a long answer. What is longer has lost its thread, or is meant to fill a memory."""
WORDS = frozenset({"<filename>", "<reponame>", "<repo_name>", "<s>"})
"""Special tokens of some family that people write too, in usage lines and in HTML: these do not end an answer."""


class Speech:
    """Feed it pieces until `is_over`. `raw` is what was said, for its blocks of code; `text` is what may be shown."""

    def __init__(self) -> None:
        self.is_over = False
        self.ended_by = ""
        """special_token or too_long; empty while it goes on, and when the model ended it."""
        self._filter = OutputFilter()
        self._waiting = ""
        """What the filter has taken and not given yet."""
        self._shield = Shield()
        self._raw: list[str] = []
        self._text: list[str] = []
        self._size = 0

    @property
    def raw(self) -> str:
        return "".join(self._raw)

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def open_fence(self) -> str:
        """What would close the block of code that the text ends in; empty outside of one."""
        return self._shield.open_fence

    @property
    def cited(self) -> list[int]:
        """The numbers that stand in the text so far, in order."""
        return self._shield.cited

    def feed(self, piece: str) -> str:
        """What may be shown of it."""
        if self.is_over:
            return ""
        said = self._without_tokens(piece.replace("\r\n", "\n").replace("\0", ""))
        room = MAX_ANSWER - self._size
        if len(said) > room:
            said = said[:room]
            self._end("too_long")
        return self._show(said)

    def finish(self) -> str:
        """What was held back, when the model has ended."""
        held = "" if self.ended_by else self._filter.finish()
        shown = self._show(held)
        rest = self._shield.finish()
        self._text.append(rest)
        self.is_over = True
        return shown + rest

    def _without_tokens(self, piece: str) -> str:
        said: list[str] = []
        while piece:
            self._waiting += piece
            out = self._filter.feed(piece)
            self._waiting = self._waiting[len(out) :]
            said.append(out)
            token = self._filter.ended_by
            if token is None:
                break
            if token not in WORDS:
                self._end("special_token")
                break
            said.append(token)
            piece = self._waiting[len(token) :]
            self._filter, self._waiting = OutputFilter(), ""
        return "".join(said)

    def _show(self, said: str) -> str:
        self._size += len(said)
        self._raw.append(said)
        shown = self._shield.feed(said)
        self._text.append(shown)
        return shown

    def _end(self, why: str) -> None:
        self.is_over = True
        self.ended_by = why
