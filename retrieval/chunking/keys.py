"""The top-level keys of YAML, told by its lines.

tree-sitter-yaml 0.7.2 ends the whole process (SIGSEGV) on 4 kB of `- - - -`, so no file of a workspace is given to it.
"""

from __future__ import annotations

import re
from itertools import zip_longest

from retrieval.chunking.naming import NAME_LIMIT
from retrieval.chunking.symbols import Symbol

_MOST_KEYS = 5_000  # of one file

# What is nested is indented or begins with a dash, and so are the lines of block scalars.
_KEY = re.compile(
    rb"""^(?:"(?P<quoted>[^"\n]{1,200})"|(?P<plain>[^\s#"'\-?{}\[\],&*!|>%@`][^\n#]{0,200}?))[ \t]*:(?=\s|\Z)""",
    re.MULTILINE,
)


def yaml_keys(content: bytes) -> list[Symbol]:
    """In order; each ends where the next begins, or the next document of the file."""
    matches = list(_KEY.finditer(content))[:_MOST_KEYS]
    keys: list[Symbol] = []
    for match, following in zip_longest(matches, matches[1:]):
        end = following.start() if following is not None else len(content)
        separator = content.find(b"\n---", match.start(), end)
        name = (match["quoted"] or match["plain"]).decode("utf-8", "replace").strip()[:NAME_LIMIT]
        line = content[match.start() : content.find(b"\n", match.start()) % (len(content) + 1)]
        keys.append(
            Symbol(
                kind="key",
                name=name,
                qualified=name,
                scope="",
                start=match.start(),
                end=end if separator < 0 else separator + 1,
                parent=-1,
                signature=" ".join(line.decode("utf-8", "replace").split())[:NAME_LIMIT],
                lead=match.start(),
            )
        )
    return keys
