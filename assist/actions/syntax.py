"""Whether a text still parses as well as it did, by tree-sitter: what can be said of a language that is not run."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from inference.errors import BadOutput
from retrieval.chunking.grammars import CannotParse, parse
from retrieval.chunking.languages import language_named, language_of
from retrieval.index.workers import Workers
from workspace.edit import Edit

if TYPE_CHECKING:
    from retrieval.chunking.grammars import Node

_SECONDS = 10.0  # starting the process included
_MOST_NODES = 50_000
_MOST_BYTES = 400_000  # parsing more would keep the editor waiting


async def no_worse(edit: Edit) -> str:
    """What was parsed, for people; empty when no file of the edit could be.

    In a process that is killed when it takes long: a model's text may be made to keep a parser busy.

    :raises BadOutput: a file parses worse than before, or takes too long to parse.
    """
    workers = Workers(1, niceness=0)
    try:
        parsed, worse = await workers.within(_SECONDS, compare, edit)
    except (TimeoutError, BrokenProcessPool) as error:
        raise BadOutput("It cannot be parsed in any reasonable time.") from error
    finally:
        workers.close()
    if worse:
        raise BadOutput(f"{worse} would not parse any more: the edit leaves it with a syntax error.")
    return ", ".join(parsed)


def compare(edit: Edit) -> tuple[tuple[str, ...], str]:
    """Files that could be parsed without and with the edit, and the first that parses worse; empty for none."""
    parsed: list[str] = []
    for change in edit.changes:
        if change.after is None:
            continue
        after = _errors(change.path, change.after)
        before = 0 if change.before is None else _errors(change.path, change.before)
        if after is None or before is None:
            continue
        if after > before:
            return tuple(parsed), change.path
        parsed.append(change.path)
    return tuple(parsed), ""


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
