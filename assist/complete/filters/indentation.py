from __future__ import annotations

import re

from assist.complete.lexical import columns, current_line, last_line
from assist.complete.shape import opens
from assist.complete.values import Candidate

_INDENT = re.compile(r"[ \t]*")


def indentation(candidate: Candidate) -> str | None:
    """With the document's own kind of indentation, and without what stands before the cursor already."""
    lines = candidate.text.split("\n")
    line = current_line(candidate.before)
    if line and not line.strip():
        lines[0] = _first(lines[0], line, candidate)
    return "\n".join([lines[0], *(_own_kind(each, candidate) for each in lines[1:])])


def _first(text: str, line: str, candidate: Candidate) -> str:
    """Some models give a line's whole indentation again, behind the part of it that is there."""
    above = last_line(candidate.before)
    step = candidate.tab_size if opens(above, candidate.language) else 0
    wanted = max(columns(above, candidate.tab_size) + step, columns(line, candidate.tab_size))
    bare = text.lstrip(" \t")
    given = columns(line + text, candidate.tab_size)
    if given <= wanted or text == bare:
        return text
    lacking = wanted - columns(line, candidate.tab_size)
    return _indent(lacking, candidate) + bare


def _own_kind(line: str, candidate: Candidate) -> str:
    match = _INDENT.match(line)
    indent = match.group() if match else ""
    foreign = "\t" if candidate.insert_spaces else " "
    if foreign not in indent:
        return line
    if not candidate.insert_spaces and len(indent) % candidate.tab_size and "\t" not in indent:
        return line  # aligned to something, and not indented
    return _indent(columns(line, candidate.tab_size), candidate) + line[len(indent) :]


def _indent(width: int, candidate: Candidate) -> str:
    if candidate.insert_spaces:
        return " " * width
    return "\t" * (width // candidate.tab_size) + " " * (width % candidate.tab_size)
