"""Answers without a model: what was found, under the numbers by which it is cited."""

from __future__ import annotations

from assist.chat.context import Shown, Source
from workspace.changes import Changes

_LINES = 8  # of each source
_SOURCES = 8


def found_text(shown: Shown, *, why: str, query: str) -> str:
    """:param why: a sentence that says why no model answers; empty when nobody asked for one."""
    of_search = f"for “{query}”" if query else ""
    head = f"{why} " if why else ""
    sources = shown.sources[:_SOURCES]
    if not sources:
        return f"{head}Nothing was found {of_search}".rstrip() + "."
    what = f"This was found {of_search}".rstrip() if query else "This is what the question names"
    more = f"\n\n{len(shown.sources) - _SOURCES} more are among the citations." if len(shown.sources) > _SOURCES else ""
    return f"{head}{what}:\n\n" + "\n\n".join(map(_entry, sources)) + more


def talk_text(why: str) -> str:
    return f"{why} Ask about the code: what is found is shown, with its sources."


def commit_text(changes: Changes) -> str:
    """A plain message for a commit: what every tool can tell."""
    names = [change.path.rpartition("/")[2] for change in changes.edit.changes]
    verbs = {
        "Add" if change.before is None else "Remove" if change.after is None else "Change"
        for change in changes.edit.changes
    }
    verb = verbs.pop() if len(verbs) == 1 else "Change"
    shown = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{len(names)} files"
    return f"{verb} {shown}"


def _entry(source: Source) -> str:
    place = source.citation
    lines = source.text.rstrip().split("\n")
    cut = [*lines[:_LINES], "…"] if len(lines) > _LINES else lines
    name = f" `{place.symbol}`" if place.symbol else ""
    code = "\n".join(cut)
    mark = "```"
    while mark in code:
        mark += "`"
    where = f"{place.path}, lines {place.start_line + 1} to {place.end_line}"
    return f"[{place.number}]{name} {where}\n\n{mark}\n{code}\n{mark}"
