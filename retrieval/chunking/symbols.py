"""What a parsed file defines: a walk over its tree that stays above the bodies of small functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from retrieval.chunking.languages import CLASSES, FUNCTIONS, SCOPES, Language, Rule
from retrieval.chunking.naming import elixir_definition, go_receiver, name_of, signature_of

_LOOKED_INTO = 400
"""Bytes. A node of a type that the language table does not name is looked into from this size on: a call that
holds a whole test suite, a module in a condition."""
_LOOKED_INTO_FUNCTION = 1_500
"""Bytes. Functions within functions are looked for from this size on, where they may be places to cut."""
_MOST_NODES = 200_000  # looked into in one file; about as many as 2 MB of a flat table have
_MOST_SYMBOLS = 20_000  # of one file
_DEEPEST = 12  # definitions within definitions; what is deeper has no name of its own
_TRANSPARENT = SCOPES | {"module"}  # what is directly in them is as good as at the top of the file
_WRAPPERS = frozenset({"decorated_definition", "export_statement", "template_declaration", "lexical_declaration"})
"""Their start is that of the decorators, or of the keyword, before the definition in them."""
_NOTHING: frozenset[str] = frozenset()


class Node(Protocol):
    """What is used of tree-sitter's nodes."""

    @property
    def type(self) -> str: ...
    @property
    def start_byte(self) -> int: ...
    @property
    def end_byte(self) -> int: ...
    @property
    def children(self) -> Sequence[Node]: ...
    @property
    def has_error(self) -> bool: ...
    def child_by_field_name(self, name: str, /) -> Node | None: ...


@dataclass(slots=True)  # a frozen one takes three times as long to make, and there are millions
class Symbol:
    """A definition, or something that only encloses some. Not changed once its file is read."""

    kind: str
    name: str
    """Simple."""
    qualified: str
    scope: str
    """Qualified name of what encloses it."""
    start: int
    """Byte."""
    end: int
    """Byte, exclusive."""
    parent: int
    """Index of what encloses it among the file's symbols; -1 at the top."""
    signature: str
    lead: int
    """Byte at which what belongs to it begins: its decorators. The same as `start` without any."""


def symbols_of(root: Node, content: bytes, language: Language) -> list[Symbol]:
    """In the order of their starts; what encloses comes before what is in it."""
    found: list[Symbol] = []
    depths: list[int] = []
    definitions, inside, attributes = language.definitions, language.inside, language.attributes
    local = {type_: rule for type_, rule in definitions.items() if rule.kinds or not rule.outermost}
    # Nodes to look into, the next one last: the node, the symbol around it, where what belongs to it begins.
    stack: list[tuple[Node, int, int]] = [(root, -1, 0)]
    visited = 0
    while stack and visited < _MOST_NODES and len(found) < _MOST_SYMBOLS:
        visited += 1
        node, parent, lead = stack.pop()
        type_ = node.type
        if (rule := definitions.get(type_)) is not None:
            around = found[parent] if parent >= 0 else None
            symbol = _symbol(node, rule, content, language, around, parent, lead)
            if symbol is not None:
                depth = depths[parent] + 1 if parent >= 0 else 0
                if depth > _DEEPEST:
                    continue
                found.append(symbol)
                depths.append(depth)
                size = symbol.end - symbol.start
                if symbol.kind in FUNCTIONS and (
                    size < _LOOKED_INTO_FUNCTION or not _may_define(content, symbol, language.defining_words)
                ):
                    continue
                if symbol.kind != "type":  # `typedef struct cart {...} cart_t` defines two things side by side
                    parent = len(found) - 1
            elif type_ not in inside and node.end_byte - node.start_byte < _LOOKED_INTO:
                continue
        wraps = type_ in _WRAPPERS
        in_function = parent >= 0 and found[parent].kind in FUNCTIONS
        defines, always = (local, _NOTHING) if in_function else (definitions, inside)
        below: list[tuple[Node, int, int]] = []
        before = -1
        for child in node.children:
            type_ = child.type
            if type_ in defines or type_ in always or child.end_byte - child.start_byte >= _LOOKED_INTO:
                start = lead if wraps else before if before >= 0 else child.start_byte
                below.append((child, parent, start))
                before = -1
            elif type_ in attributes:
                before = child.start_byte if before < 0 else before
            else:
                before = -1
        stack.extend(reversed(below))
    return _equations_joined(found) if language.name == "haskell" else found


def _may_define(content: bytes, symbol: Symbol, words: tuple[bytes, ...]) -> bool:
    """Whether a function's text has another of the words that begin definitions, where the language has such."""
    return not words or any(content.find(word, symbol.start + len(word) + 6, symbol.end) >= 0 for word in words)


def _equations_joined(symbols: list[Symbol]) -> list[Symbol]:
    """A Haskell function is its signature and all its equations, which follow each other in the tree."""
    joined: list[Symbol] = []
    for symbol in symbols:
        last = joined[-1] if joined else None
        if (
            last is not None
            and symbol.kind in FUNCTIONS
            and (last.kind, last.qualified) == (symbol.kind, symbol.qualified)
        ):
            last.end = symbol.end
        else:
            joined.append(symbol)
    return joined


def _symbol(
    node: Node, rule: Rule, content: bytes, language: Language, around: Symbol | None, parent: int, lead: int
) -> Symbol | None:
    at_the_top = around is None or around.kind in _TRANSPARENT
    if rule.outermost and not at_the_top and not rule.kinds and rule.kind != "function":
        return None
    kind = rule.kind
    if rule.kinds or rule.value:
        types = _types_in(node)
        if rule.value and types.isdisjoint(rule.value):
            return None
        kind = next((other for type_, other in rule.kinds.items() if type_ in types), kind)
        if rule.outermost and kind == rule.kind and not at_the_top:
            assert around is not None
            if kind != "function" or around.kind in FUNCTIONS:
                return None
    if language.name == "elixir":
        if (defined := elixir_definition(node, content)) is None:
            return None
        kind, local = defined
    else:
        local = name_of(node, rule, content, language)
    if not local:
        return None
    if kind == "method" and language.name == "go" and (receiver := go_receiver(node, content)):
        local = f"{receiver}.{local}"
    scope = around.qualified if around is not None else ""
    qualified = f"{scope}.{local}" if scope else local
    name = local
    if language.is_code and "." in local:
        name = local.rpartition(".")[2]
        scope = qualified.rpartition(".")[0]
        kind = "method" if kind == "function" else kind
    elif kind == "function" and around is not None and around.kind in CLASSES:
        kind = "method"
    start = node.start_byte
    signature = "" if kind in SCOPES else signature_of(node, content)
    return Symbol(kind, name, qualified, scope, start, node.end_byte, parent, signature, min(lead, start))


def _types_in(node: Node) -> set[str]:
    """The types of a node's children, and of what they only wrap: C's pointers, Lua's lists of values."""
    types: set[str] = set()
    waiting = list(node.children)
    while waiting:
        child = waiting.pop()
        types.add(child.type)
        if child.type in ("pointer_declarator", "reference_declarator", "expression_list"):
            waiting.extend(child.children)
    return types
