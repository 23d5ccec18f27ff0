"""Code as tokens that every language shares more or less, and what differs between two pieces of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from keyword import kwlist, softkwlist

_MOST = 3000
"""Tokens of both sides that are compared: the comparison takes the square of them."""

_NAME = r"[^\W\d]\w*"
_COMMON = rf"""(?P<space>[^\S\r\n]+)|(?P<line>\r\n|\r|\n)|(?P<name>{_NAME})|(?P<number>\d[\w.]*)"""
_STRINGS = r""""(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*' """.strip()
_PYTHON = re.compile(
    rf"""(?P<quoted>(?:[rbuRBU]{{0,2}})(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|{_STRINGS}))"""
    rf"""|(?P<comment>\#[^\r\n]*)|{_COMMON}|(?P<mark>.)""",
    re.DOTALL,
)
_OTHERS = re.compile(
    rf"""(?P<quoted>{_STRINGS}|`(?:\\.|[^`\\])*`)|(?P<comment>//[^\r\n]*|/\*.*?\*/)|{_COMMON}|(?P<mark>.)""", re.DOTALL
)
_HASH = frozenset({"python", "bash", "ruby", "toml", "yaml", "r", "perl"})

KEYWORDS = frozenset((*kwlist, *softkwlist)) | {
    "await", "break", "case", "catch", "class", "const", "continue", "do", "else", "enum", "export", "extends",
    "false", "fn", "for", "from", "func", "function", "if", "impl", "import", "in", "interface", "let", "match",
    "mod", "mut", "new", "null", "package", "private", "public", "pub", "return", "self", "static", "struct",
    "super", "switch", "this", "throw", "throws", "trait", "true", "try", "type", "use", "var", "void", "while",
    "yield", "int", "str", "float", "bool",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    """name, number, quoted, comment, space, line or mark."""
    text: str
    start: int
    """Code points."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_code(self) -> bool:
        return self.kind not in ("space", "line", "comment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Tokens that were replaced by others."""

    old: tuple[Token, ...]
    new: tuple[Token, ...]
    old_at: int
    """Number of the first old token among all of that side."""
    new_at: int


@lru_cache(maxsize=64)
def tokens(text: str, language: str) -> tuple[Token, ...]:
    pattern = _PYTHON if language in _HASH else _OTHERS
    return tuple(Token(found.lastgroup or "mark", found[0], found.start()) for found in pattern.finditer(text))


def hunks(before: Sequence[Token], after: Sequence[Token]) -> tuple[Hunk, ...] | None:
    """What differs, in order; None when that is too much to compare."""
    if len(before) + len(after) > _MOST:
        return None
    matcher = SequenceMatcher(a=[each.text for each in before], b=[each.text for each in after], autojunk=False)
    return tuple(
        Hunk(old=tuple(before[i:j]), new=tuple(after[k:m]), old_at=i, new_at=k)
        for tag, i, j, k, m in matcher.get_opcodes()
        if tag != "equal"
    )


def line_of(text: str, offset: int) -> int:
    """The 0-based line of an offset."""
    return len(re.findall(r"\r\n|\r|\n", text[:offset]))
