"""A model's text made safe to render as it streams, and the numbers of the sources it cites.

Whoever wrote the code that a model was shown may have written its answer: a picture in it would carry what it knows
to a server as soon as it is rendered, a link or a tag would pretend to be the editor's own. So outside of code fences
no link, no picture, no definition of one and no HTML that loads, asks or begins a block is left; what they name stays
readable.
"""

from __future__ import annotations

import re

MAX_NUMBERS = 12
"""Characters inside of `[…]` that may be a citation: `[1, 2, 12]`."""
_CITED = re.compile(r"\[([0-9]{1,3}(?: ?, ?[0-9]{1,3}){0,2})\]")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)")
_LONGEST_TAG = 40  # characters held back after a `<`
_TAG = re.compile(r"</?[A-Za-z!?]")
# Elements that load something, take input or end a block; others mid-line are left, such as `List<int>`.
_LOADING = re.compile(
    r"</?(?:a|applet|area|audio|base|body|button|embed|form|frame|frameset|head|html|iframe|img|image|input|link|map|math|"
    r"meta|noscript|object|option|picture|portal|pre|script|select|slot|source|style|svg|template|textarea|title|track|"
    r"video)(?![A-Za-z0-9])|<[!?]|<[A-Za-z][A-Za-z0-9+.-]*:",
    re.IGNORECASE,
)
_BEFORE_BLOCK = re.compile(r"[\s>*+\-#\d.)]*")
_INDENT = re.compile(r"[ \t]*")
_HELD_LINE = 300  # characters of a line that may turn out to open or close a block of code


def safe(text: str) -> str:
    """A whole text as `Shield` gives it back."""
    shield = Shield()
    return shield.feed(text) + shield.finish()


class Shield:
    """Takes a text in pieces and gives it back, safe; what is not certain yet is held back, and never for long.

    Invariant: a fence is given at the margin or not at all, where every reader of Markdown sees it alike, whatever
    list or quotation it stands in. So what counts as code here is code for whoever renders it.

    `cited` has the numbers that stand in the text so far, outside of code, in order.
    """

    def __init__(self) -> None:
        self.cited: list[int] = []
        self._held = ""
        self._line = ""
        """What was given of this line."""
        self._fence = ""
        """What closes the block of code that is open; empty outside."""
        self._in_code = False
        """Between single backticks, by their number so far in this paragraph; only citations ask."""

    @property
    def open_fence(self) -> str:
        """What would close the block of code that the text is in; empty outside of one."""
        return self._fence

    def feed(self, piece: str) -> str:
        text, at = self._held + piece, 0
        out: list[str] = []
        while at < len(text):
            taken, given = self._step(text, at)
            if taken == 0:
                break
            out.append(given)
            self._line = "" if given.endswith("\n") else self._line + given
            at += taken
        self._held = text[at:]
        return "".join(out)

    def finish(self) -> str:
        """What was held back, when there is no more: the end of a line settles everything."""
        return self.feed("\n").removesuffix("\n")

    def _step(self, text: str, at: int) -> tuple[int, str]:
        """How many characters are settled, and what they become; 0 when more is needed to tell."""
        if not self._line:
            taken, given = self._line_start(text, at)
            if taken >= 0:
                return taken, given
        character = text[at]
        if self._fence:
            end = text.find("\n", at) + 1 or len(text)
            return end - at, text[at:end]
        if character == "\n":
            self._in_code = self._in_code and bool(self._line.strip())
            return 1, character
        if character == "<":
            return self._tag(text, at)
        if character == "[" and not self._in_code:
            return self._citation(text, at)
        if character == "(" and self._line.endswith("]"):
            return 1, " ("
        if character == ":" and self._line.endswith("]") and self._may_define():
            return 1, " :"
        if character == "`":
            self._in_code = not self._in_code
        return 1, character

    def _line_start(self, text: str, at: int) -> tuple[int, str]:
        """The whole line when it is a fence, its indentation when it is none; less than 0 when there is neither."""
        indent = _INDENT.match(text, at)
        begin = indent.end() if indent else at
        waits = len(text) - at < _HELD_LINE
        if begin == len(text):
            return (0, "") if waits else (begin - at, text[at:begin])
        if text[begin] not in "`~":
            return (begin - at, text[at:begin]) if begin > at else (-1, "")
        end = text.find("\n", begin)
        if end < 0 and waits and not (self._fence and text[begin] != self._fence[0]):
            return 0, ""
        line = text[begin : end if end >= 0 else len(text)]
        if end >= 0 and self._fence:
            if begin - at <= 3 and "\t" not in text[at:begin] and self._closes(line):
                self._fence = ""
            return end + 1 - at, text[at : end + 1]
        match = _FENCE.fullmatch(line) if end >= 0 and not self._fence else None
        if match is None or (match[1][0] == "`" and "`" in match[2]):
            return (begin - at, text[at:begin]) if begin > at else (-1, "")
        self._fence = match[1]
        return end + 1 - at, line + "\n"

    def _closes(self, line: str) -> bool:
        return line.startswith(self._fence) and not line.rstrip().strip(self._fence[0])

    def _may_define(self) -> bool:
        """Whether a colon here may end the label of a definition: one begins a line, and holds no other bracket."""
        before, bracket, _ = self._line.rpartition("[")
        return not bracket or before.endswith("\\") or _BEFORE_BLOCK.fullmatch(before) is not None

    def _tag(self, text: str, at: int) -> tuple[int, str]:
        window = text[at : at + _LONGEST_TAG]
        if len(window) < _LONGEST_TAG and re.search(r"[^A-Za-z0-9/!?+.-]", window[1:]) is None:
            return 0, ""
        begins = _BEFORE_BLOCK.fullmatch(self._line) is not None and _TAG.match(window)
        escaped = (len(self._line) - len(self._line.rstrip("\\"))) % 2 == 1
        return 1, "\\<" if (begins or _LOADING.match(window)) and not escaped else "<"

    def _citation(self, text: str, at: int) -> tuple[int, str]:
        window = text[at : at + MAX_NUMBERS + 2]
        if len(window) < MAX_NUMBERS + 2 and re.fullmatch(r"\[[0-9 ,]*", window):
            return 0, ""
        match = _CITED.match(window)
        if match is None:
            return 1, "["
        self.cited += [int(number) for number in re.findall(r"\d+", match[1])]
        return match.end(), match[0]
