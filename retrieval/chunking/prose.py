"""Sections of prose: by the headings in Markdown's tree, by those of reStructuredText's lines, without a grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.chunking.naming import NAME_LIMIT
from retrieval.chunking.symbols import Node, Symbol

SEPARATOR = " > "
"""Between the headings of a section's qualified name."""
_MOST_SECTIONS = 5_000  # of one file
_LEVELS = re.compile(r"(?:atx|setext)_h([1-6])_(?:marker|underline)")
_MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}|\s#+$")

# A title and the line of one punctuation character below it; a line of the same above it makes it another style.
_RST_TITLE = re.compile(
    rb"(?P<over>^([^\w\s])\2{2,}[ \t]*\r?\n)?^(?P<title>[^\n]{1,300})\n(?P<under>([^\w\s])\5{2,})[ \t]*\r?$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heading:
    start: int
    """Byte."""
    level: int
    """The lower, the more is below it."""
    title: str


def markdown_sections(root: Node, content: bytes) -> list[Symbol]:
    """In order; what encloses comes first."""
    headings: list[_Heading] = []
    waiting: list[Node] = [root]
    while waiting and len(headings) < _MOST_SECTIONS:
        node = waiting.pop()
        if node.type in ("atx_heading", "setext_heading"):
            level = next((int(m[1]) for child in node.children if (m := _LEVELS.fullmatch(child.type))), 6)
            text = node.child_by_field_name("heading_content")
            raw = (
                content[text.start_byte : min(text.end_byte, text.start_byte + 4 * NAME_LIMIT)]
                if text is not None
                else b""
            )
            title = _MARKUP.sub(r"\1", " ".join(raw.decode("utf-8", "replace").split())).strip()
            if title:
                headings.append(_Heading(start=node.start_byte, level=level, title=title[:NAME_LIMIT]))
        elif node.type in ("document", "section"):
            waiting.extend(reversed(node.children))
    return _nested(headings, len(content))


def rst_sections(content: bytes) -> list[Symbol]:
    """In order; the styles of their underlines make levels in order of appearance.

    docutils, reStructuredText Markup Specification, "Sections".
    """
    styles: list[tuple[bool, bytes]] = []
    headings: list[_Heading] = []
    for match in _RST_TITLE.finditer(content):
        title = match["title"].strip().decode("utf-8", "replace")
        if len(match["under"]) < len(title) or not re.search(r"\w", title):
            continue
        style = (match["over"] is not None, match["under"][:1])
        if style not in styles:
            styles.append(style)
        headings.append(_Heading(start=match.start(), level=styles.index(style), title=title[:NAME_LIMIT]))
        if len(headings) == _MOST_SECTIONS:
            break
    return _nested(headings, len(content))


def _nested(headings: Sequence[_Heading], size: int) -> list[Symbol]:
    """Each section ends where the next begins that is not below it."""
    sections: list[Symbol] = []
    open_: list[tuple[int, Symbol]] = []  # from the outermost: index and section
    levels: list[int] = []
    for heading in headings:
        while levels and levels[-1] >= heading.level:
            levels.pop()
            open_.pop()[1].end = heading.start
        parent, around = open_[-1] if open_ else (-1, None)
        scope = around.qualified if around is not None else ""
        section = Symbol(
            kind="section",
            name=heading.title,
            qualified=f"{scope}{SEPARATOR}{heading.title}" if scope else heading.title,
            scope=scope,
            start=heading.start,
            end=size,
            parent=parent,
            signature=heading.title,
            lead=heading.start,
        )
        open_.append((len(sections), section))
        levels.append(heading.level)
        sections.append(section)
    return sections
