"""Grammars and parsers. The only module that knows tree-sitter.

A grammar is a library of its own (tree-sitter-python, ...), loaded when its first file comes. Nothing is fetched.
"""

from __future__ import annotations

import re
import threading
import time
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from retrieval.chunking.languages import LANGUAGES, Grammar, Language

if TYPE_CHECKING:
    import tree_sitter
    from tree_sitter import Node as Node

PARSE_LIMIT = 2 << 20
"""Bytes of a file that is parsed; a larger one is data or generated. Its tree needs about 10 times as much."""
PARSE_SECONDS = 3.0
"""Of the processor, for one file. 2 MB of ordinary code take about 0.3 s; more means endless attempts at repair."""


class CannotParse(Exception):
    """Why a file has no tree, in words for its reader."""


def parse(language: Language, content: bytes) -> Node:
    """The root of the file's tree. tree-sitter always finds one: what it cannot read are ERROR nodes.

    Input made for it can still take minutes: at the end of 16 kB of `a=>a=>` in C, tree-sitter repairs for 18 s without
    asking whether to go on. Where that matters, parse in a process that can be killed.

    :raises CannotParse: without a grammar, for a file that is too large or takes too long.
    """
    if language.grammar is None:
        raise CannotParse(f"there is no grammar for {language.name}")
    if len(content) > PARSE_LIMIT:
        raise CannotParse(f"it is larger than {PARSE_LIMIT >> 20} MB")
    parser = _parser(language.grammar, language.in_default_install)
    until = time.thread_time() + PARSE_SECONDS
    view = memoryview(content)
    try:
        # Only the form that reads through a function can be stopped.
        tree = parser.parse(
            lambda at, _point: view[at:],
            progress_callback=lambda _at, _has_error: time.thread_time() > until,
        )
    except ValueError as error:
        parser.reset()
        raise CannotParse(f"parsing took longer than {PARSE_SECONDS:g} s") from error
    return tree.root_node


def missing_grammars() -> list[str]:
    """Names of the languages whose grammar is not installed, sorted."""
    return sorted(
        language.name
        for language in LANGUAGES
        if language.grammar is not None and find_spec(language.grammar.module) is None
    )


@lru_cache
def keywords(grammar: Grammar) -> frozenset[str]:
    """The words that a grammar itself consists of.

    :raises CannotParse: when the grammar is not there.
    """
    loaded = _load(grammar, in_default_install=True)
    kinds = (loaded.node_kind_for_id(i) for i in range(loaded.node_kind_count) if not loaded.node_kind_is_named(i))
    return frozenset(kind.lstrip("#") for kind in kinds if kind and re.fullmatch(r"#?[A-Za-z_]\w*", kind))


_local = threading.local()  # a parser serves one thread at a time


def _parser(grammar: Grammar, in_default_install: bool) -> tree_sitter.Parser:
    parsers: dict[Grammar, tree_sitter.Parser] = _local.__dict__.setdefault("parsers", {})
    if (parser := parsers.get(grammar)) is None:
        import tree_sitter

        parser = parsers[grammar] = tree_sitter.Parser(_load(grammar, in_default_install))
    return parser


@lru_cache
def _load(grammar: Grammar, in_default_install: bool) -> tree_sitter.Language:
    try:
        import tree_sitter

        pointer: object = getattr(import_module(grammar.module), grammar.function)()
        return tree_sitter.Language(pointer)
    except (ImportError, AttributeError, ValueError) as error:
        how = f"install {grammar.package}"
        if not in_default_install:
            how += ', or Assay with its extra for more languages: "assay[languages]"'
        raise CannotParse(f"the grammar {grammar.package} is not installed or does not fit; {how}") from error
