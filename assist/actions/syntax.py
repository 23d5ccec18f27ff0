"""Whether a text still parses as well as it did, by tree-sitter: what can be said of a language that is not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import BadOutput
from retrieval.chunking.grammars import CannotParse, parse
from retrieval.chunking.languages import language_named, language_of
from workspace.edit import Edit

if TYPE_CHECKING:
    from retrieval.chunking.grammars import Node

_MOST_NODES = 50_000
_MOST_BYTES = 400_000  # parsing more would keep the editor waiting


def no_worse(edit: Edit) -> str:
    """What was parsed, for people; empty when no file of the edit could be.

    :raises BadOutput: a file parses worse than before.
    """
    parsed: list[str] = []
    for change in edit.changes:
        if change.after is None:
            continue
        after = _errors(change.path, change.after)
        before = 0 if change.before is None else _errors(change.path, change.before)
        if after is None or before is None:
            continue
        if after > before:
            raise BadOutput(f"{change.path} would not parse any more: the edit leaves it with a syntax error.")
        parsed.append(change.path)
    return ", ".join(parsed)


def _errors(path: str, content: bytes) -> int | None:
    """Nodes that are errors, or that the parser had to imagine; None when the file cannot be parsed at all."""
    language = language_named(language_of(path, content[:4096]))
    if language.grammar is None or len(content) > _MOST_BYTES:
        return None
    try:
        root: Node = parse(language, content)
    except CannotParse:
        return None
    if not root.has_error:
        return 0
    waiting, found, seen = [root], 0, 0
    while waiting and seen < _MOST_NODES:
        node = waiting.pop()
        seen += 1
        if node.type == "ERROR" or node.is_missing:
            found += 1
        waiting += [child for child in node.children if child.has_error or child.is_missing]
    return found
